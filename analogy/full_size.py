"""Results at the images' own size, strip by strip.

Images may be many times larger than they are matched. The field between all their pixels would
then outweigh everything else, so no more of it is made than a strip of rows needs.
"""

from __future__ import annotations

import numpy as np

from analogy.flow import displacements
from kernels.imaging.vote import vote
from kernels.matching.upsample import upsample_nnf
from kernels.target import target_of

# Of a strip, rounded up to whole rows.
STRIP_PIXELS = 2**19


def scale_of(stride: float, small: np.ndarray, image: np.ndarray) -> tuple[float, float]:
    """Pixels of an image, along y and x, in one of a level of its smaller copy.

    Parameters
    ----------
    stride : float
        Pixels of the copy in one of the level.
    small, image : arrays, (height, width, channels)
    """
    return tuple(stride * image.shape[axis] / small.shape[axis] for axis in range(2))


def vote_at_full_size(nnf, shape, other_image, scale, other_scale, vote_side, strip=STRIP_PIXELS):
    """Rebuild an image from another one by the matches between their smaller copies.

    Parameters
    ----------
    nnf : int32 array, (matched height, matched width, 2)
        Positions (y, x) in the other image as matched.
    shape : (int, int)
        Height and width of the image itself.
    other_image : uint8 NumPy array, (other height, other width, 3)
        Whose pixels are fetched.
    scale, other_scale : (float, float)
        Pixels of the image, and of the other one, in one of what was matched, (y, x).
    vote_side : int
        Of the patches that vote, in pixels; see :func:`kernels.imaging.vote.vote`.
    strip : int, optional
        Pixels that are worked out at a time; the result does not depend on it.

    Returns
    -------
    result : uint8 NumPy array, (height, width, 3)
    flow : float32 NumPy array, (height, width, 2)
        Displacement (dx, dy) of every pixel to its match, in pixels.
    """
    target = target_of(nnf)
    other_shape = other_image.shape[:2]
    height, width = shape
    result, flow = np.empty((*shape, 3), np.uint8), np.empty((*shape, 2), np.float32)
    source, radius, rows = target.asarray(other_image), vote_side // 2, -(-strip // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        # Rows beside the strip vote too.
        first, end = max(top - radius, 0), min(bottom + radius, height)
        field = upsample_nnf(
            nnf, (end - first, width), other_shape, scale, other_scale, first_row=first
        )
        inner = slice(top - first, bottom - first)
        result[top:bottom] = target.to_host(vote(source, field, vote_side))[inner]
        flow[top:bottom] = displacements(target.to_host(field)[inner], top)
    return result, flow
