"""Which patches vote for a pixel, and how much: device functions of the kernels of votes."""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from analogy_kernels.half import as_float32

MOST_WEIGHT = np.finfo(np.float32).max


@register_jitable
def largest_weight(source, nnf, weights, radius, y, x):
    """Of the votes for a pixel."""
    largest = np.float32(0)
    for near_y in range(max(y - radius, 0), min(y + radius + 1, nnf.shape[0])):
        for near_x in range(max(x - radius, 0), min(x + radius + 1, nnf.shape[1])):
            source_y = nnf[near_y, near_x, 0] + (y - near_y)
            source_x = nnf[near_y, near_x, 1] + (x - near_x)
            if is_inside(source, source_y, source_x):
                largest = max(largest, weight_of(weights, near_y, near_x))
    return largest


@register_jitable
def relative_weight(weight, largest):
    # So that neither huge weights nor tiny ones leave float32; where all are 0 they are alike.
    return weight / largest if largest > np.float32(0) else np.float32(1)


@register_jitable
def weight_of(weights, y, x):
    """A pixel's weight, or the nearest that a vote can have."""
    return min(max(weights[y, x], np.float32(0)), MOST_WEIGHT)


@register_jitable
def likeness(source, own_y, own_x, y, x, falloff):
    """Weight of a vote by its distance from the pixel's own: Tukey's biweight."""
    square = np.float32(0)
    for c in range(source.shape[2]):
        difference = as_float32(source[y, x, c]) - as_float32(source[own_y, own_x, c])
        square += difference * difference
    return falling_off(square, falloff)


@register_jitable
def falling_off(square, falloff):
    rest = max(np.float32(1) - square * falloff, np.float32(0))
    return rest * rest


@register_jitable
def is_inside(source, y, x):
    return 0 <= y < source.shape[0] and 0 <= x < source.shape[1]
