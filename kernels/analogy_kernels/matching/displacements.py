"""Bounds that matches may not leave: how far from its pixel's own place a match may lie.

A displacement is a match's position less its pixel's. What is near in time, in depth or in one
image lies in a few of them, which are the lowest and highest along y and those along x, both
included: ``((-2, 2), (0, 64))`` reaches two rows up and down, and 64 columns to the right. A
neighbour's match, as propagation offers it, has the neighbour's displacement; so a field that lies
within bounds stays there if it is started and searched at random there.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import items, whole
from analogy_kernels.target import UNCOUNTED, Kernel, cuda, element_launch

# ((lowest y, highest y), (lowest x, highest x)), all included.
Displacements: TypeAlias = tuple[tuple[int, int], tuple[int, int]]

_FARTHEST = 2**31 - 1


def bounds_of(name, displacements, shape, other_shape):
    """Lowest and highest y, lowest and highest x, if they leave each pixel a place.

    Parameters
    ----------
    name : str
    displacements : two pairs of int, or None
        None for those that reach everywhere.
    shape, other_shape : tuples of int
        Shapes of the map and of the other one; height and width first.

    Returns
    -------
    four int
    """
    if displacements is None:
        return -shape[0], other_shape[0], -shape[1], other_shape[1]
    bounds = []
    for i, along in enumerate(items(name, displacements, 2)):
        low, high = items(f"{name}[{i}]", along, 2, whole, -_FARTHEST)
        # The first pixel looks farthest to the front, the last one to the end.
        most, least = other_shape[i] - shape[i], 0
        if low > min(high, most) or high < least:
            raise ValueError(
                f"{name}[{i}] is ({low}, {high}); the lowest has to be at most the highest and at "
                f"most {most}, the highest 0 or more, so that each pixel has a place"
            )
        bounds += low, high
    return tuple(bounds)


def reversed_displacements(displacements):
    """What the reverse direction is bound to where this one is bound to `displacements`."""
    (low_y, high_y), (low_x, high_x) = displacements
    return (-high_y, -low_y), (-high_x, -low_x)


def confine(on, nnf, bounds, other_shape):
    """Bring every match to the nearest place that it may have.

    Parameters
    ----------
    on : Host or Device of `analogy_kernels.target`
    nnf : int32 array, (height, width, 2)
        Not changed.
    bounds : four int
        Bounds from :func:`bounds_of`.
    other_shape : tuple of int
        Height and width first.

    Returns
    -------
    int32 array, (height, width, 2)
    """
    out = on.empty(nnf.shape, np.int32)
    on.run(_confine_kernel, nnf.shape[:2], nnf, bounds, *other_shape[:2], out)
    return out


@register_jitable
def places_within(position, low, high, size):
    """First and last place of an axis of the other map that a position's match may have."""
    return max(position + low, 0), min(position + high, size - 1)


@njit(parallel=True, **UNCOUNTED)
def _confine_cpu(nnf, bounds, other_height, other_width, out):
    for y in prange(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x, 0], out[y, x, 1] = _confined(nnf, bounds, other_height, other_width, y, x)


@cuda.jit(cache=True)
def _confine_cuda(nnf, bounds, other_height, other_width, out):
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        out[y, x, 0], out[y, x, 1] = _confined(nnf, bounds, other_height, other_width, y, x)


@register_jitable
def _confined(nnf, bounds, other_height, other_width, y, x):
    low_y, high_y, low_x, high_x = bounds
    first_y, last_y = places_within(y, low_y, high_y, other_height)
    first_x, last_x = places_within(x, low_x, high_x, other_width)
    return min(max(nnf[y, x, 0], first_y), last_y), min(max(nnf[y, x, 1], first_x), last_x)


# Extents: height, width.
_confine_kernel = Kernel(_confine_cpu, _confine_cuda, element_launch)
