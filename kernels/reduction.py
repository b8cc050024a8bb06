"""Sums and extremes of whole arrays, and sums over the channels of a pixel.

Nothing here depends on the order in which threads run: sums are trees over a fixed partition of
the array, without atomics, so the same input gives the same bits every time on one target.

The innermost loops of device code, here and in other modules, count with an unsigned number in a
``while``: a ``range`` with a step asks for the step's sign and a signed index for its own at every
element, which takes several times as many instructions as the arithmetic.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import float32, float64, njit, prange

from kernels.target import LANES, SIMULATED, Array, Result, Stream, cuda, on_target

# Threads of a block (a power of two) and most blocks of the whole-array reductions. The blocks
# are a fixed number, not the device's, so that a sum does not depend on the device.
_THREADS = 4 if SIMULATED else 256
_MOST_BLOCKS = 2 if SIMULATED else 512

# Rows of partial sums that a block adds up between two barriers.
_ROWS_AT_ONCE = 9

# Elements that the CPU sums in float32 before it adds to a float64, and those of one task.
_CHUNK = 2048
_TASK = 16 * _CHUNK

# Lets the compiler sum in vector registers.
_ANY_ORDER = {"reassoc", "nsz", "contract"}


def inner_products(
    rows: Array, vectors: Array, scratch: Array | None = None, *, stream: Stream = None
) -> np.ndarray:
    """Inner product of every row with every vector, in one pass over memory.

    Parameters
    ----------
    rows : float32 array, (k, n)
        On a device k * m stays in registers: meant for k up to 9 and m up to 3.
    vectors : float32 array, (m, n)
        May be rows of `rows`.
    scratch : array made by :func:`inner_products_scratch` for k and m or more, optional
        Reused from call to call by callers that iterate: a device takes longer to allocate and
        free memory than to compute the products.
    stream : Numba stream, optional
        That a device queues the work on.

    Returns
    -------
    float64 NumPy array, (k, m)
        ``rows @ vectors.T``, in host memory. Products are summed in float32 with compensation (on
        the CPU over chunks of 2048), the partial sums in float64.

    Raises
    ------
    ValueError
        If the arrays live on different targets.
    """
    on, rows, vectors, scratch = on_target(rows, vectors, scratch, stream=stream)
    (k, length), m = rows.shape, vectors.shape[0]
    if not on.is_cuda:
        partial = np.zeros((_blocks(length, _TASK), k, m))
        _inner_products_cpu(rows, vectors, partial)
        return partial.sum(axis=0)
    blocks = min(_blocks(length, _THREADS), _MOST_BLOCKS)
    if scratch is None:
        scratch = inner_products_scratch(k, m, on)
    sums = k * m
    result, partial = scratch[:sums], scratch[sums : sums + sums * blocks].reshape(sums, blocks)
    on.launch(_inner_products_cuda(k, m), (blocks, _THREADS), rows, vectors, partial)
    on.launch(_sum_rows_cuda, (1, _THREADS), partial, result)
    return on.to_host(result).reshape(k, m)


def inner_products_scratch(k: int, m: int, target) -> Result:
    """Scratch of :func:`inner_products` for k rows and m vectors; None where it takes none."""
    return target.empty((k * m * (_MOST_BLOCKS + 1),), np.float64) if target.is_cuda else None


def inner_product(
    a: Array, b: Array, scratch: Array | None = None, *, stream: Stream = None
) -> float:
    """Inner product of two float32 vectors of one length, as a Python float.

    `scratch` is that of :func:`inner_products`, for one row and one vector or more.
    """
    _, a, b = on_target(a, b)
    rows, vectors = a.reshape(1, a.size), b.reshape(1, b.size)
    return float(inner_products(rows, vectors, scratch, stream=stream)[0, 0])


def minmax(array: Array, *, stream: Stream = None) -> Result:
    """Smallest and largest element, on the array's target.

    Parameters
    ----------
    array : float32 array, (height, width)
        Not empty, without NaN.
    stream : Numba stream, optional
        That a device queues the work on.

    Returns
    -------
    float32 array, (2,)
        Smallest, largest.
    """
    on, array = on_target(array, stream=stream)
    if not on.is_cuda:
        return np.array([array.min(), array.max()])
    flat = array.reshape(array.size)
    blocks = min(_blocks(array.size, _THREADS), _MOST_BLOCKS)
    # Asked for twice a level, and not by anything that iterates: no scratch to hand in.
    partial, result = on.empty((2, blocks)), on.empty((2,))
    on.launch(_minmax_cuda, (blocks, _THREADS), flat, flat, partial[0], partial[1])
    on.launch(_minmax_cuda, (1, _THREADS), partial[0], partial[1], result[:1], result[1:])
    return result


@njit(fastmath=_ANY_ORDER, cache=True)
def squared_norm(vector):
    """Sum of the squares of a float32 vector, for CPU kernels."""
    total = np.float32(0)
    for value in vector:
        total += value * value
    return total


def _blocks(length, threads):
    return max(-(-length // threads), 1)


@njit(parallel=True, cache=True)
def _inner_products_cpu(rows, vectors, partial):
    tasks, k, m = partial.shape
    for task in prange(tasks):
        task_end = min((task + 1) * _TASK, rows.shape[1])
        for start in range(task * _TASK, task_end, _CHUNK):
            end = min(start + _CHUNK, task_end)
            for i in range(k):
                for j in range(m):
                    partial[task, i, j] += _dot(rows[i, start:end], vectors[j, start:end])


@njit(fastmath=_ANY_ORDER, cache=True)
def _dot(a, b):
    total = np.float32(0)
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@lru_cache
def _inner_products_cuda(k, m):
    # The extents are constants of the kernel, so that the sums live in registers.
    @cuda.jit
    def kernel(rows, vectors, partial):
        total = cuda.local.array((k, m), float32)
        lost = cuda.local.array((k, m), float32)
        for i in range(k):
            for j in range(m):
                total[i, j] = np.float32(0)
                lost[i, j] = np.float32(0)
        vector = cuda.local.array(m, float32)
        element, length = np.uint64(cuda.grid(1)), np.uint64(rows.shape[1])
        while element < length:
            for j in range(m):
                vector[j] = vectors[j, element]
            for i in range(k):
                row = rows[i, element]
                for j in range(m):
                    # Kahan's sum: a thread may have a thousand terms, and float64 is slow on
                    # most devices.
                    term = row * vector[j] - lost[i, j]
                    moved = total[i, j] + term
                    lost[i, j] = (moved - total[i, j]) - term
                    total[i, j] = moved
            element += np.uint64(cuda.gridsize(1))
        scratch = cuda.shared.array((m, _THREADS), float64)
        thread = cuda.threadIdx.x
        for i in range(k):
            # Thread 0 may still be reading the sums of the row before.
            cuda.syncthreads()
            for j in range(m):
                scratch[j, thread] = total[i, j]
            block_sum(scratch)
            if thread == 0:
                for j in range(m):
                    partial[i * m + j, cuda.blockIdx.x] = scratch[j, 0]

    return kernel


@cuda.jit
def _sum_rows_cuda(partial, result):
    scratch = cuda.shared.array((_ROWS_AT_ONCE, _THREADS), float64)
    rows, blocks = partial.shape
    thread = cuda.threadIdx.x
    for first in range(0, rows, _ROWS_AT_ONCE):
        # Thread 0 may still be reading the sums of the rows before.
        cuda.syncthreads()
        for row in range(_ROWS_AT_ONCE):
            scratch[row, thread] = float64(0)
            if first + row < rows:
                for block in range(thread, blocks, _THREADS):
                    scratch[row, thread] += partial[first + row, block]
        block_sum(scratch)
        if thread == 0:
            for row in range(min(_ROWS_AT_ONCE, rows - first)):
                result[first + row] = scratch[row, 0]


@cuda.jit
def _minmax_cuda(lows, highs, low_per_block, high_per_block):
    low, high = np.float32(np.inf), np.float32(-np.inf)
    element, length = np.uint64(cuda.grid(1)), np.uint64(lows.size)
    while element < length:
        low = min(low, lows[element])
        high = max(high, highs[element])
        element += np.uint64(cuda.gridsize(1))
    scratch = cuda.shared.array((2, _THREADS), float32)
    thread = cuda.threadIdx.x
    scratch[0, thread] = low
    scratch[1, thread] = high
    half = _THREADS // 2
    while half > 0:
        cuda.syncthreads()
        if thread < half:
            scratch[0, thread] = min(scratch[0, thread], scratch[0, thread + half])
            scratch[1, thread] = max(scratch[1, thread], scratch[1, thread + half])
        half //= 2
    if thread == 0:
        low_per_block[cuda.blockIdx.x] = scratch[0, 0]
        high_per_block[cuda.blockIdx.x] = scratch[1, 0]


@cuda.jit(device=True)
def block_sum(scratch):
    """Add up each row of `scratch`, (sums, threads), into its first place, for thread 0 to read.

    Every thread of the block has to call it.
    """
    thread = cuda.threadIdx.x
    half = _THREADS // 2
    while half > 0:
        cuda.syncthreads()
        if thread < half:
            for row in range(scratch.shape[0]):
                scratch[row, thread] += scratch[row, thread + half]
        half //= 2


def _lane_sum_by_shuffle(value):
    """Sum of a value over the LANES threads of a pixel, given to each of them.

    For kernels launched by `pixel_launch`. If one lane of a pixel calls it, all have to.
    """
    offset = LANES // 2
    while offset > 0:
        value += cuda.shfl_xor_sync(0xFFFFFFFF, value, offset)
        offset //= 2
    return value


def _lane_sum_by_memory(value):
    """As :func:`_lane_sum_by_shuffle`, for the simulator."""
    # The simulator has no warps: there a block is a single pixel, whose lanes meet at barriers.
    scratch = cuda.shared.array(LANES, float32)
    scratch[cuda.threadIdx.x] = value
    cuda.syncthreads()
    total = np.float32(0)
    for lane in range(LANES):
        total += scratch[lane]
    cuda.syncthreads()
    return total


lane_sum = cuda.jit(device=True)(_lane_sum_by_memory if SIMULATED else _lane_sum_by_shuffle)


@cuda.jit(device=True)
def lane_squared_norm(features, y, x, lane):
    """Sum of the squares of a pixel's channels, given to each of its lanes; see `lane_sum`."""
    total = np.float32(0)
    if y < features.shape[0]:
        c, channels = np.uint64(lane), np.uint64(features.shape[2])
        while c < channels:
            total += features[y, x, c] * features[y, x, c]
            c += np.uint64(LANES)
    return lane_sum(total)
