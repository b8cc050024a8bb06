"""Positions in maps, as fields hold them: no kernel reads or writes where a field leads outside.

On the host one pass over a field tells before anything runs; it takes less than a check at every
reading. What a device's fields hold would have to be waited for, so kernels there take the nearest
pixel of the map for a position outside.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numba.extending import register_jitable

from analogy_kernels.arguments import FIELD, INT32, checked


def checked_nnf(name, nnf, other_name, other_shape, shape=FIELD):
    """A field of positions, if those on the host lie inside the other map.

    Parameters
    ----------
    name : str
    nnf : int32 array, (height, width, 2)
    other_name : str
        Name of the argument that is the other map or tells its shape.
    other_shape : tuple of int
        Height and width first.
    shape : tuple of int, optional
        Shape of the field, where other arguments tell it.
    """
    nnf = checked(name, nnf, shape, INT32)
    if isinstance(nnf, np.ndarray):
        height, width = other_shape[:2]
        if not _lies_inside(nnf, height, width):
            is_outside = ((nnf < 0) | (nnf >= (height, width))).any(axis=2)
            y, x = nnf[is_outside][0]
            raise ValueError(
                f"{name} leads to ({y}, {x}); its positions have to lie inside {other_name}, "
                f"{height} x {width} pixels"
            )
    return nnf


def checked_field(name, field, shape=FIELD):
    """A field of positions with fractions, if those on the host are numbers."""
    field = checked(name, field, shape)
    if isinstance(field, np.ndarray):
        flat = field.reshape(field.size)
        # What is not finite makes the sum so, and so do numbers beyond 1e19.
        with np.errstate(over="ignore", invalid="ignore"):
            square = np.dot(flat, flat)
        if not math.isfinite(square):
            raise ValueError(f"{name} has values that are not finite; its positions have to be")
    return field


@register_jitable
def inside(nnf, y, x, shape):
    """A pixel's match, or the nearest pixel of the other map, of some shape, if it is outside."""
    match_y = min(max(nnf[y, x, 0], np.int32(0)), np.int32(shape[0] - 1))
    match_x = min(max(nnf[y, x, 1], np.int32(0)), np.int32(shape[1] - 1))
    return match_y, match_x


@njit(cache=True)
def _lies_inside(nnf, height, width):
    # Without a sign negative positions are the largest of all.
    positions = nnf.reshape(nnf.size).view(np.uint32)
    largest_y, largest_x = np.uint32(0), np.uint32(0)
    for i in range(positions.size // 2):
        largest_y = max(largest_y, positions[2 * i])
        largest_x = max(largest_x, positions[2 * i + 1])
    return largest_y < height and largest_x < width
