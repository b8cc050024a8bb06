"""Smoothing of a field of matches: what reliable neighbours of like colour agree on."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import FIELD, INT32, checked
from analogy_kernels.positions import checked_field, checked_nnf, inside
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

# Of the smoothing's window: half its side and the distance of its samples, in pixels.
_RADIUS, _STRIDE = 10, 2
# Width of the weights' fall in distance, in pixels, and in colour, of colours in [0, 1].
_DISTANCE_WIDTH, _COLOUR_WIDTH = 8.0, 0.06

# Weiszfeld's iterations, and the length under which he counts as arrived, in pixels.
_MEDIAN_ITERATIONS = 5
_SHORTEST = np.float32(0.1)

# So that what nobody is sure of is still decided by somebody.
_LEAST_RELIABILITY = np.float32(1e-4)


def reliability(nnf: Array, reverse: Array, *, stream: Stream = None) -> Result:
    """How far each match and the match of its match lead back to where they started.

    Parameters
    ----------
    nnf : int32 array, (height, width, 2)
        Positions (y, x) in the other map.
    reverse : int32 array, (other height, other width, 2)
        Positions in the first.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, (height, width)
        ``exp(-d^2 / 2)`` of the distance d in pixels, never 0: 1 where they lead right back.

    Raises
    ------
    TypeError
        If something is no array.
    ValueError
        If the arrays do not fit each other, or a position of `nnf` is outside `reverse`. A device
        does not say so: the nearest pixel is taken there.

    Notes
    -----
    One exponential a pixel; reads `nnf` once and an entry of `reverse` for each match. Allocates
    nothing but the result and does not wait for a device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import identity_nnf, reliability
    >>> identity = identity_nnf((2, 2), (2, 2))
    >>> reliability(identity, identity).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    on, nnf, reverse = on_target(nnf=nnf, reverse=reverse, stream=stream)
    reverse = checked("reverse", reverse, FIELD, INT32)
    nnf = checked_nnf("nnf", nnf, "reverse", reverse.shape)
    out = on.empty(nnf.shape[:2])
    on.run(reliability_kernel, out.shape, nnf, reverse, out)
    return out


def smooth(field: Array, weights: Array, guide: Array, *, stream: Stream = None) -> Result:
    """Replace each displacement by the weighted geometric median of those around it.

    The weights are those given, falling with distance and with difference in colour, so that the
    field keeps its steps where the image has its edges. A median does not follow outliers.

    Parameters
    ----------
    field : float32 array, (height, width, 2)
        Positions (y, x) in the other map, fractions included.
    weights : float32 array, (height, width)
        Positive: how far each position is to be relied on. Where no weight around a pixel is, its
        result is no number.
    guide : float32 array, (height, width, 3)
        The image, in [0, 1].
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, (height, width, 2)

    Raises
    ------
    TypeError
        If something is no array.
    ValueError
        If the arrays do not fit each other, or a position is not finite, which a device does not
        say.

    Notes
    -----
    Six passes over 121 samples a pixel, every other one of 21 x 21 pixels, of about thirty
    operations and an exponential each, read from caches. Allocates nothing but the result and does
    not wait for a device. Weiszfeld's iteration (1937) from the mean; affinities are the bilateral
    filter's (Tomasi and Manduchi, 1998).

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import as_field, identity_nnf, smooth
    >>> field = as_field(identity_nnf((4, 4), (4, 4)))
    >>> field[1, 2] = 0
    >>> smoothed = smooth(field, np.ones((4, 4), np.float32), np.zeros((4, 4, 3), np.float32))
    >>> bool(np.abs(smoothed[1, 2] - (1, 2)).max() < 0.1)
    True
    """
    on, field, weights, guide = on_target(field=field, weights=weights, guide=guide, stream=stream)
    field = checked_field("field", field)
    weights = checked("weights", weights, field.shape[:2])
    guide = checked("guide", guide, (*field.shape[:2], 3))
    out = on.empty(field.shape)
    on.run(smooth_kernel, weights.shape, field, weights, guide, out)
    return out


@njit(parallel=True, **UNCOUNTED)
def _reliability_cpu(nnf, reverse, out):
    for y in prange(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = _reliability(reverse, nnf[y, x, 0], nnf[y, x, 1], y, x)


@cuda.jit(cache=True)
def _reliability_cuda(nnf, reverse, out):
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        match_y, match_x = inside(nnf, y, x, reverse.shape)
        out[y, x] = _reliability(reverse, match_y, match_x, y, x)


@njit(parallel=True, fastmath=True, **UNCOUNTED)
def _smooth_cpu(field, weights, guide, out):
    for y in prange(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x, 0], out[y, x, 1] = _median(field, weights, guide, y, x)


@cuda.jit(cache=True)
def _smooth_cuda(field, weights, guide, out):
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        out[y, x, 0], out[y, x, 1] = _median(field, weights, guide, y, x)


@register_jitable
def _reliability(reverse, match_y, match_x, y, x):
    dy = np.float32(reverse[match_y, match_x, 0] - y)
    dx = np.float32(reverse[match_y, match_x, 1] - x)
    return max(math.exp(np.float32(-0.5) * (dy * dy + dx * dx)), _LEAST_RELIABILITY)


@register_jitable
def _median(field, weights, guide, y, x):
    """Weiszfeld's iteration from the weighted mean: means weighted by the inverse distance."""
    median_y, median_x = _mean_displacement(
        field, weights, guide, y, x, np.float32(0), np.float32(0), False
    )
    for _ in range(_MEDIAN_ITERATIONS):
        median_y, median_x = _mean_displacement(
            field, weights, guide, y, x, median_y, median_x, True
        )
    return np.float32(y) + median_y, np.float32(x) + median_x


@register_jitable
def _mean_displacement(field, weights, guide, y, x, centre_y, centre_x, is_centred):
    total_y, total_x, total = np.float32(0), np.float32(0), np.float32(0)
    for dy in range(-_RADIUS, _RADIUS + 1, _STRIDE):
        for dx in range(-_RADIUS, _RADIUS + 1, _STRIDE):
            near_y, near_x = y + dy, x + dx
            if 0 <= near_y < guide.shape[0] and 0 <= near_x < guide.shape[1]:
                weight = weights[near_y, near_x] * affinity(
                    guide, y, x, near_y, near_x, _DISTANCE_WIDTH, _COLOUR_WIDTH
                )
                flow_y = field[near_y, near_x, 0] - np.float32(near_y)
                flow_x = field[near_y, near_x, 1] - np.float32(near_x)
                if is_centred:
                    weight /= _length(flow_y - centre_y, flow_x - centre_x)
                total_y += weight * flow_y
                total_x += weight * flow_x
                total += weight
    return total_y / total, total_x / total


@register_jitable
def _length(dy, dx):
    return np.float32(math.sqrt(dy * dy + dx * dx + _SHORTEST * _SHORTEST))


@register_jitable
def affinity(guide, y, x, near_y, near_x, distance_width, colour_width):
    """Weight of one pixel for another: less with distance and with difference in colour.

    Parameters
    ----------
    guide : float32 array, (height, width, 3)
    y, x, near_y, near_x : int
        The two pixels.
    distance_width, colour_width : float
        Standard deviations, in pixels and in units of the guide.

    Returns
    -------
    float
        In (0, 1]; 1 for the pixel itself.

    Notes
    -----
    About 17 operations and an exponential, of six values. The bilateral filter's weight (Tomasi and
    Manduchi, 1998).

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels.device import affinity
    >>> guide = np.array([[[0, 0, 0], [0, 0, 0], [1, 1, 1]]], np.float32)
    >>> [round(float(affinity(guide, 0, 0, 0, x, 1.0, 0.1)), 3) for x in range(3)]
    [1.0, 0.607, 0.0]
    """
    dy, dx = np.float32(near_y - y), np.float32(near_x - x)
    exponent = (dy * dy + dx * dx) * np.float32(0.5 / distance_width**2)
    for c in range(3):
        difference = guide[y, x, c] - guide[near_y, near_x, c]
        exponent += difference * difference * np.float32(0.5 / colour_width**2)
    return math.exp(-exponent)


#: Kernel of :func:`analogy_kernels.reliability`. Extents: height, width.
reliability_kernel = Kernel(_reliability_cpu, _reliability_cuda, element_launch)
#: Kernel of :func:`analogy_kernels.smooth`. Extents: height, width.
smooth_kernel = Kernel(_smooth_cpu, _smooth_cuda, element_launch)
