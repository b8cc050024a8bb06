"""A transfer: two images in, two images and two flows out."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from analogy.images import Picture, as_picture, check_has_something, resize
from analogy.method.algorithm import LevelState, match_from_small_to_large
from analogy.method.blend_weight import choose_blend_weight
from analogy.method.colour_refinement import refine_picture
from analogy.method.confidence import confidence_map, fill_unreliable, round_trips
from analogy.method.drawing import hold_fractions
from analogy.method.flow import displacements
from analogy.method.full_size import scale_of, vote_at_full_size
from analogy.method.masks import Masks, MatchingMasks, check_masks, hide_transparent
from analogy.method.memory_estimate import check_memory, has_room
from analogy.method.original import (
    Direction,
    flow_to_original,
    from_copies,
    matches_in_original,
    poses_of_matches,
)
from analogy.method.points import MatchingPoints, Points, as_points
from analogy.method.pose_choice import choose_poses
from analogy.method.poses import UPRIGHT
from analogy.method.preview import Previews, called_both, first_preview
from analogy.method.progress import Progress
from analogy.method.record import run_record
from analogy.method.rematching import Remains, SizesKept
from analogy.method.scales import scale_shapes
from analogy.method.session import Session
from analogy.method.sheets import Sheets, level_shape, sheets_of
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
        A in the look of B', in sRGB and over white.
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
    poses : uint8 array, (height of A, width of A), or None where B' is matched as it is
        Which of the copies of B' each pixel of A is matched with, as the record counts them.
    pictures : dict, str -> Picture
        The pictures by those names as they are to be written: A' with the alpha and in the space
        of A and with the bits of B'.
    remains : Remains, or None where not asked for
        What :func:`analogy.transfer_again` goes on from.
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
    poses: np.ndarray | None = None
    pictures: dict[str, Picture] = field(default_factory=dict)
    remains: Remains | None = None


def transfer(
    a: ArrayLike | Picture,
    b_prime: ArrayLike | Picture,
    parameters: Parameters | None = None,
    *,
    model: str | os.PathLike | None = None,
    device: str = "auto",
    session: Session | None = None,
    progress: Callable[[float, str], None] | None = None,
    on_level: Callable[[LevelState], None] | None = None,
    masks: Masks | None = None,
    points: ArrayLike | Points | None = None,
    on_preview: Callable[[np.ndarray, np.ndarray], None] | None = None,
    keep_remains: bool = False,
) -> Analogy:
    """Exchange the looks of two images that show the same kind of thing.

    Parameters
    ----------
    a, b_prime : arrays, (height, width, 3), or Picture
        RGB images, uint8 or floats in [0, 1]; grey and RGBA images are understood too, and
        arrays with alpha are laid over white.
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
    on_preview : callable, (A', B) -> None, optional
        Called with what A' and B are going to look like, uint8 arrays at the size at which the
        images are matched: by votes of the smallest size's levels 5 and 4, and after each size but
        the last.
    keep_remains : bool, optional
        Keep what :func:`transfer_again` goes on from, as the result's `remains`.

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
    upright, choice = _weighted(task, progress)
    if on_preview:
        first_preview(upright, on_preview)
    task = _posed(upright, progress)
    kept = SizesKept(len(task.shapes)) if keep_remains else None
    matches, deconvolutions = match_from_small_to_large(
        task.a,
        task.b_prime,
        task.shapes,
        network,
        extractor,
        task.parameters,
        progress,
        in_original(on_level, upright, task),
        task.matching_masks,
        task.matching_points,
        task.copies,
        called_both(on_preview and Previews(upright, task, on_preview), kept),
    )
    found = result_of(upright, task, matches, progress, deconvolutions, choice)
    if kept is None:
        return found
    return replace(found, remains=Remains(upright, task, kept.sizes, choice))


def result_of(upright, task, matches, progress, deconvolutions, choice):
    """Results of a transfer whose matches are found."""
    session, keep = task.session, upright.matching_masks.keep
    found = _found(upright, task, matches, progress)
    if keep is not None:
        own = upright.pictures[0].values_in(found["a_prime"].dtype)
        found["a_prime"][keep] = own[keep]
    pictures = _pictures(upright, found.pop("a_prime"), found.pop("b"), progress)
    extractor = session.extractor
    used = {"device": extractor.device, "providers": list(extractor.providers)}
    record = run_record(
        upright.parameters, session.network, used, progress, deconvolutions, upright.shapes
    )
    if choice:
        record["blend_weight"] = asdict(choice)
    if upright.matching_points is not None:
        record["points"] = upright.matching_points.points.positions.tolist()
    if task.sheets is not None:
        record["poses"] = task.sheets.record(found["poses"])
    shown = {name: picture.shown for name, picture in pictures.items()}
    return Analogy(**shown, **found, record=record, pictures=pictures)


@dataclass(frozen=True)
class Task:
    """A transfer that can be done: what goes in, and where it is done.

    Attributes
    ----------
    pictures : two of Picture
        A and B'.
    parameters : Parameters
    session : Session
    shapes : list of (shape, shape)
        Height and width of A and of B' at each size, from small to large.
    matching_masks : MatchingMasks
    matching_points : MatchingPoints or None
    sheets : Sheets or None
        Copies of B' of which `b_prime` is made, where it is not matched as it is.
    """

    pictures: tuple[Picture, Picture]
    parameters: Parameters
    session: Session
    shapes: list[tuple[tuple[int, int], tuple[int, int]]]
    matching_masks: MatchingMasks
    matching_points: MatchingPoints | None
    sheets: Sheets | None = None

    @property
    def copies(self) -> int:
        """How many copies of B' `b_prime` is made of."""
        return 1 if self.sheets is None else len(self.sheets.copies)

    @property
    def a(self) -> np.ndarray:
        """A as it is matched: uint8, (height, width, 3)."""
        return self.pictures[0].pixels

    @property
    def b_prime(self) -> np.ndarray:
        """B', or its copies, likewise."""
        return self.pictures[1].pixels if self.sheets is None else self.sheets.image

    @property
    def paints(self) -> tuple[np.ndarray, np.ndarray]:
        """What B and A' are made of: A in the space of B', and B' in that of A."""
        a, b_prime = self.pictures
        paint_a, paint_b_prime = a.paint(b_prime.space), b_prime.paint(a.space)
        if self.sheets is not None:
            paint_b_prime = self.sheets.image_of(paint_b_prime)
        return paint_a, paint_b_prime

    @property
    def stride(self) -> int:
        """Pixels of an image as matched in one of the finest level."""
        return 2 ** (self.parameters.finest_level - 1)


def _checked(a, b_prime, masks, points, parameters, session):
    """What is asked for, once it is known that it can be done."""
    pictures = a, b_prime = as_picture(a, "a"), as_picture(b_prime, "b_prime")
    check_has_something(b_prime, "b_prime")
    if masks:
        check_masks(masks, a.shape, b_prime.shape)
    masks = hide_transparent(masks, a, b_prime)
    if masks:
        check_masks(masks, a.shape, b_prime.shape)
        if masks.a is not None:
            # Votes know no labels.
            parameters = replace(parameters, coarse_matching="patchmatch")
    matching_points = matching_points_of(points, a.shape, b_prime.shape)
    shapes = scale_shapes(a.shape, b_prime.shape, parameters, ("a", "b_prime"))
    limits = parameters.ratio, parameters.max_side, session.free_memory
    check_memory(a.shape, b_prime.shape, *limits, parameters.refine)
    return Task(pictures, parameters, session, shapes, MatchingMasks(masks), matching_points)


def matching_points_of(points, shape_a, shape_b):
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


def _posed(task, progress):
    """The same with copies of B' in the poses that suit A, where it does not as it is."""
    # Labels are those of B' as it is.
    if task.parameters.pose == "none" or task.matching_masks.has_labels:
        return task
    with progress.stage("poses"):
        poses = choose_poses(task.a, task.b_prime, task.session.extractor, task.parameters)
    if task.matching_points is not None:
        # A point leads to one place.
        poses = poses[:1]
    if poses == (UPRIGHT,):
        return task
    for count in range(len(poses), 0, -1):
        posed = _with_sheets(task, sheets_of(task.b_prime, poses[:count]))
        sizes, limit = (posed.a.shape[:2], posed.b_prime.shape[:2]), task.session.free_memory
        if has_room(sizes, posed.shapes[-1], limit, task.parameters.refine):
            return posed
        _log.info("memory does not hold B' in %d poses", count)
    return task


def _with_sheets(task, sheets):
    """The same with copies of B' in its place."""
    shapes = [
        (shape_a, sheets.matched_shape(shape_b[0] / task.b_prime.shape[0]))
        for shape_a, shape_b in task.shapes
    ]
    if sheets.is_whole:
        masks = task.matching_masks
    else:
        shown = sheets.is_shown(shapes[-1][1])
        masks = task.matching_masks.bound_to(shapes[-1][0], shown)
    points = task.matching_points and task.matching_points.on_sheets(sheets)
    return replace(task, shapes=shapes, matching_masks=masks, matching_points=points, sheets=sheets)


def in_original(on_level, upright, task):
    """What is called with each level, whose matches are with B' as it is."""
    if on_level is None or task.sheets is None:
        return on_level

    def told(state):
        shape = level_shape(upright.shapes[-1][1], state.level)
        on_level(replace(state, matches=matches_in_original(task.sheets, state.matches, shape)))

    return told


def _found(upright, task, matches, progress):
    """Fields of the result, by name, that matches lead to."""
    sheets, poses = task.sheets, None
    if sheets is not None and task.parameters.upright_strokes:
        poses = poses_of_matches(sheets, matches, upright.a.shape[:2])
        shape = level_shape(upright.shapes[-1][1], task.parameters.finest_level)
        matches, sheets, task = matches_in_original(sheets, matches, shape), None, upright
    with progress.stage("confidence"):
        matches, *confidences = _judged(task, matches)
    (a_prime, flow_ab), (b, flow_ba) = _rebuilt(task, matches, progress)
    of_b = Direction(b, flow_ba, confidences[1])
    if sheets is not None:
        flow_ab, poses = flow_to_original(sheets, flow_ab)
        of_b = from_copies(sheets, of_b, matches, task.parameters.vote_side)
    return {
        "a_prime": a_prime,
        "b": of_b.image,
        "flow_ab": flow_ab,
        "flow_ba": of_b.flow,
        "confidence_a": confidences[0],
        "confidence_b": of_b.confidence,
        "poses": poses,
    }


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
    (a, b_prime), (paint_a, paint_b_prime) = (task.a, task.b_prime), task.paints
    scale_a, scale_b = scales
    side, width = task.parameters.vote_side, task.parameters.vote_width
    with progress.stage("vote"):
        return (
            vote_at_full_size(matches.ab, a, paint_b_prime, scale_a, scale_b, side, width),
            vote_at_full_size(matches.ba, b_prime, paint_a, scale_b, scale_a, side, width),
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
            for image, field in zip(task.paints[::-1], fields, strict=True)
        ]


def _pictures(task, a_prime, b, progress):
    """A' and B as pictures and, if asked for, in new colours with their own detail (eq. 7)."""
    a, b_prime = task.pictures
    pictures = {"a_prime": a.with_values(a_prime), "b": b_prime.with_values(b)}
    if task.parameters.refine:
        by = task.parameters, task.session.target
        with progress.stage("refinement"):
            pictures["a_prime_refined"] = refine_picture(pictures["a_prime"], a, *by)
            pictures["b_refined"] = refine_picture(pictures["b"], b_prime, *by)
    return pictures
