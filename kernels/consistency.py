"""Forward-backward consistency of two nearest-neighbour fields: which matches lead back."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from kernels.target import cuda, element_launch, target_of


def round_trip(nnf, reverse, out=None):
    """Distance between each pixel and where its match's own match leads: 0 where they agree.

    ``out[p] = |reverse[nnf[p]] - p|``

    Parameters
    ----------
    nnf : int32 array, (height, width, 2)
        Positions (y, x) in the other map, all inside it.
    reverse : int32 array, (other height, other width, 2)
        Positions in the first map.
    out : float32 array, (height, width), optional
        Written and returned; made anew when absent.

    Returns
    -------
    float32 array, (height, width)
        Pixels of the first map.

    Raises
    ------
    ValueError
        If the arrays live on different targets.
    """
    target = target_of(nnf, reverse)
    height, width = nnf.shape[:2]
    if out is None:
        out = target.empty((height, width))
    if target.is_cuda:
        _round_trip_cuda[element_launch(height, width)](nnf, reverse, out)
    else:
        _round_trip_cpu(nnf, reverse, out)
    return out


@njit(parallel=True, cache=True)
def _round_trip_cpu(nnf, reverse, out):
    for y in prange(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = _distance_back(nnf, reverse, y, x)


@cuda.jit
def _round_trip_cuda(nnf, reverse, out):
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        out[y, x] = _distance_back(nnf, reverse, y, x)


@register_jitable
def _distance_back(nnf, reverse, y, x):
    match_y, match_x = nnf[y, x, 0], nnf[y, x, 1]
    dy, dx = reverse[match_y, match_x, 0] - y, reverse[match_y, match_x, 1] - x
    # The square is a whole number, so every target takes the root of the same value.
    return math.sqrt(np.float32(dy * dy + dx * dx))
