"""What a match costs in a search: inner products of patches, or a function that was given."""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from analogy_kernels.half import as_float32
from analogy_kernels.matching.patch_cost import patch_overlap
from analogy_kernels.target import INNER, LANES, load4
from analogy_kernels.thread_sums import lane_sum
from analogy_kernels.unrolling import rolled

# Stands for infinity in costs and bounds: finite, so that it may be multiplied by zero.
HUGE = np.float32(1e30)

# Of a pixel's inner product: what rounding may change between a sketch's and the whole one.
_ROUNDING = np.float32(1e-5)

# Elements that the lanes of a warp read together, and reads that are under way before any is used.
_STEP, _AT_ONCE = 4 * LANES, 4
_ROUND = np.uint64(_AT_ONCE * _STEP)


def inner_product_cost(pairs, product_of_runs, has_sketches):
    """Cost of a match by inner products, given the function for those of two runs of memory.

    ``product_of_runs(source, first, other, match_first, length, channels, lane)`` is of so many
    elements of two flat maps from two places on. On the CPU a pixel has one thread, on CUDA the
    threads of a warp share it, each telling its `lane`. There may be sketches or never are: what
    looks for them takes registers.
    """
    row_product = _row_product(product_of_runs)
    row_products = _row_products(pairs, row_product)

    @register_jitable(forceinline=True)
    def patch_cost(maps, problem, y, x, match_y, match_x, best, lane):
        """Cost of a match, or what it is at least once it cannot be below `best`."""
        sources, others, channels = maps
        sketch, other_sketch = problem.source_sketch, problem.other_sketch
        sketched, bound = problem.sketched if has_sketches else 0, problem.bound
        shape = problem.height, problem.width
        match_shape = problem.other_height, problem.other_width
        top, bottom, left, right = patch_overlap(
            problem.half, y, x, match_y, match_x, shape, match_shape
        )
        columns = left + right + 1
        count = (top + bottom + 1) * columns
        # Of the two patches' left pixels, in the row of their middles.
        first, match_first = y * shape[1] + x - left, match_y * match_shape[1] + match_x - left

        # What the rows that are not yet compared can give at most, and what they have to.
        rest, needed = bound * np.float32(count), -best * np.float32(count)
        if sketched > 0:
            rest = _ROUNDING * np.float32(count)
            for dy in range(-top, bottom + 1):
                place = first + dy * shape[1], match_first + dy * match_shape[1], columns, lane
                rest += row_product(sketch, other_sketch, sketched, *place)
            if rest <= needed:
                return max(-rest / np.float32(count), best)

        total = np.float32(0)
        for dy in range(-top, bottom + 1):
            place = first + dy * shape[1], match_first + dy * match_shape[1], columns, lane
            total += row_products(sources, others, channels, *place)
            if sketched > 0:
                rest -= row_product(sketch, other_sketch, sketched, *place)
            else:
                rest = bound * np.float32((bottom - dy) * columns)
            if total + rest <= needed:
                return max(-(total + rest) / np.float32(count), best)
        return -total / np.float32(count)

    return patch_cost


def _row_product(product_of_runs):
    @register_jitable
    def row_product(source, other, channels, pixel, match_pixel, columns, lane):
        """Inner product of one row of two patches, from their left pixels on."""
        # Channels last and pixels side by side: the row of a patch is one run of memory.
        place = pixel * channels, other, match_pixel * channels
        return product_of_runs(source, *place, columns * channels, channels, lane)

    return row_product


def _row_products(pairs, row_product):
    """Sum of the products of several pairs of maps.

    One function for each pair more: a map has to be told by a constant, for which Numba takes it
    out of the tuple when it compiles and not at every row.
    """
    last = pairs - 1
    if last == 0:

        @register_jitable
        def row_of_one(sources, others, channels, pixel, match_pixel, columns, lane):
            place = pixel, match_pixel, columns, lane
            return row_product(sources[0], others[0], channels[0], *place)

        return row_of_one

    of_those_before = _row_products(last, row_product)

    @register_jitable
    def row_of_all(sources, others, channels, pixel, match_pixel, columns, lane):
        place = pixel, match_pixel, columns, lane
        before = of_those_before(sources, others, channels, *place)
        return before + row_product(sources[last], others[last], channels[last], *place)

    return row_of_all


def given_cost(cost):
    @register_jitable
    def patch_cost(maps, problem, y, x, match_y, match_x, best, lane):
        sources, others, _ = maps
        return np.float32(cost(sources, others, y, x, match_y, match_x, problem.half, best))

    return patch_cost


# No dispatcher, which Numba could not tell in another process: what captures it would be compiled
# anew there.
@register_jitable(fastmath=True, **INNER)
def run_product(source, first, other, match_first, length, channels, lane):
    total = np.float32(0)
    first, match_first = np.uintp(first), np.uintp(match_first)
    for step in range(length):
        k = np.uintp(step)
        total += as_float32(source[first + k]) * as_float32(other[match_first + k])
    return total


@register_jitable
def run_product_cuda(source, first, other, match_first, length, channels, lane):
    total = np.float32(0)
    if channels % 4 == 0:
        # Both runs begin at a multiple of 16 bytes: a quarter of the accesses. What a round reads
        # lies at fixed distances from two places, so that all of it is under way at once.
        place, match_place = np.uint64(first + 4 * lane), np.uint64(match_first + 4 * lane)
        left = np.int32(length - 4 * lane)
        while left > (_AT_ONCE - 1) * _STEP:
            left = np.int32(rolled(left) - _AT_ONCE * _STEP)
            for n in range(_AT_ONCE):
                step = np.uint64(n * _STEP)
                four, match_four = load4(source, place + step), load4(other, match_place + step)
                total = _more_by_four(total, four, match_four)
            place, match_place = place + _ROUND, match_place + _ROUND
        while left > 0:
            left = np.int32(rolled(left) - _STEP)
            total = _more_by_four(total, load4(source, place), load4(other, match_place))
            place, match_place = place + np.uint64(_STEP), match_place + np.uint64(_STEP)
    else:
        place, match_place = np.uint64(first + lane), np.uint64(match_first + lane)
        left = np.int32(length - lane)
        while left > 0:
            left = np.int32(rolled(left) - LANES)
            total += as_float32(source[place]) * as_float32(other[match_place])
            place, match_place = place + np.uint64(LANES), match_place + np.uint64(LANES)
    return lane_sum(total)


@register_jitable
def _more_by_four(total, a, b):
    total += as_float32(a[0]) * as_float32(b[0])
    total += as_float32(a[1]) * as_float32(b[1])
    total += as_float32(a[2]) * as_float32(b[2])
    return total + as_float32(a[3]) * as_float32(b[3])
