"""A film in the look of one image, frame after frame."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analogy.errors import AnalogyError
from analogy.images import Picture, as_picture, matching_shape, resize, size_of
from analogy.method.colour_refinement import refine_picture
from analogy.method.full_size import scale_of, vote_at_full_size
from analogy.method.masks import MatchingMasks, hide_transparent
from analogy.method.session import Session
from analogy.method.transfer import transfer
from analogy.parameters import Parameters
from analogy.video.carrying import Fields, fields_of, follow, nearest
from analogy.video.motion import motion_between, moved_along
from analogy.video.parameters import VideoParameters

_log = logging.getLogger(__name__)

# What a frame's matches are carried over without, so it cannot be asked for.
_FOR_SINGLE_IMAGES = (
    "independent_levels",
    "fill_unreliable",
    "colour_weight",
    "smoothing",
    "subpixel",
)


@dataclass(frozen=True)
class Frame:
    """Result for one frame.

    Attributes
    ----------
    a_prime : uint8 array, (height, width, 3)
        The frame in the look of the style; with ``Parameters.refine`` in its colours alone (eq. 7).
        In sRGB and over white.
    flow : float32 array, (height, width, 2)
        From each pixel to its match in the style, (dx, dy) in pixels.
    is_fresh : bool
        Whether the matches were found without those of the frame before.
    reliable : float or None
        Share of the frame that has come from the one before; None for the first.
    inconsistency : float or None
        Mean of ``|A' - A' before, moved along|`` there, in grey levels; None for the first, and
        after a cut.
    cost : float
        Mean of the matches' cost at the finest level.
    seconds : float
        Time that it took.
    picture : Picture
        `a_prime` as it is to be written.
    """

    a_prime: np.ndarray
    flow: np.ndarray
    is_fresh: bool
    reliable: float | None
    inconsistency: float | None
    cost: float
    seconds: float
    picture: Picture


@dataclass(frozen=True)
class State:
    """What a frame leaves to the next one, beside the pictures.

    Attributes
    ----------
    parameters : Parameters
        Of the shot, where some are chosen by its first frame.
    fields : dict, int -> Fields
        Its matches by level.
    """

    parameters: Parameters
    fields: dict[int, Fields]


def transfer_video(
    frames,
    style,
    parameters=None,
    *,
    video=None,
    model=None,
    device="auto",
    session=None,
    progress=None,
    points=None,
):
    """Give frames that follow one another the look of one image.

    The first frame, and the first after a cut, are transferred as by :func:`analogy.transfer`. The
    others start from the matches of the frame before, moved along, and change them where there is
    something to gain: they take a small part of the time, and what stays in the frames stays in the
    results.

    Parameters
    ----------
    frames : iterable of arrays, (height, width, 3), or Picture
        RGB images of one size, as :func:`analogy.transfer` takes them. No more than two are held.
    style : array, (height, width, 3), or Picture
    parameters : Parameters, optional
        Parameters of each transfer.
    video : VideoParameters, optional
        Parameters of what leads from one frame to the next.
    model, device, session
        As for :func:`analogy.transfer`.
    progress : callable, (fraction in [0, 1], text) -> None, optional
        Called for each frame that is transferred as an image by itself.
    points : array, (count, 4), optional
        As for :func:`analogy.transfer`, of the first frame and the style. Later frames have them by
        the matches that they take over.

    Yields
    ------
    Frame
        For each frame, as soon as it is done.

    Raises
    ------
    AnalogyError
        If a frame, the style, the model or the device cannot be used.
    """
    film = FilmTransfer(
        as_picture(style, "style"),
        parameters or Parameters(),
        video or VideoParameters(),
        session or Session(model, device),
        points,
    )
    for index, frame in enumerate(frames, 1):
        yield film.next(as_picture(frame, f"frame {index}"), index, progress)


class FilmTransfer:
    """Frames one after the other: what is known of the one before, and of the style.

    Parameters
    ----------
    style : Picture
    parameters : Parameters
    video : VideoParameters
    session : Session

    Raises
    ------
    AnalogyError
        If `parameters` ask for what single images alone have.
    """

    def __init__(self, style, parameters, video, session, points=None):
        _check_suits(parameters)
        self._style, self._session = style, session
        # Of the first frame alone.
        self._points = points
        # Blend weights that are to be chosen are chosen by the first frame of a shot.
        self._asked, self._parameters, self._video = parameters, parameters, video
        self._frame: Any = None
        self._small: Any = None
        self._a_prime: Any = None
        self._fields: Any = None
        # At the scale of the shot.
        self._small_style: Any = None
        self._style_features: Any = None

    @property
    def state(self):
        """What the next frame starts from, a `State`."""
        return State(self._parameters, dict(self._fields))

    def go_on(self, state, frame, a_prime):
        """Go on after a frame that was done before.

        Parameters
        ----------
        state : State
            After that frame.
        frame, a_prime : Picture
            It, and what was made of it.
        """
        self._parameters, self._fields = state.parameters, dict(state.fields)
        self._points = None
        self._frame, self._a_prime = frame, a_prime
        self._small = self._as_matched(frame, "the frame before")

    def next(self, frame, index, progress=None):
        """Transfer a frame.

        Parameters
        ----------
        frame : Picture
        index : int
            That messages name it by, from 1 on.
        progress : callable, optional
            As for :func:`transfer_video`.

        Returns
        -------
        Frame

        Raises
        ------
        AnalogyError
        """
        started = time.perf_counter()
        small: Any = None
        motion: Any = None
        if self._frame is not None:
            self._check_size(frame, index)
            small = self._as_matched(frame, f"frame {index}")
            motion = motion_between(self._small, small)
        reliable = None if motion is None else float(motion[0].reliable.mean())
        is_cut = reliable is None or reliable < self._video.least_reliable
        is_fresh = is_cut or not self._video.warm_start
        if is_fresh:
            a_prime, flow = self._transferred(frame, progress)
            # The shot may have a scale of its own.
            small = self._as_matched(frame, f"frame {index}")
        else:
            a_prime, flow = self._followed(frame, small, motion)
        if self._parameters.refine:
            a_prime = refine_picture(a_prime, frame, self._parameters, self._session.target)
        inconsistency = None
        if not is_cut:
            backward = motion[0].at_size(frame.shape)
            before = moved_along(self._a_prime.values(), backward)
            if not is_fresh and self._video.blend:
                blended = _blended(a_prime.values(), before, backward.reliable, self._video.blend)
                a_prime = frame.with_values(blended)
            inconsistency = float(np.abs(a_prime.values() - before)[backward.reliable].mean())
        self._frame, self._small, self._a_prime = frame, small, a_prime
        cost = self._fields[self._parameters.finest_level].cost
        seconds = time.perf_counter() - started
        how = "afresh" if is_fresh else "from the one before"
        _log.info("frame %d: matched %s in %.3f s", index, how, seconds)
        figures = flow, is_fresh, reliable, inconsistency, cost, seconds
        return Frame(a_prime.shown, *figures, a_prime)

    def _check_size(self, frame, index):
        if frame.shape != self._frame.shape:
            raise AnalogyError(
                f"frame {index}: {size_of(frame.samples)} px where the one before has "
                f"{size_of(self._frame.samples)}; give frames of one size"
            )

    def _transferred(self, frame, progress):
        """As an image by itself, and its matches at every level kept."""
        self._fields = {}

        def keep(state):
            self._fields[state.level] = fields_of(state.matches)

        found = transfer(
            frame,
            self._style,
            # A film's frames share one pose: that of the style as it is given.
            replace(self._asked, refine=False, pose="none"),
            session=self._session,
            progress=progress,
            on_level=keep,
            points=self._points,
        )
        self._points = None
        used = Parameters(**found.record["parameters"])
        self._parameters = replace(used, refine=self._asked.refine)
        self._small_style, self._style_features = None, None
        return found.pictures["a_prime"], found.flow_ab

    def _followed(self, frame, small, motion):
        if self._style_features is None:
            self._small_style = self._as_matched(self._style, "style")
            self._style_features = self._session.extractor(self._small_style)
        self._fields = follow(
            self._fields,
            motion,
            self._session.extractor(small),
            self._style_features,
            self._parameters,
            self._video,
            MatchingMasks(hide_transparent(None, frame, self._style)),
        )
        finest = self._parameters.finest_level
        shape = self._style_features[finest].shape[:2]
        nnf = self._session.target.asarray(nearest(self._fields[finest].ab, shape))
        stride = 2 ** (finest - 1)
        scales = (
            scale_of(stride, small.shape[:2], frame.shape),
            scale_of(stride, self._small_style.shape[:2], self._style.shape),
        )
        width = self._parameters.vote_width
        # Without one the plain mean was asked for.
        width = None if width is None else min(width, self._video.vote_width)
        side = self._parameters.vote_side
        paint = self._style.paint(frame.space)
        values, flow = vote_at_full_size(nnf, frame.pixels, paint, *scales, side, width)
        return frame.with_values(values), flow

    def _as_matched(self, picture, name):
        scale = self._parameters.ratio, self._parameters.max_side
        return resize(picture.pixels, matching_shape(picture.shape, *scale, name))


def _check_suits(parameters):
    for name in _FOR_SINGLE_IMAGES:
        if getattr(parameters, name):
            raise AnalogyError(f"{name} is not for video; leave it out")


def _blended(a_prime, before, reliable, share):
    shares = np.where(reliable, np.float32(share), np.float32(0))[..., None]
    blended = a_prime + shares * (before - a_prime)
    return np.rint(blended).astype(np.uint8) if a_prime.dtype == np.uint8 else blended
