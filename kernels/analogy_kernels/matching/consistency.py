"""Forward-backward consistency of two nearest-neighbour fields: which matches lead back."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import FIELD, INT32, checked
from analogy_kernels.positions import checked_nnf, inside
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


def round_trip(
    nnf: Array, reverse: Array, out: Array | None = None, *, stream: Stream = None
) -> Result:
    """Distance between each pixel and where its match's own match leads: 0 where they agree.

    ``out[p] = |reverse[nnf[p]] - p|``

    Parameters
    ----------
    nnf : int32 array, (height, width, 2)
        Positions (y, x) in the other map, all inside it.
    reverse : int32 array, (other height, other width, 2)
        Positions in the first map.
    out : float32 array, (height, width), optional
        Written and returned; made anew when absent. Apart from the others.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, (height, width)
        Pixels of the first map.

    Raises
    ------
    TypeError
        If something is no array.
    ValueError
        If the arrays do not fit each other, or a position of `nnf` is outside `reverse`. A device
        does not say so: the nearest pixel is taken there.

    Notes
    -----
    Five operations a pixel and a root; reads `nnf` once and an entry of `reverse` for each match.
    Allocates nothing but the result and does not wait for a device. The left-right check of stereo
    matching (Fua, 1993), as a distance.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import round_trip
    >>> nnf = np.array([[[0, 1], [0, 1]]], np.int32)
    >>> round_trip(nnf, np.array([[[0, 0], [0, 1]]], np.int32)).tolist()
    [[1.0, 0.0]]
    """
    on, nnf, reverse, out = on_target(nnf=nnf, reverse=reverse, out=out, stream=stream)
    reverse = checked("reverse", reverse, FIELD, INT32)
    nnf = checked_nnf("nnf", nnf, "reverse", reverse.shape)
    out = on.out(out, nnf.shape[:2], apart_from={"nnf": nnf, "reverse": reverse})
    on.run(round_trip_kernel, out.shape, nnf, reverse, out)
    return out


@njit(parallel=True, **UNCOUNTED)
def _round_trip_cpu(nnf, reverse, out):
    for y in prange(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = _distance_back(reverse, nnf[y, x, 0], nnf[y, x, 1], y, x)


@cuda.jit(cache=True)
def _round_trip_cuda(nnf, reverse, out):
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        match_y, match_x = inside(nnf, y, x, reverse.shape)
        out[y, x] = _distance_back(reverse, match_y, match_x, y, x)


@register_jitable
def _distance_back(reverse, match_y, match_x, y, x):
    dy, dx = reverse[match_y, match_x, 0] - y, reverse[match_y, match_x, 1] - x
    # The square is a whole number, so every target takes the root of the same value.
    return math.sqrt(np.float32(dy * dy + dx * dx))


#: Kernel of :func:`analogy_kernels.round_trip`. Extents: height, width.
round_trip_kernel = Kernel(_round_trip_cpu, _round_trip_cuda, element_launch)
