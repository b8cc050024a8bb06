"""Sums over the threads of a block and over the lanes of a pixel: functions for CUDA kernels."""

from __future__ import annotations

import numpy as np
from numba import float32, float64

from analogy_kernels.target import LANES, SIMULATED, cuda

# Of a block that sums; a power of two.
THREADS = 4 if SIMULATED else 256

# Warps of such a block.
WARPS = THREADS // LANES


@cuda.jit(device=True)
def block_sum(scratch):
    """Add up each row of `scratch`, (sums, threads), into its first place, for thread 0 to read.

    Every thread of the block has to call it.

    Parameters
    ----------
    scratch : array in shared memory, (sums, threads)
        A term of every thread in each row; `threads` is the block's size and has to be 256.
        Changed.

    Notes
    -----
    log2(threads) additions a thread and row, and as many barriers; the order of the sum is fixed,
    so that the same terms give the same bits. Works by strides that halve (Harris, "Optimizing
    parallel reduction in CUDA", 2007).

    Examples
    --------
    The sum of a vector by one block, launched with ``[1, 256]``::

        from numba import cuda, float64
        from analogy_kernels.device import block_sum

        @cuda.jit
        def total(vector, out):
            scratch = cuda.shared.array((1, 256), float64)
            thread = cuda.threadIdx.x
            scratch[0, thread] = 0
            for i in range(thread, vector.size, 256):
                scratch[0, thread] += vector[i]
            block_sum(scratch)
            if thread == 0:
                out[0] = scratch[0, 0]
    """
    thread = cuda.threadIdx.x
    half = THREADS // 2
    while half > 0:
        cuda.syncthreads()
        if thread < half:
            for row in range(scratch.shape[0]):
                scratch[row, thread] += scratch[row, thread + half]
        half //= 2


@cuda.jit(device=True)
def lane_sum(value):
    """Sum of a value over the LANES threads of a pixel, given to each of them.

    For kernels launched by `pixel_launch`. If one lane of a pixel calls it, all have to.

    Parameters
    ----------
    value : float32
        The lane's own term.

    Returns
    -------
    float32
        The same for all lanes.

    Notes
    -----
    log2(LANES) shuffles and additions, no memory: the lanes of a pixel are the threads of a warp.

    Examples
    --------
    The mean of each pixel's channels, launched by ``pixel_launch(height, width)``::

        import numpy as np
        from numba import cuda
        from analogy_kernels.device import lane_sum, pixel_index

        @cuda.jit
        def mean(features, out):
            height, width, channels = features.shape
            y, x, lane = pixel_index(width)
            total = np.float32(0)
            if y < height:
                for c in range(lane, channels, cuda.blockDim.x):
                    total += features[y, x, c]
            total = lane_sum(total)
            if y < height and lane == 0:
                out[y, x] = total / np.float32(channels)
    """
    return _sum_over_lanes(value)


def _sum_by_shuffle(value):
    offset = LANES // 2
    while offset > 0:
        value += cuda.shfl_xor_sync(0xFFFFFFFF, value, offset)
        offset //= 2
    return value


def _sum_by_memory(value):
    # The simulator has no warps: there a block is a single pixel, whose lanes meet at barriers.
    scratch = cuda.shared.array(LANES, float32)
    scratch[cuda.threadIdx.x] = value
    cuda.syncthreads()
    total = np.float32(0)
    for lane in range(LANES):
        total += scratch[lane]
    cuda.syncthreads()
    return total


def _double_sum_by_memory(value):
    scratch = cuda.shared.array(LANES, float64)
    scratch[cuda.threadIdx.x] = value
    cuda.syncthreads()
    total = scratch.sum()
    cuda.syncthreads()
    return total


_sum_over_lanes = cuda.jit(device=True)(_sum_by_memory if SIMULATED else _sum_by_shuffle)

# The same of float64.
lane_sum_double = cuda.jit(device=True)(_double_sum_by_memory if SIMULATED else _sum_by_shuffle)


@cuda.jit(device=True)
def leave_sum_of_warp(value, of_warps, row):
    """Write the sum of the lanes' values to the place of a warp in a row."""
    total = lane_sum_double(float64(value))
    if cuda.threadIdx.x % LANES == 0:
        of_warps[row, cuda.threadIdx.x // LANES] = total


@cuda.jit(device=True)
def leave_sums_of_block(of_warps, partial):
    """Write the sum of each row to the place of the block in a row of `partial`."""
    row = cuda.threadIdx.x
    while row < of_warps.shape[0]:
        total = float64(0)
        for warp in range(WARPS):
            total += of_warps[row, warp]
        partial[row, cuda.blockIdx.x] = total
        row += THREADS


@cuda.jit(device=True)
def lane_squared_norm(features, y, x, lane):
    """Sum of the squares of a pixel's channels, given to each of its lanes; see `lane_sum`.

    Parameters
    ----------
    features : float32 array, (height, width, channels)
    y, x, lane : int
        As :func:`pixel_index` gives them; nothing is read where y is outside the map.

    Returns
    -------
    float32
        The same for all lanes.

    Notes
    -----
    channels / LANES multiply-adds a lane and a :func:`lane_sum`; the lanes read neighbouring
    channels together. If one lane of a pixel calls it, all have to.

    Examples
    --------
    What :func:`analogy_kernels.response` does, launched by ``pixel_launch(height, width)``::

        from numba import cuda
        from analogy_kernels.device import lane_squared_norm, pixel_index

        @cuda.jit
        def response(features, out):
            y, x, lane = pixel_index(out.shape[1])
            square = lane_squared_norm(features, y, x, lane)
            if y < out.shape[0] and lane == 0:
                out[y, x] = square
    """
    total = np.float32(0)
    if y < features.shape[0]:
        c, channels = np.uint64(lane), np.uint64(features.shape[2])
        while c < channels:
            total += features[y, x, c] * features[y, x, c]
            c += np.uint64(LANES)
    return lane_sum(total)
