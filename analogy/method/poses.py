"""Poses: copies of an image that are mirrored, turned and scaled.

The features of a thing that is turned are not the features of the thing, turned: no search finds
one by the other. Those of a turned copy of the image can be had by putting the copy through the
network. Neither the paper, which names this limit, nor the authors' program has copies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analogy.images import resize


@dataclass(frozen=True)
class Pose:
    """How a copy of an image differs from it: mirrored first, then turned, and scaled.

    Attributes
    ----------
    is_mirrored : bool
        Left and right change places.
    turn : float
        Degrees, clockwise as one sees it.
    scale : float
        Pixels of the copy in one of the image; above 0.
    """

    is_mirrored: bool = False
    turn: float = 0.0
    scale: float = 1.0

    def __str__(self) -> str:
        parts = ["mirrored"] if self.is_mirrored else []
        parts += [f"turned by {self.turn:g}"] if self.turn else []
        parts += [f"scaled by {self.scale:g}"] if self.scale != 1 else []
        return ", ".join(parts) or "upright"

    @property
    def matrix(self) -> np.ndarray:
        """What takes (y, x) from the middle of the image there in the copy, but for the scale.

        float64 array, (2, 2).
        """
        angle = math.radians(self.turn)
        sine, cosine = math.sin(angle), math.cos(angle)
        turned = np.array([[cosine, sine], [-sine, cosine]])
        # Right angles are exact, and so are their copies.
        return np.round(turned @ np.diag([1, -1 if self.is_mirrored else 1]), 15)

    def shape(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Height and width of a copy, which holds all of an image of `shape`."""
        return _held(self.matrix, _scaled(shape, self.scale))


UPRIGHT = Pose()


@dataclass(frozen=True)
class Copy:
    """A copy of an image.

    Attributes
    ----------
    pose : Pose
    image : array of the image's dtype, (height, width, 3)
        What the image does not reach has the colours of its border.
    is_inside : bool array, (height, width)
        Which pixels show the image.
    matrix : float64 array, (2, 2)
    offset : float64 array, (2,)
        Where in the image, (y, x) in its pixels, a place in the copy is:
        ``matrix @ place + offset``.
    """

    pose: Pose
    image: np.ndarray
    is_inside: np.ndarray
    matrix: np.ndarray
    offset: np.ndarray

    def places_in_image(self, places: np.ndarray) -> np.ndarray:
        """Where in the image places in the copy are.

        Parameters
        ----------
        places : array, (..., 2)
            (y, x) in pixels, 0 at the middle of the first.

        Returns
        -------
        float64 array, (..., 2)
        """
        return places @ self.matrix.T + self.offset

    def places_in_copy(self, places: np.ndarray) -> np.ndarray:
        """Where in the copy places in the image are; the inverse of :meth:`places_in_image`."""
        return (places - self.offset) @ np.linalg.inv(self.matrix).T


def copy_of(image: np.ndarray, pose: Pose) -> Copy:
    """Mirror, turn and scale an image.

    Parameters
    ----------
    image : uint8 or float32 array, (height, width, 3)
        From 0 to 255.
    pose : Pose

    Returns
    -------
    Copy
    """
    shape = _scaled(image.shape[:2], pose.scale)
    # Averages over the pixels that a smaller one covers, which no turning does.
    scaled = image if shape == image.shape[:2] else _resized(image, shape)
    per_pixel = np.divide(image.shape[:2], shape)
    back = pose.matrix.T
    held = _held(pose.matrix, shape)
    middle, held_middle = (np.subtract(size, 1) / 2 for size in (shape, held))
    offset = middle - back @ held_middle
    turned, is_inside = _turned(scaled, back, offset, held)
    matrix = np.diag(per_pixel) @ back
    return Copy(pose, turned, is_inside, matrix, (offset + 0.5) * per_pixel - 0.5)


def _scaled(shape, scale):
    return tuple(max(round(side * scale), 1) for side in shape)


def _resized(image, shape):
    if image.dtype == np.uint8:
        return resize(image, shape)
    planes = [resize(image[..., channel], shape) for channel in range(image.shape[2])]
    return np.clip(np.stack(planes, axis=-1), 0, 255)


def _held(matrix, shape):
    """Height and width that hold a turned image."""
    return tuple(max(math.ceil(side - 0.5), 1) for side in np.abs(matrix) @ shape)


def _turned(image, matrix, offset, shape):
    """An image seen through places in it, and which of them lie inside."""
    places = np.moveaxis(np.indices(shape), 0, -1) @ matrix.T + offset
    is_inside = ((places >= -0.5) & (places <= np.subtract(image.shape[:2], 0.5))).all(axis=2)
    if not (places % 1).any():
        # Right angles lead from pixel to pixel.
        return image[tuple(np.moveaxis(places.astype(np.intp), -1, 0))], is_inside
    return _interpolated(image, matrix, offset, shape), is_inside


def _interpolated(image, matrix, offset, shape):
    # Takes longer to import than most runs, which turn nothing, have to spare.
    from scipy.ndimage import affine_transform

    out = np.empty((*shape, image.shape[2]), image.dtype)
    for channel in range(image.shape[2]):
        plane = image[..., channel].astype(np.float32)
        moved = affine_transform(plane, matrix, offset, shape, order=3, mode="nearest")
        moved = np.clip(moved, 0, 255)
        out[..., channel] = np.rint(moved) if image.dtype == np.uint8 else moved
    return out
