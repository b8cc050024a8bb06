"""Sheets: copies of one image in several poses, one below another in one image of their own.

A place in that image is a place and a pose at once, so that a field of matches, the search on it
and the votes through it need not know of poses: what is beside a match in its copy is beside it
here. Labels keep matches out of what the image does not reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analogy.method.poses import Copy, Pose, copy_of

# Pixels of level 1 that all levels divide alike: a sheet has whole rows at each of them.
_ROWS = 16

# Share of a sheet's height below each copy, where what the network and patches see of one copy
# ends before the next one begins.
_MARGIN = 1 / 12


@dataclass(frozen=True)
class Sheets:
    """Copies of an image, one below another.

    Attributes
    ----------
    original : uint8 array, (height, width, 3)
    copies : tuple of Copy
    shape : (int, int)
        Height and width of one sheet, which holds any of the copies in its upper left corner.
    """

    original: np.ndarray
    copies: tuple[Copy, ...]
    shape: tuple[int, int]

    @cached_property
    def image(self) -> np.ndarray:
        """All sheets, uint8 array, (sheets * height, width, 3); borders go on to a sheet's end."""
        return np.concatenate([_extended(copy.image, self.shape) for copy in self.copies])

    def image_of(self, values: np.ndarray) -> np.ndarray:
        """The same of other values of the original, uint8 or float32 from 0 to 255."""
        if values is self.original:
            return self.image
        copies = [copy_of(values, copy.pose) for copy in self.copies]
        return np.concatenate([_extended(copy.image, self.shape) for copy in copies])

    @property
    def is_whole(self) -> bool:
        """Whether there is one copy alone, and nothing but the image to be seen in it."""
        return len(self.copies) == 1 and bool(self.copies[0].is_inside.all())

    def matched_shape(self, scale: float) -> tuple[int, int]:
        """Height and width of all sheets where the image is matched at a share of its own size."""
        height, width = (side * scale for side in self.shape)
        if len(self.copies) > 1:
            height = max(round(height / _ROWS), 1) * _ROWS
        return len(self.copies) * round(height), round(width)

    def is_shown(self, shape: tuple[int, int]) -> np.ndarray:
        """Which pixels of all sheets, brought to a size, show the image; bool array."""
        shown = np.zeros((len(self.copies), *self.shape), bool)
        for sheet, copy in zip(shown, self.copies, strict=True):
            height, width = copy.is_inside.shape
            sheet[:height, :width] = copy.is_inside
        shown = shown.reshape(-1, self.shape[1])
        rows, columns = (
            (np.arange(side) + 0.5) * whole // side
            for side, whole in zip(shape, shown.shape, strict=True)
        )
        return shown[np.ix_(rows.astype(int), columns.astype(int))]

    def places_in_original(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take places in the sheets back to the image.

        Parameters
        ----------
        places : array, (..., 2)
            (y, x) in pixels of :attr:`image`.

        Returns
        -------
        places : float64 array, (..., 2)
            (y, x) in the image, inside it.
        sheets : uint8 array, (...)
            The sheet that each is on.
        """
        height = self.shape[0]
        sheets = np.clip((places[..., 0] + 0.5) // height, 0, len(self.copies) - 1).astype(np.uint8)
        found = np.empty(places.shape)
        for index, copy in enumerate(self.copies):
            is_here = sheets == index
            found[is_here] = copy.places_in_image(places[is_here] - np.array([index * height, 0]))
        return np.clip(found, 0, np.subtract(self.original.shape[:2], 1)), sheets

    def places_on_sheet(self, places: np.ndarray, index: int) -> np.ndarray:
        """Where in :attr:`image` places in the original are on a sheet; float64 array, (..., 2)."""
        return self.copies[index].places_in_copy(places) + np.array([index * self.shape[0], 0])

    def record(self, poses: np.ndarray) -> list[dict]:
        """What JSON can hold of each copy: its pose, and the share of pixels matched with it."""
        counts = np.bincount(poses.ravel(), minlength=len(self.copies)) / poses.size
        return [
            {
                "mirrored": copy.pose.is_mirrored,
                "turn": copy.pose.turn,
                "scale": copy.pose.scale,
                "share": round(float(share), 4),
                # Where in B' a step (dy, dx) of the copy leads.
                "matrix": copy.matrix.tolist(),
            }
            for copy, share in zip(self.copies, counts, strict=True)
        ]


def level_shape(matched: tuple[int, int], level: int) -> tuple[int, int]:
    """Height and width of a level of an image that is matched at a size."""
    height, width = (-(-side // 2 ** (level - 1)) for side in matched)
    return height, width


def sheets_of(image: np.ndarray, poses: Sequence[Pose]) -> Sheets:
    """Put copies of an image in poses one below another.

    Parameters
    ----------
    image : uint8 array, (height, width, 3)
    poses : sequence of Pose
        At least one.

    Returns
    -------
    Sheets
    """
    copies = tuple(copy_of(image, pose) for pose in poses)
    height, width = np.max([copy.image.shape[:2] for copy in copies], axis=0)
    if len(copies) > 1:
        height += round(height * _MARGIN)
    return Sheets(image, copies, (int(height), int(width)))


def _extended(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    spare = [(0, side - own) for side, own in zip(shape, image.shape, strict=False)]
    return np.pad(image, [*spare, (0, 0)], mode="edge")
