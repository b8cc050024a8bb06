"""What a match costs in a search: inner products of patches, or a function that was given."""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from analogy_kernels.half import as_float32
from analogy_kernels.matching.patch_cost import patch_overlap
from analogy_kernels.target import INNER, LANES, load4
from analogy_kernels.thread_sums import lane_sum

# Stands for infinity in costs and bounds: finite, so that it may be multiplied by zero.
HUGE = np.float32(1e30)

# Of a pixel's inner product: what rounding may change between a sketch's and the whole one.
_ROUNDING = np.float32(1e-5)


def inner_product_cost(pairs, product_of_runs, has_sketches):
    """Cost of a match by inner products, given the function for those of two runs of memory.

    ``product_of_runs(source, first, other, match_first, length, channels, lane)`` is of so many
    elements of two flat maps from two places on. On the CPU a pixel has one thread, on CUDA the
    threads of a warp share it, each telling its `lane`. There may be sketches or never are: what
    looks for them takes registers.
    """
    row_product = _row_product(product_of_runs)
    row_products = _row_products(pairs, row_product)

    @register_jitable
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
    run, match_run = source[first : first + length], other[match_first : match_first + length]
    for k in range(length):
        total += as_float32(run[k]) * as_float32(match_run[k])
    return total


@register_jitable
def run_product_cuda(source, first, other, match_first, length, channels, lane):
    # Unsigned, so that no step and no index is asked for its sign; see `analogy_kernels.reduction`.
    first, match_first = np.uint64(first), np.uint64(match_first)
    k, size, total = np.uint64(lane), np.uint64(length), np.float32(0)
    if channels % 4 == 0:
        # Both runs begin at a multiple of 16 bytes: a quarter of the accesses.
        k *= np.uint64(4)
        while k < size:
            total += _product_of_four(load4(source, first + k), load4(other, match_first + k))
            k += np.uint64(4 * LANES)
    else:
        while k < size:
            total += as_float32(source[first + k]) * as_float32(other[match_first + k])
            k += np.uint64(LANES)
    return lane_sum(total)


@register_jitable
def _product_of_four(a, b):
    total = as_float32(a[0]) * as_float32(b[0]) + as_float32(a[1]) * as_float32(b[1])
    return total + as_float32(a[2]) * as_float32(b[2]) + as_float32(a[3]) * as_float32(b[3])
