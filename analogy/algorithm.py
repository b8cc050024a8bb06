"""Deep image analogy, algorithm 1 of the paper: two images in, two images and two flows out."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analogy.blend_weight import choose_blend_weight
from analogy.coarse import coarse_matches
from analogy.confidence import confidence_map, fill_unreliable, round_trips
from analogy.deconvolution import Deconvolution, prepare
from analogy.faces import choose_ratio
from analogy.flow import displacements
from analogy.full_size import scale_of, vote_at_full_size
from analogy.images import as_image, matching_shape, resize, size_of
from analogy.masks import Masks, MatchingMasks, check_masks
from analogy.match_refinement import refine_matches
from analogy.memory import check_memory
from analogy.network import Network
from analogy.parameters import LEVELS, Parameters
from analogy.progress import Progress
from analogy.reconstruction import blend_with_content, deconvolve_detail, resample_detail
from analogy.record import run_record
from analogy.refinement import refine
from analogy.search import LevelFeatures, Matches, initial_matches, search_matches
from analogy.session import Session
from kernels.imaging.vote import vote_field
from kernels.matching.upsample import upsample_nnf
from kernels.target import target_of

_log = logging.getLogger(__name__)

_PREPARATION = "preparing kernels (compiling, the first time)"

# Seconds at 448x448 on two CPU cores: what the progress bar expects of each stage.
_SEARCH_SHARES = {5: 0.1, 4: 0.2, 3: 0.4, 2: 1.8, 1: 5.2}
_RECONSTRUCTION_SHARES = {5: 24.0, 4: 16.0, 3: 16.0, 2: 7.0}


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
        :func:`analogy.confidence.confidence_map`. Of the matches before any were filled.
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
        Told of each level when it has been searched.
    masks : Masks, optional
        Which parts of the images belong together, and what of A is kept: :mod:`analogy.masks`.

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
    parameters, faces = _with_ratio(parameters, a, b_prime)
    if masks:
        check_masks(masks, a.shape[:2], b_prime.shape[:2])
        if masks.a is not None:
            # Votes know no labels.
            parameters = replace(parameters, coarse_matching="patchmatch")
    scale = parameters.ratio, parameters.max_side
    small_a, small_b_prime = (
        resize(image, matching_shape(image.shape[:2], *scale, name))
        for image, name in ((a, "a"), (b_prime, "b_prime"))
    )
    session = session or Session(model, device)
    target = session.target
    check_memory(a.shape[:2], b_prime.shape[:2], *scale, session.free_memory, parameters.refine)
    progress = Progress(progress, _expected_shares(parameters))
    _log.info("matching %s with %s px on %s", size_of(small_a), size_of(small_b_prime), target.name)
    _log.debug("%s", parameters)

    with progress.stage("features"):
        network, extractor = session.network, session.extractor
        features = extractor(small_a), extractor(small_b_prime)
    with progress.stage(_PREPARATION):
        session.warm_up(parameters)
    choice = None
    if parameters.choose_alphas:
        with progress.stage("blend weight"):
            choice = choose_blend_weight(*features, parameters)
        parameters = replace(parameters, alphas=choice.alphas)
    matching_masks = MatchingMasks(masks)
    matches, deconvolutions = match_features(
        *features, network, parameters, progress, on_level, matching_masks
    )
    with progress.stage("confidence"):
        # Pixels of an image as matched, in one of the finest level.
        stride = 2 ** (parameters.finest_level - 1)
        distances = round_trips(matches)
        confidence_a, confidence_b = (
            confidence_map(distance, image.shape[:2], stride)
            for distance, image in zip(distances, (a, b_prime), strict=True)
        )
        if parameters.fill_unreliable:
            sizes = small_a.shape[:2], small_b_prime.shape[:2]
            masks_here = matching_masks.at(parameters.finest_level, *sizes, target)
            limit = parameters.fill_beyond / stride
            matches = fill_unreliable(matches, *distances, limit, masks_here)
    scales = scale_of(stride, small_a, a), scale_of(stride, small_b_prime, b_prime)
    rebuild = _rebuild_by_fractions if parameters.refines_matches else _rebuild
    (a_prime, flow_ab), (b, flow_ba) = rebuild(matches, a, b_prime, scales, parameters, progress)
    if masks and masks.keep is not None:
        a_prime[masks.keep != 0] = a[masks.keep != 0]
    refined = None, None
    if parameters.refine:
        with progress.stage("refinement"):
            refined = (
                refine(a_prime, a, parameters, target),
                refine(b, b_prime, parameters, target),
            )
    used = {"device": extractor.device, "providers": list(extractor.providers)} | faces
    record = run_record(parameters, network, used, progress, deconvolutions)
    if choice:
        record["blend_weight"] = asdict(choice)
    return Analogy(a_prime, b, flow_ab, flow_ba, confidence_a, confidence_b, record, *refined)


def _with_ratio(parameters, a, b_prime):
    """Parameters with a ratio that is a number, and on what ground where it was to be chosen."""
    if parameters.ratio != "auto":
        return parameters, {}
    ratio, shares = choose_ratio(a, b_prime)
    return replace(parameters, ratio=ratio), {"face_shares": shares}


def _rebuild(matches, a, b_prime, scales, parameters, progress):
    """A' and B at the images' own size, each with the flow that it was put together by."""
    with progress.stage("vote"):
        return (
            vote_at_full_size(matches.ab, a.shape[:2], b_prime, *scales, parameters.vote_side),
            vote_at_full_size(
                matches.ba, b_prime.shape[:2], a, *scales[::-1], parameters.vote_side
            ),
        )


def _rebuild_by_fractions(matches, a, b_prime, scales, parameters, progress):
    """As :func:`_rebuild`, by matches that are smoothed and refined to fractions of a pixel."""
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


def match_features(
    features_a: Sequence[Any],
    features_b_prime: Sequence[Any],
    network: Network,
    parameters: Parameters,
    progress: Progress,
    on_level: Callable[[LevelState], None] | None = None,
    masks: MatchingMasks | None = None,
) -> tuple[Matches, dict[tuple[int, str], Deconvolution]]:
    """Match the features of two images from level 5 down to 1.

    Parameters
    ----------
    features_a, features_b_prime : sequences of six float32 arrays, (height, width, channels)
        By level; the image as the network's first layer takes it is level 0.
    network : Network
    parameters : Parameters
    progress : Progress
    on_level : callable, LevelState -> None, optional
    masks : MatchingMasks, optional

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
    has_colours = parameters.colour_weight > 0
    coarse = {}
    for level in LEVELS:
        if parameters.independent_levels:
            matches = initial_matches(a[level].shape[:2], b_prime[level].shape[:2], parameters, on)
        colours = (a[0], b_prime[0]) if has_colours and level == 1 else None
        with progress.stage("search", level):
            if level == 5 and _is_matched_by_votes(parameters):
                coarse = coarse_matches(a, b_prime)
            if level in coarse or parameters.independent_levels:
                a_prime, b = a[level], b_prime[level]
            matches = search_matches(
                LevelFeatures(a[level], a_prime, b, b_prime[level]),
                coarse.get(level, matches),
                level,
                parameters,
                iterations=0 if level in coarse else None,
                reach=parameters.search_reach(level) if coarse else None,
                colours=colours,
                masks=masks.at(level, *matched, on),
            )
        if on_level:
            on_level(LevelState(level, matches, a_prime, b))
        if level == parameters.finest_level:
            break
        if _is_reconstructed(level, parameters):
            with progress.stage("reconstruction", level) as tick:
                keep = masks.at(level - 1, *matched, on).keep
                a_prime, b, found = _reconstruct_both(
                    a, b_prime, matches, network, level, parameters, tick, keep
                )
            deconvolutions |= found
        shape_a, shape_b = a[level - 1].shape[:2], b_prime[level - 1].shape[:2]
        matches = Matches(
            upsample_nnf(matches.ab, shape_a, shape_b), upsample_nnf(matches.ba, shape_b, shape_a)
        )
    return matches, deconvolutions


def _is_matched_by_votes(parameters):
    return parameters.coarse_matching == "hough" and not parameters.independent_levels


def _is_reconstructed(level, parameters):
    """Tell whether the level below asks for features of A' and B made from this one's matches."""
    if parameters.independent_levels or level <= parameters.finest_level:
        return False
    return level < 5 or not _is_matched_by_votes(parameters)


def _reconstruct_both(a, b_prime, matches, network, level, parameters, tick, keep=None):
    """Features of A' and B one level below `level`, and how their deconvolutions went."""
    if parameters.reconstruction == "resampling":
        detail_of_b_prime = resample_detail(a, b_prime, matches.ab, level)
        detail_of_a = resample_detail(b_prime, a, matches.ba, level)
        found = {}
    else:
        layers = _layers_below(network, level, parameters.deconv_depth, target_of(a[level]))
        forward = deconvolve_detail(
            a, b_prime, matches.ab, level, layers, parameters, lambda part: tick(part / 2)
        )
        reverse = deconvolve_detail(
            b_prime, a, matches.ba, level, layers, parameters, lambda part: tick((1 + part) / 2)
        )
        detail_of_b_prime, detail_of_a = forward.features, reverse.features
        found = {(level, "a_prime"): forward, (level, "b"): reverse}
    return (
        blend_with_content(a[level - 1], detail_of_b_prime, level - 1, parameters, keep),
        blend_with_content(b_prime[level - 1], detail_of_a, level - 1, parameters),
        found,
    )


def _layers_below(network, level, depth, target):
    kept = len(network.layers(level - depth, level - 1)) if depth > 1 else 0
    return prepare(network.layers(level - depth, level), kept, target)


def _expected_shares(parameters):
    """What each stage costs of a whole run, measured on two CPU cores."""
    shares = {("features", None): 2.0, (_PREPARATION, None): 0.5, ("vote", None): 0.1}
    shares["confidence", None] = 0.1
    if parameters.refines_matches:
        shares["match refinement", None] = 1.5 * parameters.smoothing + 0.4 * parameters.subpixel
    if parameters.choose_alphas:
        shares["blend weight", None] = _SEARCH_SHARES[5]
    if parameters.refine:
        shares["refinement", None] = 0.5
    finest = parameters.finest_level
    shares |= {("search", level): _SEARCH_SHARES[level] for level in LEVELS if level >= finest}
    return shares | {
        ("reconstruction", level): cost
        for level, cost in _RECONSTRUCTION_SHARES.items()
        if _is_reconstructed(level, parameters)
    }
