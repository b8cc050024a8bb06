"""Colours as channels beside features, so that their distance is part of an inner product."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import IMAGE, MAP, checked, number, whole
from analogy_kernels.target import (
    UNCOUNTED,
    Array,
    Kernel,
    Result,
    Stream,
    cuda,
    element_launch,
    on_target,
)

# Channels that a colour takes: three for the product, two for the squares.
COLOUR_CHANNELS = 5


def append_colour(
    image: Array,
    weight: float,
    is_source: bool,
    out: Array,
    channel_offset: int,
    *,
    stream: Stream = None,
) -> Result:
    """Write each pixel's colour beside its features.

    For colours a and b, ``-weight * |a - b|^2`` is the inner product of what is written for a of
    the source, ``(s a, -weight |a|^2, -1)``, and for b of the other map,
    ``(s b, 1, weight |b|^2)``, with ``s^2 = 2 weight``. It is never above 0, so it leaves the
    bound of :func:`analogy_kernels.matching.patchmatch.patchmatch` as it was.

    Parameters
    ----------
    image : float32 array, (height, width, 3)
        Around 0 rather than positive: the squares then lose the fewest digits.
    weight : float
        Not negative.
    is_source : bool
    out : float32 array, (height, width, at least channel_offset + COLOUR_CHANNELS)
        Written and returned. Apart from `image`.
    channel_offset : int
        Channel of `out` that takes the first one.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array
        `out`.

    Raises
    ------
    TypeError
        If something is no array, or the weight or the offset no number.
    ValueError
        If the arrays do not fit each other, or the weight or the channel offset is negative.

    Notes
    -----
    About ten operations a pixel; reads three channels and writes five. Allocates nothing and does
    not wait for a device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import append_colour
    >>> colours = np.array([[[0.25, 0, 0], [-0.25, 0, 0]]], np.float32)
    >>> source = append_colour(colours, 2, True, np.zeros((1, 2, 5), np.float32), 0)
    >>> target = append_colour(colours, 2, False, np.zeros((1, 2, 5), np.float32), 0)
    >>> float(source[0, 0] @ target[0, 1])
    -0.5
    """
    on, image, out = on_target(image=image, out=out, stream=stream)
    image = checked("image", image, IMAGE)
    weight, offset = number("weight", weight, 0), whole("channel_offset", channel_offset)
    checked("out", out, MAP)
    lies = {"apart_from": {"image": image}}
    out = on.out_beside(out, image.shape[:2], offset, COLOUR_CHANNELS, **lies)
    scale, weight = np.float32(math.sqrt(2 * weight)), np.float32(weight)
    arguments = image, scale, weight, bool(is_source), offset, out
    on.run(append_colour_kernel, image.shape[:2], *arguments)
    return out


@njit(parallel=True, **UNCOUNTED)
def _append_colour_cpu(image, scale, weight, is_source, channel_offset, out):
    for y in prange(image.shape[0]):
        for x in range(image.shape[1]):
            _append(image, scale, weight, is_source, channel_offset, y, x, out)


@cuda.jit(cache=True)
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


#: Kernel of :func:`analogy_kernels.append_colour`. Extents: height, width.
append_colour_kernel = Kernel(_append_colour_cpu, _append_colour_cuda, element_launch)
