"""Points: which pixel of A corresponds to which of B', as a user says.

A point binds softly. The pixels around it are drawn to where it leads, the less the farther away
they are and the less they look like it; see :mod:`analogy.method.drawing`. The pixel of the point
itself, and those beside it at each level, are held. Where labels forbid a point, labels win.
"""

from __future__ import annotations

import logging
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analogy.errors import AnalogyError
from analogy.method.sheets import Sheets

_log = logging.getLogger(__name__)

COLUMNS = ("ax", "ay", "bx", "by")

# Shares of an image's longer side: points as near as the first in one image contradict each other
# where they are as far apart as the second in the other.
_NEAR, _FAR = 0.01, 0.1

# Pixels beside that of a point that are held with it, so that votes and what images are enlarged
# by find nothing else there.
_HELD_BESIDE = 1


@dataclass(frozen=True)
class Points:
    """Pixels that a user says correspond.

    Attributes
    ----------
    positions : float64 array, (count, 4)
        ax, ay, bx and by in pixels of the images, 0 at the centre of the first.
    names : tuple of str
        What messages call each.
    """

    positions: np.ndarray
    names: tuple[str, ...]

    def inside(self, shape_a: tuple[int, int], shape_b_prime: tuple[int, int]) -> Points:
        """Let through points that lie in images of these heights and widths.

        Raises
        ------
        AnalogyError
            If a position lies outside its image.
        """
        shapes = shape_a, shape_b_prime
        for position, name in zip(self.positions, self.names, strict=True):
            for (x, y), (height, width), image in zip(
                position.reshape(2, 2), shapes, ("A", "B"), strict=True
            ):
                if not (-0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5):
                    raise AnalogyError(
                        f"{name}: ({x:g}, {y:g}) is outside {image}, which has {width} x {height} "
                        "px; give x and y in pixels of the image, from 0 on"
                    )
        return self

    def warn_of_contradictions(
        self, shape_a: tuple[int, int], shape_b_prime: tuple[int, int]
    ) -> None:
        """Tell the log of points near each other in one image and far apart in the other."""
        shapes = shape_a, shape_b_prime
        ours, theirs = (
            np.linalg.norm(ends[:, None] - ends, axis=2) / max(shape)
            for ends, shape in zip(
                (self.positions[:, :2], self.positions[:, 2:]), shapes, strict=True
            )
        )
        clash = ((ours <= _NEAR) & (theirs >= _FAR)) | ((theirs <= _NEAR) & (ours >= _FAR))
        first, second = np.nonzero(np.triu(clash, 1))
        if first.size:
            others = f" (and {first.size - 1} more pairs of points)" if first.size > 1 else ""
            one, other = self.names[first[0]], self.names[second[0]]
            _log.warning("%s and %s contradict each other%s; leave out one", one, other, others)


def as_points(points: ArrayLike | Points, name: str = "points") -> Points:
    """Take an array as points.

    Parameters
    ----------
    points : array, (count, 4), or Points
        ax, ay, bx and by of each.
    name : str, optional
        What error messages call the array.

    Returns
    -------
    Points

    Raises
    ------
    AnalogyError
        If it has another shape, no points, or something that is no finite number.
    """
    if isinstance(points, Points):
        return points
    try:
        positions = np.array(points, np.float64)
    except (TypeError, ValueError):
        raise AnalogyError(f"{name}: no numbers; give ax, ay, bx and by of each point") from None
    if positions.ndim != 2 or positions.shape[1] != len(COLUMNS) or not len(positions):
        raise AnalogyError(
            f"{name}: an array of shape {positions.shape} is no points; give (count, 4), with ax, "
            "ay, bx and by of each"
        )
    if not np.isfinite(positions).all():
        raise AnalogyError(f"{name}: holds what is no finite number; give pixels of the images")
    return Points(positions, tuple(f"{name}[{index}]" for index in range(len(positions))))


@dataclass(frozen=True)
class LevelPoints:
    """Points at the size of a level.

    Attributes
    ----------
    a, b_prime : float64 arrays, (count, 2)
        Positions (y, x) in the maps of the level, 0 at the centre of the first pixel.
    """

    a: np.ndarray
    b_prime: np.ndarray


class MatchingPoints:
    """Points at the size of every level.

    Parameters
    ----------
    points : Points
    shape_a, shape_b_prime : (int, int)
        Height and width of the images.

    Attributes
    ----------
    points : Points
    """

    def __init__(
        self, points: Points, shape_a: tuple[int, int], shape_b_prime: tuple[int, int]
    ) -> None:
        self.points = points
        ends = points.positions[:, 1::-1], points.positions[:, 3:1:-1]
        self._shares = [
            (end + 0.5) / shape for end, shape in zip(ends, (shape_a, shape_b_prime), strict=True)
        ]

    def on_sheets(self, sheets: Sheets) -> MatchingPoints:
        """The same, leading to the first of the copies of B' that are matched in its place."""
        moved = copy(self)
        ours, theirs = self._shares
        places = sheets.places_on_sheet(theirs * sheets.original.shape[:2] - 0.5, 0)
        moved._shares = [ours, (places + 0.5) / sheets.image.shape[:2]]
        return moved

    def at(
        self, level: int, matched_a: tuple[int, int], matched_b_prime: tuple[int, int]
    ) -> LevelPoints:
        """Points at a level of images that are matched at the sizes given.

        Parameters
        ----------
        level : int
        matched_a, matched_b_prime : (int, int)
            Height and width at level 1.
        """
        a, b_prime = (
            share * matched / 2 ** (level - 1) - 0.5
            for share, matched in zip(self._shares, (matched_a, matched_b_prime), strict=True)
        )
        return LevelPoints(a, b_prime)


def held_field(
    nnf: np.ndarray, ours: np.ndarray, theirs: np.ndarray, other_shape: tuple[int, int]
) -> np.ndarray:
    """Lead the pixels of points where the points say, and those beside them alongside.

    Parameters
    ----------
    nnf : int32 array, (height, width, 2)
        On the host; not changed.
    ours, theirs : float64 arrays, (count, 2)
        Positions (y, x) of the points in this map and in the other one.
    other_shape : (int, int)

    Returns
    -------
    int32 array, (height, width, 2)
    """
    held = nnf.copy()
    pixels, matches = pixels_of(ours), pixels_of(theirs)
    around = range(-_HELD_BESIDE, _HELD_BESIDE + 1)
    steps = [(dy, dx) for dy in around for dx in around]
    # From far to near, so that no point's own pixel is lost to one beside it.
    for step in sorted(steps, key=lambda step: -abs(step[0]) - abs(step[1])):
        places, ends = pixels + step, matches + step
        inside = _inside(places, nnf.shape[:2]) & _inside(ends, other_shape)
        held[tuple(places[inside].T)] = ends[inside]
    return held


def pixels_of(positions: np.ndarray) -> np.ndarray:
    """Pixels (y, x) that positions lie in."""
    return np.floor(positions + 0.5).astype(int)


def _inside(places, shape):
    return ((places >= 0) & (places < shape)).all(axis=1)
