"""The passes of a search on CUDA, made of what one pixel does in each of them.

By inner products the threads of a warp share a pixel's patches. Of a propagation most candidates
are passed over without a comparison: there a block has a tile of pixels, for each of which one
thread first asks whether there is anything to compare. The warps then share out the pixels that
have something, so that none waits for those that have nothing.
"""

from __future__ import annotations

import numpy as np
from numba import int32
from numba.extending import register_jitable

from analogy_kernels.positions import inside
from analogy_kernels.target import (
    ELEMENT_BLOCK,
    LANES,
    SIMULATED,
    cuda,
    element_launch,
    launch_bounds,
    pixel_index,
    pixel_launch,
)

# Of a propagation: bits of the side in pixels of a block's tile, and from how many pixels on a map
# has enough such tiles for every multiprocessor; smaller ones have tiles of half the side.
_BITS, _MANY_PIXELS = (1, 24) if SIMULATED else (3, 40_000)

# Warps of the block. The simulator has none, and all its threads work on one pixel.
_WARPS = 1 if SIMULATED else 4
_PIXELS, _THREADS = 1 << (2 * _BITS), _WARPS * LANES

# Blocks of a propagation that a multiprocessor is to run at a time, which limits their registers.
_RESIDENT = 5


def kernels_by_warps(pixel_functions, has_offers):
    """CUDA kernels with their launches where the lanes of a warp share a pixel.

    Parameters
    ----------
    pixel_functions : three device functions
        Work of a pixel in each pass, which all lanes of a warp call: start, propagation, search.
    has_offers : device function
        As that of a propagation, which moves a pixel to whatever its neighbours have that is worth
        a comparison, without one; a single thread calls it.

    Returns
    -------
    three pairs (kernel, launch)
    """
    start, _, search = _kernels(pixel_index, *pixel_functions)
    _, propagate_pixel, _ = pixel_functions
    propagate = _tile_propagation(propagate_pixel, has_offers), _tile_launch
    return (start, pixel_launch), propagate, (search, pixel_launch)


def kernels_by_threads(pixel_functions):
    """As :func:`kernels_by_warps`, where a thread has a pixel to itself."""
    kernels = _kernels(_element_index, *pixel_functions)
    return [(kernel, element_launch) for kernel in kernels]


def _kernels(pixel_of_thread, start_pixel, propagate_pixel, search_pixel):
    @cuda.jit(cache=True)
    def start(sources, others, channels, problem, nnf, matches, stamps, cost):
        y, x, lane = pixel_of_thread(cost.shape[1])
        if y >= cost.shape[0] or x >= cost.shape[1]:
            return
        match_y, match_x = inside(nnf, y, x, (problem.other_height, problem.other_width))
        first = start_pixel((sources, others, channels), problem, y, x, match_y, match_x, lane)
        if lane == 0:
            matches[y, x, 0], matches[y, x, 1], stamps[y, x] = match_y, match_x, 0
            cost[y, x] = first

    @cuda.jit(cache=True)
    def propagate(
        sources,
        others,
        channels,
        problem,
        matches,
        stamps,
        new_matches,
        new_stamps,
        cost,
        jump,
        launch,
        since,
    ):
        y, x, lane = pixel_of_thread(cost.shape[1])
        if y >= cost.shape[0] or x >= cost.shape[1]:
            return
        best, best_y, best_x, stamp = propagate_pixel(
            (sources, others, channels),
            problem,
            matches,
            stamps,
            y,
            x,
            cost[y, x],
            jump,
            launch,
            since,
            lane,
        )
        if lane == 0:
            cost[y, x], new_stamps[y, x] = best, stamp
            new_matches[y, x, 0], new_matches[y, x, 1] = best_y, best_x

    @cuda.jit(cache=True)
    def search(sources, others, channels, problem, matches, stamps, cost, radius, seed, launch):
        y, x, lane = pixel_of_thread(cost.shape[1])
        if y >= cost.shape[0] or x >= cost.shape[1]:
            return
        best, best_y, best_x, stamp = search_pixel(
            (sources, others, channels),
            problem,
            matches,
            stamps,
            y,
            x,
            cost[y, x],
            radius,
            seed,
            launch,
            lane,
        )
        if lane == 0:
            cost[y, x], stamps[y, x] = best, stamp
            matches[y, x, 0], matches[y, x, 1] = best_y, best_x

    return start, propagate, search


def _tile_propagation(propagate_pixel, has_offers):
    @cuda.jit(cache=True, **launch_bounds(_THREADS, _RESIDENT))
    def propagate(
        sources,
        others,
        channels,
        problem,
        matches,
        stamps,
        new_matches,
        new_stamps,
        cost,
        jump,
        launch,
        since,
    ):
        maps = sources, others, channels
        waiting = cuda.shared.array(_PIXELS, int32)
        count = cuda.shared.array(1, int32)
        lane, warp = cuda.threadIdx.x, cuda.threadIdx.y
        bits = _tile_bits(cost.shape[0], cost.shape[1])
        pixel = np.int32(warp * LANES + lane)
        if pixel == 0:
            count[0] = 0
        cuda.syncthreads()

        while pixel < 1 << (2 * bits):
            y, x = _pixel_of_tile(pixel, bits)
            if y < cost.shape[0] and x < cost.shape[1]:
                own, stamp = cost[y, x], stamps[y, x]
                lowest, _, _, _ = has_offers(
                    maps, problem, matches, stamps, y, x, own, jump, launch, since, 0
                )
                if lowest < own:
                    # In any order: no pixel's result depends on another's.
                    waiting[cuda.atomic.add(count, 0, 1)] = pixel
                else:
                    new_matches[y, x, 0], new_matches[y, x, 1] = matches[y, x, 0], matches[y, x, 1]
                    new_stamps[y, x] = stamp
            pixel += _THREADS
        cuda.syncthreads()

        place = warp
        while place < count[0]:
            y, x = _pixel_of_tile(waiting[place], bits)
            best, best_y, best_x, stamp = propagate_pixel(
                maps, problem, matches, stamps, y, x, cost[y, x], jump, launch, since, lane
            )
            if lane == 0:
                cost[y, x], new_stamps[y, x] = best, stamp
                new_matches[y, x, 0], new_matches[y, x, 1] = best_y, best_x
            place += _WARPS

    return propagate


def _tile_launch(height, width):
    """Launch of a kernel whose blocks have a tile of pixels each."""
    side = 1 << _tile_bits(height, width)
    blocks = -(-width // side), -(-height // side)
    return tuple(max(int(count), 1) for count in blocks), (LANES, _WARPS)


@register_jitable
def _tile_bits(height, width):
    return _BITS if height * width >= _MANY_PIXELS else _BITS - 1


@cuda.jit(device=True, inline="always")
def _pixel_of_tile(pixel, bits):
    """(y, x) of a pixel of the block's tile, counted row by row."""
    y, x = pixel >> bits, pixel & ((1 << bits) - 1)
    return np.int32((cuda.blockIdx.y << bits) + y), np.int32((cuda.blockIdx.x << bits) + x)


@cuda.jit(device=True, inline="always")
def _element_index(width):
    """(y, x, lane) of a thread that has a pixel to itself."""
    return (
        cuda.blockIdx.y * ELEMENT_BLOCK[1] + cuda.threadIdx.y,
        cuda.blockIdx.x * ELEMENT_BLOCK[0] + cuda.threadIdx.x,
        0,
    )
