"""How two frames of a film correspond, and which of it is to be relied on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from skimage.color import rgb2gray
from skimage.registration import optical_flow_tvl1
from skimage.transform import resize

from analogy_kernels.imaging.vote import vote_field

# Pixels that a position, followed there and back, may miss its start by.
_TOLERANCE = 1.0


@dataclass(frozen=True)
class Motion:
    """Where the pixels of a frame lie in the other one.

    Attributes
    ----------
    field : float32 array, (height, width, 2)
        Positions (y, x) with fractions; they may lie outside.
    reliable : bool array, (height, width)
        Where the position lies inside and the other frame's motion leads back from it.
    """

    field: np.ndarray
    reliable: np.ndarray

    def at_level(self, level, shape):
        """The same between the frames' feature maps of a level, of `shape`."""
        if level == 1:
            return self
        stride = 2 ** (level - 1)
        # The centre of the pixels that one of the level stands for, as far as there are any.
        centres = (grid(shape) + np.float32(0.5)) * np.float32(stride) - np.float32(0.5)
        centres = np.minimum(centres, np.subtract(self.reliable.shape, 1, dtype=np.float32))
        nearest = np.rint(centres).astype(np.int32)
        # Steps, not positions: those of what stands still stay 0, however the map is cut off.
        steps = vote_field(self.field - grid(self.reliable.shape), centres, 1) / np.float32(stride)
        return Motion(grid(shape) + steps, self.reliable[nearest[..., 0], nearest[..., 1]])

    def at_size(self, shape):
        """The same between larger copies of the frames, of `shape`."""
        if shape == self.reliable.shape:
            return self
        scale = np.divide(shape, self.reliable.shape).astype(np.float32)
        steps = resize(self.field - grid(self.reliable.shape), shape, order=1)
        reliable = resize(self.reliable, shape, order=0)
        return Motion(grid(shape) + steps.astype(np.float32) * scale, reliable)


def motion_between(previous, frame):
    """Find how the pixels of two frames have moved.

    Parameters
    ----------
    previous, frame : uint8 arrays, (height, width, 3)

    Returns
    -------
    backward, forward : Motion
        From `frame` to `previous`, and the reverse.
    """
    greys = rgb2gray(previous), rgb2gray(frame)
    backward, forward = (_flow_field(*pair) for pair in (greys[::-1], greys))
    return (
        Motion(backward, _leads_back(backward, forward)),
        Motion(forward, _leads_back(forward, backward)),
    )


def moved_along(picture, motion):
    """Fetch a picture of the other frame to where its pixels are in this one.

    Parameters
    ----------
    picture : uint8 array, (height, width, 3)
    motion : Motion
        From this frame to the picture's, of the same size.

    Returns
    -------
    float32 array, (height, width, 3)
    """
    return vote_field(picture.astype(np.float32), motion.field, 1)


def grid(shape):
    """Position (y, x) of every pixel, float32."""
    return np.ascontiguousarray(np.moveaxis(np.indices(shape, np.float32), 0, -1))


def _flow_field(grey, other):
    flow = np.stack(optical_flow_tvl1(grey, other, dtype=np.float32), axis=-1)
    return grid(grey.shape) + flow


def _leads_back(field, reverse):
    last = np.subtract(field.shape[:2], 1)
    inside = ((field >= 0) & (field <= last)).all(axis=-1)
    missed = np.linalg.norm(vote_field(reverse, field, 1) - grid(field.shape[:2]), axis=-1)
    return inside & (missed < _TOLERANCE)
