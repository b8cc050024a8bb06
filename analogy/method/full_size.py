"""Results at the images' own size, strip by strip.

Images may be many times larger than they are matched. The field between all their pixels would
then outweigh everything else, so no more of it is made than a strip of rows needs.
"""

from __future__ import annotations

import numpy as np

from analogy.images import resize
from analogy.method.flow import displacements
from analogy_kernels.imaging.vote import vote, vote_alike
from analogy_kernels.matching.guided import upsample_nnf_guided
from analogy_kernels.matching.upsample import upsample_nnf
from analogy_kernels.target import target_of

# Pixels of an image in one of what was matched from which on edges show the difference.
_GUIDED_FROM = 1.5

# Of a strip, rounded up to whole rows.
STRIP_PIXELS = 2**19


def scale_of(stride: float, small: tuple[int, int], shape: tuple[int, int]) -> tuple[float, float]:
    """Pixels of an image, along y and x, in one of a level of its smaller copy.

    Parameters
    ----------
    stride : float
        Pixels of the copy in one of the level.
    small, shape : (int, int)
        Height and width of the copy and of the image.
    """
    return stride * shape[0] / small[0], stride * shape[1] / small[1]


def vote_at_full_size(
    nnf, image, other_image, scale, other_scale, vote_side, vote_width=None, strip=STRIP_PIXELS
):
    """Rebuild an image from another one by the matches between their smaller copies.

    Where the image is larger than what was matched, matches change along its own edges, see
    :mod:`analogy_kernels.matching.guided`.

    Parameters
    ----------
    nnf : int32 array, (matched height, matched width, 2)
        Positions (y, x) in the other image as matched.
    image : uint8 NumPy array, (height, width, 3)
        The image that is rebuilt.
    other_image : uint8 or float32 NumPy array, (other height, other width, 3)
        The image whose pixels are fetched, from 0 to 255.
    scale, other_scale : (float, float)
        Pixels of the image, and of the other one, in one of what was matched, (y, x).
    vote_side : int
        Side of the patches that vote, in pixels; see :func:`analogy_kernels.imaging.vote.vote`.
    vote_width : float or None
        Difference in colour at which votes lose their weight, see
        :func:`analogy_kernels.imaging.vote.vote_alike`; None for the plain mean.
    strip : int, optional
        Pixels that are worked out at a time; the result does not depend on it.

    Returns
    -------
    result : array of the dtype of `other_image`, (height, width, 3)
    flow : float32 NumPy array, (height, width, 2)
        Displacement (dx, dy) of every pixel to its match, in pixels.
    """
    target = target_of(nnf)
    height, width = image.shape[:2]
    result = np.empty((height, width, 3), other_image.dtype)
    flow = np.empty((height, width, 2), np.float32)
    source, radius, rows = target.asarray(other_image), vote_side // 2, -(-strip // width)
    upsample = _upsampling(nnf, image, other_image.shape[:2], scale, other_scale)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        # Rows beside the strip vote too.
        first, end = max(top - radius, 0), min(bottom + radius, height)
        field = upsample(first, end)
        inner = slice(top - first, bottom - first)
        voted = (
            vote(source, field, vote_side)
            if vote_width is None
            else vote_alike(source, field, vote_side, vote_width)
        )
        result[top:bottom] = target.to_host(voted)[inner]
        flow[top:bottom] = displacements(target.to_host(field)[inner], top)
    return result, flow


def _upsampling(nnf, image, other_shape, scale, other_scale):
    """Function for the field of some rows of an image, given the first and the one after them."""
    width = image.shape[1]
    if min(scale) < _GUIDED_FROM:
        return lambda first, end: upsample_nnf(
            nnf, (end - first, width), other_shape, scale, other_scale, first_row=first
        )
    target = target_of(nnf)
    guide = target.asarray(resize(image, nnf.shape[:2]))
    return lambda first, end: upsample_nnf_guided(
        nnf,
        guide,
        target.asarray(image[first:end]),
        other_shape,
        scale,
        other_scale,
        first_row=first,
    )
