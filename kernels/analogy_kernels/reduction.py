"""Sums and extremes of whole arrays.

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

from analogy_kernels.arguments import PLANE, TABLE, VECTOR, checked, whole, written
from analogy_kernels.target import (
    LANES,
    SIMULATED,
    UNCOUNTED,
    Array,
    Result,
    Stream,
    as_target,
    cuda,
    on_target,
)
from analogy_kernels.thread_sums import (
    THREADS,
    WARPS,
    lane_sum_double,
    leave_sum_of_warp,
    leave_sums_of_block,
)

# Of the whole-array reductions: a fixed number, not the device's, so that a sum does not depend on
# the device.
_MOST_BLOCKS = 2 if SIMULATED else 512

# Vectors of one launch: as many of a block's sums at a time lie in shared memory.
_MOST_VECTORS = 16

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
        On a device k * m stays in registers: meant for k up to 9 and m up to 3, and m at most 16.
    vectors : float32 array, (m, n)
        May be rows of `rows`.
    scratch : array made by :func:`inner_products_scratch` for k and m or more, optional
        Reused from call to call by callers that iterate: a device takes longer to allocate and
        free memory than to compute the products. Apart from the others.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float64 NumPy array, (k, m)
        ``rows @ vectors.T``, in host memory. Products are summed in float32 with compensation (on
        the CPU over chunks of 2048), the partial sums in float64.

    Raises
    ------
    TypeError
        If something is no array.
    ValueError
        If the arrays do not fit each other.

    Notes
    -----
    k * m * n multiply-adds; every row and vector is read once, on the CPU but for what stays in its
    cache. Without `scratch` a device allocates 8 * k * m * 513 bytes. Waits for the device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import inner_products
    >>> rows = np.array([[1, 2], [3, 4]], np.float32)
    >>> inner_products(rows, rows[:1]).tolist()
    [[5.0], [11.0]]
    """
    on, rows, vectors, scratch = on_target(
        rows=rows, vectors=vectors, scratch=scratch, stream=stream
    )
    rows = checked("rows", rows, TABLE)
    vectors = checked("vectors", vectors, ("vectors", rows.shape[1]))
    if on.is_cuda and vectors.shape[0] > _MOST_VECTORS:
        raise ValueError(
            f"vectors has {vectors.shape[0]} rows; on a device it has to have at most "
            f"{_MOST_VECTORS}"
        )
    _check_scratch(scratch, rows.shape[0], vectors.shape[0], {"rows": rows, "vectors": vectors})
    return products_of(on, rows, vectors, scratch)


def _check_scratch(scratch, k, m, apart_from):
    if scratch is None:
        return
    needed = _scratch_elements(k, m)
    written("scratch", scratch, VECTOR, np.float64, apart_from=apart_from)
    if scratch.size < needed:
        raise ValueError(f"scratch has {scratch.size} elements; it has to have {needed} or more")


def products_of(on, rows, vectors, scratch=None):
    """Inner products as :func:`inner_products` gives them, of arguments that fit each other."""
    (k, length), m = rows.shape, vectors.shape[0]
    if not on.is_cuda:
        partial = np.zeros((_blocks(length, _TASK), k, m))
        _inner_products_cpu(rows, vectors, partial)
        return partial.sum(axis=0)
    if scratch is None:
        scratch = on.empty((_scratch_elements(k, m),), np.float64)
    sums, blocks = k * m, _block_count(length)
    result, partial = scratch[:sums], scratch[sums : sums * (blocks + 1)].reshape(sums, blocks)
    queue_products(on, rows, vectors, partial)
    queue_sums(on, partial, result)
    return on.to_host(result).reshape(k, m)


def partial_sums(sums, target):
    """Memory of a device for the partial sums of so many sums: a row each, filled with zeros."""
    return target.zeros((sums, _MOST_BLOCKS), np.float64)


def queue_products(on, rows, vectors, partial):
    """Have a device write partial sums of inner products, a row for each, from the row's start."""
    (k, length), m = rows.shape, vectors.shape[0]
    launch = _block_count(length), THREADS
    on.launch(_inner_products_cuda(k, m), launch, rows, vectors, partial)


def queue_difference(on, a, b, difference, partial):
    """Have a device write ``a - b`` and, to one row, partial sums of the square of its length.

    All are vectors of one length; `difference` may be one of the others.
    """
    on.launch(_difference_cuda, (_block_count(a.size), THREADS), a, b, difference, partial)


def queue_sums(on, partial, result):
    """Have a device add up each row of partial sums, into a float64 vector."""
    on.launch(_sum_rows_cuda, (1, THREADS), partial, result)


def _block_count(length):
    return min(_blocks(length, THREADS), _MOST_BLOCKS)


def inner_products_scratch(k: int, m: int, target) -> Result:
    """Scratch of :func:`inner_products` for k rows and m vectors; None where it takes none.

    Parameters
    ----------
    k, m : int
        Above 0.
    target : CPU or CUDA of `analogy_kernels.target`

    Returns
    -------
    float64 array, (k * m * 513,), or None
        None on the CPU.

    Raises
    ------
    TypeError
        If `k` or `m` is no whole number, or `target` no target.
    ValueError
        If `k` or `m` is not above 0.

    Notes
    -----
    Allocates the result, not initialised, and does not wait for a device.

    Examples
    --------
    >>> from analogy_kernels import CPU, inner_products_scratch
    >>> inner_products_scratch(9, 1, CPU) is None
    True
    """
    elements = _scratch_elements(whole("k", k, least=1), whole("m", m, least=1))
    return target.empty((elements,), np.float64) if as_target(target).is_cuda else None


def _scratch_elements(k, m):
    return k * m * (_MOST_BLOCKS + 1)


def inner_product(
    a: Array, b: Array, scratch: Array | None = None, *, stream: Stream = None
) -> float:
    """Inner product of two float32 vectors of one length, as a Python float.

    Parameters
    ----------
    a, b : float32 arrays, (n,)
        Or of any one shape, as vectors; of no elements the product is 0.
    scratch : array made by :func:`inner_products_scratch` for one row and vector or more, optional
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float
        Summed as by :func:`inner_products`.

    Raises
    ------
    TypeError
        If something is no array.
    ValueError
        If the arrays do not fit each other.

    Notes
    -----
    n multiply-adds; reads both vectors once. Without `scratch` a device allocates 4 KB. Waits for
    the device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import inner_product
    >>> inner_product(np.array([1, 2], np.float32), np.array([3, 4], np.float32))
    11.0
    """
    on, a, b, scratch = on_target(a=a, b=b, scratch=scratch, stream=stream)
    a = checked("a", a, getattr(a, "shape", ()))
    b = checked("b", b, a.shape)
    _check_scratch(scratch, 1, 1, {"a": a, "b": b})
    rows, vectors = a.reshape(1, a.size), b.reshape(1, b.size)
    return float(products_of(on, rows, vectors, scratch)[0, 0])


def minmax(array: Array, *, stream: Stream = None) -> Result:
    """Smallest and largest element, on the array's target.

    Parameters
    ----------
    array : float32 array, (height, width)
        Not empty, without NaN.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, (2,)
        Smallest, largest.

    Raises
    ------
    TypeError
        If it is no array.
    ValueError
        If it is not of two axes, or is empty.

    Notes
    -----
    Two comparisons an element; reads the array once, on the CPU twice. Allocates the result and, on
    a device, 4 KB; does not wait for it.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import minmax
    >>> minmax(np.array([[3, 1], [2, 5]], np.float32)).tolist()
    [1.0, 5.0]
    """
    on, array = on_target(array=array, stream=stream)
    array = checked("array", array, PLANE)
    if not on.is_cuda:
        return np.array([array.min(), array.max()])
    flat = array.reshape(array.size)
    blocks = _block_count(array.size)
    # Asked for twice a level, and not by anything that iterates: no scratch to hand in.
    partial, result = on.empty((2, blocks)), on.empty((2,))
    on.launch(_minmax_cuda, (blocks, THREADS), flat, flat, partial[0], partial[1])
    on.launch(_minmax_cuda, (1, THREADS), partial[0], partial[1], result[:1], result[1:])
    return result


@njit(fastmath=_ANY_ORDER, **UNCOUNTED)
def squared_norm(vector):
    """Sum of the squares of a float32 vector, for CPU kernels.

    Parameters
    ----------
    vector : float32 array, (n,)

    Returns
    -------
    float32

    Notes
    -----
    n multiply-adds, summed in vector registers in an order that the compiler chooses.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels.device import squared_norm
    >>> float(squared_norm(np.array([3, 4], np.float32)))
    25.0
    """
    total = np.float32(0)
    # Numba's iterator over an array leaves the compiler no vectors to make.
    for index in range(vector.size):
        value = vector[np.uintp(index)]
        total += value * value
    return total


def _blocks(length, threads):
    return max(-(-length // threads), 1)


@njit(parallel=True, **UNCOUNTED)
def _inner_products_cpu(rows, vectors, partial):
    tasks, k, m = partial.shape
    for task in prange(tasks):
        task_end = min((task + 1) * _TASK, rows.shape[1])
        for start in range(task * _TASK, task_end, _CHUNK):
            end = min(start + _CHUNK, task_end)
            for i in range(k):
                for j in range(m):
                    partial[task, i, j] += _dot(rows[i, start:end], vectors[j, start:end])


@njit(fastmath=_ANY_ORDER, **UNCOUNTED)
def _dot(a, b):
    total = np.float32(0)
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@lru_cache
def _inner_products_cuda(k, m):
    # The extents are constants of the kernel, so that the sums live in registers.
    sums = k * m

    @cuda.jit(cache=True)
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
        of_warps = cuda.shared.array((sums, WARPS), float64)
        for i in range(k):
            for j in range(m):
                leave_sum_of_warp(total[i, j], of_warps, i * m + j)
        cuda.syncthreads()
        leave_sums_of_block(of_warps, partial)

    return kernel


@cuda.jit(cache=True)
def _difference_cuda(a, b, difference, partial):
    total, lost = np.float32(0), np.float32(0)
    element, length = np.uint64(cuda.grid(1)), np.uint64(a.size)
    while element < length:
        value = a[element] - b[element]
        difference[element] = value
        # As the inner products are summed.
        term = value * value - lost
        moved = total + term
        lost = (moved - total) - term
        total = moved
        element += np.uint64(cuda.gridsize(1))
    of_warps = cuda.shared.array((1, WARPS), float64)
    leave_sum_of_warp(total, of_warps, 0)
    cuda.syncthreads()
    leave_sums_of_block(of_warps, partial)


@cuda.jit(cache=True)
def _sum_rows_cuda(partial, result):
    rows, blocks = partial.shape
    lane, row = cuda.threadIdx.x % LANES, cuda.threadIdx.x // LANES
    while row < rows:
        total, block = float64(0), lane
        while block < blocks:
            total += partial[row, block]
            block += LANES
        total = lane_sum_double(total)
        if lane == 0:
            result[row] = total
        row += WARPS


@cuda.jit(cache=True)
def _minmax_cuda(lows, highs, low_per_block, high_per_block):
    low, high = np.float32(np.inf), np.float32(-np.inf)
    element, length = np.uint64(cuda.grid(1)), np.uint64(lows.size)
    while element < length:
        low = min(low, lows[element])
        high = max(high, highs[element])
        element += np.uint64(cuda.gridsize(1))
    scratch = cuda.shared.array((2, THREADS), float32)
    thread = cuda.threadIdx.x
    scratch[0, thread] = low
    scratch[1, thread] = high
    half = THREADS // 2
    while half > 0:
        cuda.syncthreads()
        if thread < half:
            scratch[0, thread] = min(scratch[0, thread], scratch[0, thread + half])
            scratch[1, thread] = max(scratch[1, thread], scratch[1, thread + half])
        half //= 2
    if thread == 0:
        low_per_block[cuda.blockIdx.x] = scratch[0, 0]
        high_per_block[cuda.blockIdx.x] = scratch[1, 0]
