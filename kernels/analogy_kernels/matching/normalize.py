"""Normalisation of each pixel's channel vector (section 4.2 of the paper)."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import ANY_MAP, as_map, checked, number, whole
from analogy_kernels.reduction import squared_norm
from analogy_kernels.target import (
    LANES,
    UNCOUNTED,
    Array,
    Kernel,
    Result,
    Stream,
    cuda,
    on_target,
    pixel_index,
    pixel_launch,
)
from analogy_kernels.thread_sums import lane_squared_norm

# Below the smallest normal float32 a square has lost digits, and its root is no length.
_SMALLEST_SQUARE = np.finfo(np.float32).tiny


def normalize(
    features: Array,
    out: Array | None = None,
    channel_offset: int = 0,
    length: float = 1.0,
    *,
    stream: Stream = None,
) -> Result:
    """Bring each pixel's channel vector to one Euclidean length.

    Parameters
    ----------
    features : float32 array, (height, width[, channels])
    out : float32 array, (height, width, at least channel_offset + channels), optional
        Written and returned; made anew when absent, with zeros before the offset. May be `features`
        itself.
    channel_offset : int
        Channel of `out` that takes the first channel, so that two maps can lie side by side.
    length : float
        Length of the resulting vectors, by which maps side by side can be weighted.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, (height, width, channels)
        `out`. A vector shorter than 1e-19 counts as zero and stays zero, where the authors'
        program divides by zero.

    Raises
    ------
    TypeError
        If something is no array, or the offset or the length no number.
    ValueError
        If the arrays do not fit each other, the channel offset is negative, or the length is not
        finite.

    Notes
    -----
    Three operations a value and a root a pixel; reads the features once, but for what a cache
    holds, and writes them once. Allocates nothing but the result and does not wait for a device.
    Section 4.2 of the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import normalize
    >>> features = np.array([[[6, 8], [0, 0]]], np.float32)
    >>> np.round(normalize(features, length=5.0), 4).tolist()
    [[[3.0, 4.0], [0.0, 0.0]]]
    """
    on, features, out = on_target(features=features, out=out, stream=stream)
    features = as_map(checked("features", features, ANY_MAP))
    height, width, channels = features.shape
    offset, length = whole("channel_offset", channel_offset), np.float32(number("length", length))
    lies = {"in_place_of": {"features": features}}
    out = on.out_beside(out, (height, width), offset, channels, **lies)
    on.run(normalize_kernel, (height, width), features, offset, length, out)
    return out


@njit(parallel=True, **UNCOUNTED)
def _normalize_cpu(features, channel_offset, length, out):
    height, width, channels = features.shape
    for y in prange(height):
        for x in range(width):
            # As vectors of their own: of a sum of places Numba would test the sign.
            vector, to = features[y, x], out[y, x, channel_offset : channel_offset + channels]
            scale = length * _inverse_length(squared_norm(vector))
            for c in range(channels):
                to[c] = vector[c] * scale


@cuda.jit(cache=True)
def _normalize_cuda(features, channel_offset, length, out):
    height, width, channels = features.shape
    y, x, lane = pixel_index(width)
    scale = length * _inverse_length(lane_squared_norm(features, y, x, lane))
    if y < height:
        c = np.uint64(lane)
        while c < np.uint64(channels):
            out[y, x, np.uint64(channel_offset) + c] = features[y, x, c] * scale
            c += np.uint64(LANES)


@register_jitable
def _inverse_length(square):
    if square < _SMALLEST_SQUARE:
        return np.float32(0)
    return np.float32(1) / np.float32(math.sqrt(square))


#: Kernel of :func:`analogy_kernels.normalize`. Extents: height, width.
normalize_kernel = Kernel(_normalize_cpu, _normalize_cuda, pixel_launch)
