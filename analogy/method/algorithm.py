"""Deep image analogy, algorithm 1 of the paper: two images in, two images and two flows out."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analogy.images import as_image, resize
from analogy.method.blend_weight import choose_blend_weight
from analogy.method.coarse import coarse_matches
from analogy.method.colour_refinement import refine
from analogy.method.confidence import confidence_map, fill_unreliable, round_trips
from analogy.method.deconvolution import Deconvolution, prepare
from analogy.method.flow import displacements
from analogy.method.full_size import scale_of, vote_at_full_size
from analogy.method.masks import Masks, MatchingMasks, check_masks
from analogy.method.memory_estimate import check_memory
from analogy.method.progress import Progress, ScaleProgress
from analogy.method.reconstruction import (
    blend_with_content,
    deconvolve_detail,
    resample_detail,
    vote_detail,
)
from analogy.method.record import run_record
from analogy.method.scales import FIRST_LEVEL, carried_matches, scale_shapes
from analogy.method.search import LevelFeatures, Matches, initial_matches, search_matches
from analogy.method.session import Session
from analogy.method.subpixel_refinement import refine_matches
from analogy.network.features import FeatureExtractor
from analogy.network.layers import Network
from analogy.parameters import LEVELS, Parameters
from analogy_kernels.imaging.vote import vote_field
from analogy_kernels.matching.upsample import upsample_nnf
from analogy_kernels.target import target_of

_log = logging.getLogger(__name__)

_PREPARATION = "preparing kernels (compiling, the first time)"

# Seconds at 448x448 on two CPU cores: what the progress bar expects of each stage.
_SEARCH_SHARES = {5: 0.1, 4: 0.3, 3: 1.0, 2: 3.0, 1: 6.0}
_RECONSTRUCTION_SHARES = {5: 30.0, 4: 23.0, 3: 23.0, 2: 13.0}


@dataclass(frozen=True)
class Analogy:
    """Result of a transfer.

    Attributes
    ----------
    a_prime : uint8 array, (height of A, width of A, 3)
        A in the look of B'.
    b : uint8 array, (height of B', width of B', 3)
        B' in the look of A.
    flow_ab, flow_ba : float32 arrays, (height, width, 2)
        From each pixel of A to its match in B' and the reverse, (dx, dy) in pixels.
    confidence_a, confidence_b : uint8 arrays, (height, width)
        How far the match of each pixel of A, and of B', leads back: 255 to itself, see
        :func:`analogy.method.confidence.confidence_map`. Of the matches before any were filled.
    record : dict
        What was run, on what, and how long it took; ready for JSON.
    a_prime_refined, b_refined : uint8 arrays of the same sizes, or None where not asked for
        A in the colours of B' and B' in those of A, each with its own detail (eq. 7).
    """

    a_prime: np.ndarray
    b: np.ndarray
    flow_ab: np.ndarray
    flow_ba: np.ndarray
    confidence_a: np.ndarray
    confidence_b: np.ndarray
    record: dict
    a_prime_refined: np.ndarray | None = None
    b_refined: np.ndarray | None = None


@dataclass(frozen=True)
class LevelState:
    """What a transfer knows when it has searched a level; arrays lie where it computes.

    Attributes
    ----------
    level : int
    matches : Matches
    a_prime, b : float32 arrays, (height, width, channels)
        Features of A' and B that were matched.
    """

    level: int
    matches: Matches
    a_prime: Any
    b: Any


def transfer(
    a: ArrayLike,
    b_prime: ArrayLike,
    parameters: Parameters | None = None,
    *,
    model: str | os.PathLike | None = None,
    device: str = "auto",
    session: Session | None = None,
    progress: Callable[[float, str], None] | None = None,
    on_level: Callable[[LevelState], None] | None = None,
    masks: Masks | None = None,
) -> Analogy:
    """Exchange the looks of two images that show the same kind of thing.

    Parameters
    ----------
    a, b_prime : arrays, (height, width, 3)
        RGB images, uint8 or floats in [0, 1]; grey and RGBA images are understood too.
    parameters : Parameters, optional
    model : path, optional
        ONNX weights, by default the bundled ones.
    device : "auto", "cuda" or "cpu"
    session : Session, optional
        Of several transfers, instead of `model` and `device`.
    progress : callable, (fraction in [0, 1], text) -> None, optional
    on_level : callable, LevelState -> None, optional
        Told of each level of the last and largest size when it has been searched.
    masks : Masks, optional
        Which parts of the images belong together, and what of A is kept, see
        :mod:`analogy.method.masks`.

    Returns
    -------
    Analogy

    Raises
    ------
    AnalogyError
        If an image, a mask, the model or the device cannot be used; the message says what to do.
    """
    parameters = parameters or Parameters()
    a, b_prime = as_image(a, "a"), as_image(b_prime, "b_prime")
    if masks:
        check_masks(masks, a.shape[:2], b_prime.shape[:2])
        if masks.a is not None:
            # Votes know no labels.
            parameters = replace(parameters, coarse_matching="patchmatch")
    shapes = scale_shapes(a.shape[:2], b_prime.shape[:2], parameters, ("a", "b_prime"))
    session = session or Session(model, device)
    limits = parameters.ratio, parameters.max_side, session.free_memory
    check_memory(a.shape[:2], b_prime.shape[:2], *limits, parameters.refine)
    progress = Progress(progress, _expected_shares(parameters, shapes))
    _log.info("computing on %s", session.target.name)
    _log.debug("%s", parameters)
    with progress.stage("features"):
        network, extractor = session.network, session.extractor
    with progress.stage(_PREPARATION):
        session.warm_up(parameters)
    choice = None
    if parameters.choose_alphas:
        with progress.stage("blend weight"):
            small_a, small_b_prime = resize(a, shapes[0][0]), resize(b_prime, shapes[0][1])
            choice = choose_blend_weight(extractor(small_a), extractor(small_b_prime), parameters)
        parameters = replace(parameters, alphas=choice.alphas)
    matching_masks = MatchingMasks(masks)
    matches, deconvolutions = match_from_small_to_large(
        a, b_prime, shapes, network, extractor, parameters, progress, on_level, matching_masks
    )
    with progress.stage("confidence"):
        matches, confidence_a, confidence_b = _judged(
            matches, a, b_prime, shapes[-1], parameters, matching_masks
        )
    (a_prime, flow_ab), (b, flow_ba) = _rebuilt(
        matches, a, b_prime, shapes[-1], parameters, progress
    )
    if masks and masks.keep is not None:
        a_prime[masks.keep != 0] = a[masks.keep != 0]
    refined = None, None
    if parameters.refine:
        with progress.stage("refinement"):
            refined = (
                refine(a_prime, a, parameters, session.target),
                refine(b, b_prime, parameters, session.target),
            )
    used = {"device": extractor.device, "providers": list(extractor.providers)}
    record = run_record(parameters, network, used, progress, deconvolutions, shapes)
    if choice:
        record["blend_weight"] = asdict(choice)
    return Analogy(a_prime, b, flow_ab, flow_ba, confidence_a, confidence_b, record, *refined)


def _judged(matches, a, b_prime, matched, parameters, masks):
    """Matches, filled where they do not lead back if that is asked for, and both confidences."""
    stride = _stride(parameters)
    distances = round_trips(matches)
    confidences = [
        confidence_map(distance, image.shape[:2], stride)
        for distance, image in zip(distances, (a, b_prime), strict=True)
    ]
    if parameters.fill_unreliable:
        masks_here = masks.at(parameters.finest_level, *matched, target_of(matches.ab))
        limit = parameters.fill_beyond / stride
        matches = fill_unreliable(matches, *distances, limit, masks_here)
    return matches, *confidences


def _stride(parameters):
    """Pixels of an image as matched in one of the finest level."""
    return 2 ** (parameters.finest_level - 1)


def _rebuilt(matches, a, b_prime, matched, parameters, progress):
    """A' and B at the images' own size, each with the flow that it was put together by."""
    scales = [
        scale_of(_stride(parameters), small, image.shape[:2])
        for small, image in zip(matched, (a, b_prime), strict=True)
    ]
    rebuild = _by_fractions if parameters.refines_matches else _by_pixels
    return rebuild(matches, a, b_prime, scales, parameters, progress)


def _by_pixels(matches, a, b_prime, scales, parameters, progress):
    """As :func:`_rebuilt`, by matches that are whole pixels."""
    vote = parameters.vote_side, parameters.vote_width
    with progress.stage("vote"):
        return (
            vote_at_full_size(matches.ab, a, b_prime, *scales, *vote),
            vote_at_full_size(matches.ba, b_prime, a, *scales[::-1], *vote),
        )


def _by_fractions(matches, a, b_prime, scales, parameters, progress):
    """As :func:`_rebuilt`, by matches that are smoothed and refined to fractions of a pixel."""
    with progress.stage("match refinement"):
        nnf_ab = upsample_nnf(matches.ab, a.shape[:2], b_prime.shape[:2], *scales)
        nnf_ba = upsample_nnf(matches.ba, b_prime.shape[:2], a.shape[:2], *scales[::-1])
        fields = refine_matches(a, b_prime, nnf_ab, nnf_ba, parameters)
    on = target_of(*fields)
    with progress.stage("vote"):
        return [
            (
                on.to_host(vote_field(on.asarray(image), field, parameters.vote_side)),
                displacements(on.to_host(field)),
            )
            for image, field in zip((b_prime, a), fields, strict=True)
        ]


def match_from_small_to_large(
    a: np.ndarray,
    b_prime: np.ndarray,
    shapes: Sequence[tuple[tuple[int, int], tuple[int, int]]],
    network: Network,
    extractor: FeatureExtractor,
    parameters: Parameters,
    progress: Progress,
    on_level: Callable[[LevelState], None] | None = None,
    masks: MatchingMasks | None = None,
) -> tuple[Matches, dict[tuple[int, int, str], Deconvolution]]:
    """Match two images at one size after another, each led by the matches of the one before.

    Parameters
    ----------
    a, b_prime : uint8 arrays, (height, width, 3)
    shapes : sequence of (shape, shape)
        Height and width of A and of B' at each size, from small to large, as
        :func:`analogy.method.scales.scale_shapes` gives them.
    network : Network
    extractor : FeatureExtractor
    parameters : Parameters
    progress : Progress
    on_level : callable, LevelState -> None, optional
        Told of each level of the last size when it has been searched.
    masks : MatchingMasks, optional

    Returns
    -------
    matches : Matches
        At the finest level of the last size.
    deconvolutions : dict, (scale, level, "a_prime" or "b") -> Deconvolution
        By the size, counted from 0, the level and the image.
    """
    matches: Any = None
    deconvolutions = {}
    for scale, (shape_a, shape_b) in enumerate(shapes):
        is_last = scale == len(shapes) - 1
        part = progress.of_scale(scale, len(shapes))
        _log.info("matching %d x %d with %d x %d px", *shape_a[::-1], *shape_b[::-1])
        with part.stage("features"):
            features_a, features_b_prime = (
                extractor(resize(a, shape_a)),
                extractor(resize(b_prime, shape_b)),
            )
        matches, found = match_features(
            features_a,
            features_b_prime,
            network,
            parameters if is_last else _leading(parameters),
            part,
            on_level if is_last else None,
            masks,
            matches,
        )
        deconvolutions |= {(scale, *key): value for key, value in found.items()}
    return matches, deconvolutions


def _leading(parameters):
    """Parameters of the smaller sizes, which are to find where things are.

    All of their levels count, whatever is the finest of the last size, and it does not matter what
    results would be made of.
    """
    return replace(parameters, finest_level=1, evenness=(0.0,) * len(LEVELS))


def match_features(
    features_a: Sequence[Any],
    features_b_prime: Sequence[Any],
    network: Network,
    parameters: Parameters,
    progress: Progress | ScaleProgress,
    on_level: Callable[[LevelState], None] | None = None,
    masks: MatchingMasks | None = None,
    smaller: Matches | None = None,
) -> tuple[Matches, dict[tuple[int, str], Deconvolution]]:
    """Match the features of two images from level 5 down to 1.

    Parameters
    ----------
    features_a, features_b_prime : sequences of six float32 arrays, (height, width, channels)
        By level; the image as the network's first layer takes it is level 0.
    network : Network
    parameters : Parameters
    progress : Progress or ScaleProgress
    on_level : callable, LevelState -> None, optional
        Told of each level when it has been searched.
    masks : MatchingMasks, optional
    smaller : Matches, optional
        Of the same images at a smaller size: they take the place of levels 5 and 4, and the search
        begins at level 3.

    Returns
    -------
    matches : Matches
        At the finest level of `parameters`.
    deconvolutions : dict, (level, "a_prime" or "b") -> Deconvolution
    """
    a, b_prime = features_a, features_b_prime
    a_prime, b = a[5], b_prime[5]
    on = target_of(a_prime, b)
    masks = masks or MatchingMasks(None)
    matched = a[1].shape[:2], b_prime[1].shape[:2]
    matches = initial_matches(a_prime.shape[:2], b.shape[:2], parameters, on)
    deconvolutions: dict[tuple[int, str], Deconvolution] = {}
    known = {} if smaller is None else carried_matches(smaller, a, b_prime)
    for level in LEVELS:
        if parameters.independent_levels:
            matches = initial_matches(a[level].shape[:2], b_prime[level].shape[:2], parameters, on)
        has_colours = parameters.colour_weight > 0 and level == 1
        with progress.stage("search", level):
            if level == 5 and _is_matched_by_votes(parameters) and not known:
                known = coarse_matches(a, b_prime)
            is_known = level in known and level > FIRST_LEVEL
            if is_known or not _follows_reconstruction(level, parameters):
                a_prime, b = a[level], b_prime[level]
            matches = search_matches(
                LevelFeatures(a[level], a_prime, b, b_prime[level]),
                known.get(level, matches),
                level,
                parameters,
                iterations=0 if is_known else None,
                reach=parameters.search_reach(level) if known else None,
                colours=(a[0], b_prime[0]) if has_colours else None,
                masks=masks.at(level, *matched, on),
            )
        if on_level:
            on_level(LevelState(level, matches, a_prime, b))
        if level == parameters.finest_level:
            break
        keep = masks.at(level - 1, *matched, on).keep
        finer = _upsampled(matches, a[level - 1].shape[:2], b_prime[level - 1].shape[:2])
        if _is_voted(level, parameters, known):
            start = known.get(level - 1, finer)
            a_prime, b = _voted_both(a, b_prime, start, level - 1, parameters, keep)
        elif _is_reconstructed(level, parameters, known):
            with progress.stage("reconstruction", level) as tick:
                a_prime, b, found = _reconstruct_both(
                    a, b_prime, matches, network, level, parameters, tick, keep
                )
            deconvolutions |= found
        matches = finer
    return matches, deconvolutions


def _is_matched_by_votes(parameters):
    return parameters.coarse_matching == "hough" and not parameters.independent_levels


def _follows_reconstruction(level, parameters):
    """Tell whether the features of A' and B at a level are made from the matches of the one above.

    They are those of A and B' where they are not.
    """
    return level < parameters.coarsest_reconstruction and not parameters.independent_levels


def _is_reconstructed(level, parameters, known):
    """Tell whether the level below asks for features of A' and B made from this one's matches."""
    if level <= parameters.finest_level or not _follows_reconstruction(level - 1, parameters):
        return False
    return level - 1 <= FIRST_LEVEL or level - 1 not in known


def _is_voted(level, parameters, known):
    """Tell whether those features are voted by matches of the level below, at no cost to speak of.

    They may be where a smaller size leads, whose matches are known down to `FIRST_LEVEL`.
    """
    if FIRST_LEVEL not in known or not _is_reconstructed(level, parameters, known):
        return False
    is_deconvolved = level in parameters.led_deconvolutions
    # Nothing has been searched above what is known: there are no other matches to go by.
    return level - 1 in known or (
        parameters.reconstruction == "deconvolution" and not is_deconvolved
    )


def _upsampled(matches, shape_a, shape_b):
    """Matches one level further down, whose sizes are given; without costs."""
    return Matches(
        upsample_nnf(matches.ab, shape_a, shape_b), upsample_nnf(matches.ba, shape_b, shape_a)
    )


def _voted_both(a, b_prime, matches, level, parameters, keep):
    """Features of A' and B at a level, straight from matches of that level."""
    details = (
        vote_detail(b_prime, matches.ab, level, parameters),
        vote_detail(a, matches.ba, level, parameters),
    )
    return _blended_both(a, b_prime, details, level, parameters, keep)


def _reconstruct_both(a, b_prime, matches, network, level, parameters, tick, keep=None):
    """Features of A' and B one level below `level`, and how their deconvolutions went."""
    if parameters.reconstruction == "resampling":
        details = (
            resample_detail(a, b_prime, matches.ab, level),
            resample_detail(b_prime, a, matches.ba, level),
        )
        found = {}
    else:
        layers = _layers_below(network, level, parameters.deconv_depth, target_of(a[level]))
        forward = deconvolve_detail(
            a, b_prime, matches.ab, level, layers, parameters, lambda part: tick(part / 2)
        )
        reverse = deconvolve_detail(
            b_prime, a, matches.ba, level, layers, parameters, lambda part: tick((1 + part) / 2)
        )
        details = forward.features, reverse.features
        found = {(level, "a_prime"): forward, (level, "b"): reverse}
    return *_blended_both(a, b_prime, details, level - 1, parameters, keep), found


def _blended_both(a, b_prime, details, level, parameters, keep):
    """Features of A' and B at a level: the content's, and the details that were carried there."""
    detail_of_b_prime, detail_of_a = details
    return (
        blend_with_content(a[level], detail_of_b_prime, level, parameters, keep),
        blend_with_content(b_prime[level], detail_of_a, level, parameters),
    )


def _layers_below(network, level, depth, target):
    kept = len(network.layers(level - depth, level - 1)) if depth > 1 else 0
    return prepare(network.layers(level - depth, level), kept, target)


def _expected_shares(parameters, shapes):
    """What each stage costs of a whole run, measured on two CPU cores."""
    shares = {("features", None): 0.5, (_PREPARATION, None): 0.5, ("vote", None): 0.1}
    shares["confidence", None] = 0.1
    if parameters.refines_matches:
        shares["match refinement", None] = 1.5 * parameters.smoothing + 0.4 * parameters.subpixel
    if parameters.choose_alphas:
        shares["blend weight", None] = _SEARCH_SHARES[5]
    if parameters.refine:
        shares["refinement", None] = 0.5
    largest = math.prod(shapes[-1][0])
    for scale, (shape_a, _) in enumerate(shapes):
        stages = _scale_shares(parameters, scale > 0, scale == len(shapes) - 1)
        size = math.prod(shape_a) / largest
        shares |= {(*stage, scale): size * share for stage, share in stages.items()}
    return shares


def _scale_shares(parameters, is_led, is_last):
    """The same of one size, where the last has the area 1."""
    parameters = parameters if is_last else _leading(parameters)
    known = (5, 4, 3) if is_led else (5, 4) if _is_matched_by_votes(parameters) else ()
    shares = {("features", None): 2.0}
    for level in range(5, parameters.finest_level - 1, -1):
        shares["search", level] = _SEARCH_SHARES[level]
        is_voted = _is_voted(level, parameters, known)
        if _is_reconstructed(level, parameters, known) and not is_voted:
            shares["reconstruction", level] = _RECONSTRUCTION_SHARES[level]
    return shares
