"""Colours as channels beside features, so that their distance is part of an inner product."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from kernels.target import cuda, element_launch, target_of

# Channels that a colour takes: three for the product, two for the squares.
COLOUR_CHANNELS = 5


def append_colour(image, weight, is_source, out, channel_offset):
    """Write each pixel's colour beside its features.

    For colours a and b, ``-weight * |a - b|^2`` is the inner product of what is written for a as
    a source, ``(s a, -weight |a|^2, -1)``, and for b as a target, ``(s b, 1, weight |b|^2)``, with
    ``s^2 = 2 weight``. It is never above 0, so it leaves the bound of
    :func:`kernels.patchmatch.patchmatch` as it was.

    Parameters
    ----------
    image : float32 array, (height, width, 3)
        Around 0 rather than positive: the squares then lose the fewest digits.
    weight : float
        Not negative.
    is_source : bool
    out : float32 array, (height, width, at least channel_offset + COLOUR_CHANNELS)
        Written and returned.
    channel_offset : int
        Channel of `out` that takes the first one.

    Returns
    -------
    float32 array
        `out`.
    """
    target = target_of(image, out)
    height, width = image.shape[:2]
    scale = np.float32(math.sqrt(2 * weight))
    weight = np.float32(weight)
    if target.is_cuda:
        launch = element_launch(height, width)
        _append_colour_cuda[launch](image, scale, weight, is_source, channel_offset, out)
    else:
        _append_colour_cpu(image, scale, weight, is_source, channel_offset, out)
    return out


@njit(parallel=True, cache=True)
def _append_colour_cpu(image, scale, weight, is_source, channel_offset, out):
    for y in prange(image.shape[0]):
        for x in range(image.shape[1]):
            _append(image, scale, weight, is_source, channel_offset, y, x, out)


@cuda.jit
def _append_colour_cuda(image, scale, weight, is_source, channel_offset, out):
    x, y = cuda.grid(2)
    if y < image.shape[0] and x < image.shape[1]:
        _append(image, scale, weight, is_source, channel_offset, y, x, out)


@register_jitable
def _append(image, scale, weight, is_source, channel_offset, y, x, out):
    square = np.float32(0)
    for c in range(3):
        square += image[y, x, c] * image[y, x, c]
        out[y, x, channel_offset + c] = scale * image[y, x, c]
    if is_source:
        out[y, x, channel_offset + 3] = -weight * square
        out[y, x, channel_offset + 4] = np.float32(-1)
    else:
        out[y, x, channel_offset + 3] = np.float32(1)
        out[y, x, channel_offset + 4] = weight * square
