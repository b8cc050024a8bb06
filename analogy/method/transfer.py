"""A transfer: two images in, two images and two flows out."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from analogy.images import as_image, resize
from analogy.method.algorithm import LevelState, match_from_small_to_large
from analogy.method.blend_weight import choose_blend_weight
from analogy.method.colour_refinement import refine
from analogy.method.confidence import confidence_map, fill_unreliable, round_trips
from analogy.method.drawing import hold_fractions
from analogy.method.flow import displacements
from analogy.method.full_size import scale_of, vote_at_full_size
from analogy.method.masks import Masks, MatchingMasks, check_masks
from analogy.method.memory_estimate import check_memory
from analogy.method.points import MatchingPoints, Points, as_points
from analogy.method.progress import Progress
from analogy.method.record import run_record
from analogy.method.scales import scale_shapes
from analogy.method.session import Session
from analogy.method.stages import COMPILING, PREPARATION, expected_shares
from analogy.method.subpixel_refinement import refine_matches
from analogy.parameters import Parameters
from analogy.system.compiling import told_of_compiling
from analogy_kernels.imaging.vote import vote_field
from analogy_kernels.matching.upsample import upsample_nnf
from analogy_kernels.target import target_of

_log = logging.getLogger(__name__)


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
    points: ArrayLike | Points | None = None,
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
        What several transfers share, instead of `model` and `device`.
    progress : callable, (fraction in [0, 1], text) -> None, optional
    on_level : callable, LevelState -> None, optional
        Called with each level of the last and largest size when it has been searched.
    masks : Masks, optional
        Which parts of the images belong together, and what of A is kept, see
        :mod:`analogy.method.masks`.
    points : array, (count, 4), or Points, optional
        Pixels that correspond, each as ax, ay, bx and by in pixels of the images. The matching is
        drawn to them, see :mod:`analogy.method.points`.

    Returns
    -------
    Analogy

    Raises
    ------
    AnalogyError
        If an image, a mask, a point, the model or the device cannot be used; the message says
        what to do.
    """
    session = session or Session(model, device)
    task = _checked(a, b_prime, masks, points, parameters or Parameters(), session)
    progress = Progress(progress, expected_shares(task.parameters, task.shapes))
    _log.info("computing on %s", task.session.target.name)
    _log.debug("%s", task.parameters)
    with progress.stage("features"):
        network, extractor = task.session.network, task.session.extractor
    with progress.stage(PREPARATION) as tick, told_of_compiling(lambda: tick(0.0, COMPILING)):
        task.session.warm_up(task.parameters)
    task, choice = _weighted(task, progress)
    matches, deconvolutions = match_from_small_to_large(
        task.a,
        task.b_prime,
        task.shapes,
        network,
        extractor,
        task.parameters,
        progress,
        on_level,
        task.matching_masks,
        task.matching_points,
    )
    with progress.stage("confidence"):
        matches, confidence_a, confidence_b = _judged(task, matches)
    (a_prime, flow_ab), (b, flow_ba) = _rebuilt(task, matches, progress)
    if masks and masks.keep is not None:
        a_prime[masks.keep != 0] = task.a[masks.keep != 0]
    refined = _refined(task, a_prime, b, progress)
    used = {"device": extractor.device, "providers": list(extractor.providers)}
    record = run_record(task.parameters, network, used, progress, deconvolutions, task.shapes)
    if choice:
        record["blend_weight"] = asdict(choice)
    return Analogy(a_prime, b, flow_ab, flow_ba, confidence_a, confidence_b, record, *refined)


@dataclass(frozen=True)
class _Task:
    """A transfer that can be done: what goes in, and where it is done.

    Attributes
    ----------
    a, b_prime : uint8 arrays, (height, width, 3)
    parameters : Parameters
    session : Session
    shapes : list of (shape, shape)
        Height and width of A and of B' at each size, from small to large.
    matching_masks : MatchingMasks
    matching_points : MatchingPoints or None
    """

    a: np.ndarray
    b_prime: np.ndarray
    parameters: Parameters
    session: Session
    shapes: list[tuple[tuple[int, int], tuple[int, int]]]
    matching_masks: MatchingMasks
    matching_points: MatchingPoints | None

    @property
    def stride(self) -> int:
        """Pixels of an image as matched in one of the finest level."""
        return 2 ** (self.parameters.finest_level - 1)


def _checked(a, b_prime, masks, points, parameters, session):
    """What is asked for, once it is known that it can be done."""
    a, b_prime = as_image(a, "a"), as_image(b_prime, "b_prime")
    if masks:
        check_masks(masks, a.shape[:2], b_prime.shape[:2])
        if masks.a is not None:
            # Votes know no labels.
            parameters = replace(parameters, coarse_matching="patchmatch")
    matching_points = _matching_points(points, a.shape[:2], b_prime.shape[:2])
    shapes = scale_shapes(a.shape[:2], b_prime.shape[:2], parameters, ("a", "b_prime"))
    limits = parameters.ratio, parameters.max_side, session.free_memory
    check_memory(a.shape[:2], b_prime.shape[:2], *limits, parameters.refine)
    return _Task(a, b_prime, parameters, session, shapes, MatchingMasks(masks), matching_points)


def _matching_points(points, shape_a, shape_b):
    if points is None:
        return None
    points = as_points(points).inside(shape_a, shape_b)
    points.warn_of_contradictions(shape_a, shape_b)
    return MatchingPoints(points, shape_a, shape_b)


def _weighted(task, progress):
    """The same with the blend weights that suit the images, where they are to be chosen."""
    if not task.parameters.choose_alphas:
        return task, None
    shape_a, shape_b = task.shapes[0]
    extractor = task.session.extractor
    with progress.stage("blend weight"):
        small_a, small_b_prime = resize(task.a, shape_a), resize(task.b_prime, shape_b)
        choice = choose_blend_weight(extractor(small_a), extractor(small_b_prime), task.parameters)
    return replace(task, parameters=replace(task.parameters, alphas=choice.alphas)), choice


def _judged(task, matches):
    """Matches, filled where they do not lead back if that is asked for, and both confidences."""
    distances = round_trips(matches)
    confidences = [
        confidence_map(distance, image.shape[:2], task.stride)
        for distance, image in zip(distances, (task.a, task.b_prime), strict=True)
    ]
    if task.parameters.fill_unreliable:
        on, matched = target_of(matches.ab), task.shapes[-1]
        masks = task.matching_masks.at(task.parameters.finest_level, *matched, on)
        limit = task.parameters.fill_beyond / task.stride
        matches = fill_unreliable(matches, *distances, limit, masks)
    return matches, *confidences


def _rebuilt(task, matches, progress):
    """A' and B at the images' own size, each with the flow that it was put together by."""
    scales = [
        scale_of(task.stride, small, image.shape[:2])
        for small, image in zip(task.shapes[-1], (task.a, task.b_prime), strict=True)
    ]
    rebuild = _by_fractions if task.parameters.refines_matches else _by_pixels
    return rebuild(task, matches, scales, progress)


def _by_pixels(task, matches, scales, progress):
    """As :func:`_rebuilt`, by matches that are whole pixels."""
    a, b_prime = task.a, task.b_prime
    scale_a, scale_b = scales
    side, width = task.parameters.vote_side, task.parameters.vote_width
    with progress.stage("vote"):
        return (
            vote_at_full_size(matches.ab, a, b_prime, scale_a, scale_b, side, width),
            vote_at_full_size(matches.ba, b_prime, a, scale_b, scale_a, side, width),
        )


def _by_fractions(task, matches, scales, progress):
    """As :func:`_rebuilt`, by matches that are smoothed and refined to fractions of a pixel."""
    a, b_prime = task.a, task.b_prime
    with progress.stage("match refinement"):
        nnf_ab = upsample_nnf(matches.ab, a.shape[:2], b_prime.shape[:2], *scales)
        nnf_ba = upsample_nnf(matches.ba, b_prime.shape[:2], a.shape[:2], *scales[::-1])
        fields = refine_matches(a, b_prime, nnf_ab, nnf_ba, task.parameters)
        if task.matching_points is not None:
            sizes = a.shape[:2], b_prime.shape[:2]
            fields = hold_fractions(fields, task.matching_points.at(1, *sizes))
    on = target_of(*fields)
    with progress.stage("vote"):
        return [
            (
                on.to_host(vote_field(on.asarray(image), field, task.parameters.vote_side)),
                displacements(on.to_host(field)),
            )
            for image, field in zip((b_prime, a), fields, strict=True)
        ]


def _refined(task, a_prime, b, progress):
    """A' and B in their new colours with their own detail (eq. 7), None where not asked for."""
    if not task.parameters.refine:
        return None, None
    with progress.stage("refinement"):
        return (
            refine(a_prime, task.a, task.parameters, task.session.target),
            refine(b, task.b_prime, task.parameters, task.session.target),
        )
