"""Sums of long vectors, for solvers whose state stays on one target."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numba import njit, prange

from kernels.target import Array, Kernel, Stream, cuda, on_target, vector_launch

# Elements that one trip of a CPU kernel's parallel loop handles: few enough that a chunk of the
# sum stays in the L1 cache while the rows pass by.
_CHUNK = 4096


def add_scaled(
    x: Array, step: float, direction: Array, out: Array, *, stream: Stream = None
) -> None:
    """``out = x + step * direction``.

    Parameters
    ----------
    x, direction, out : float32 arrays, (n,)
        `out` may be one of the others.
    step : float
    stream : Numba stream, optional
        That a device queues the work on.

    Raises
    ------
    TypeError
        If something is no array.
    ValueError
        If the arrays live on different targets, one on the host is not C-contiguous, or their
        lengths differ.

    Notes
    -----
    n multiply-adds; reads two vectors and writes one. Allocates nothing and does not wait for a
    device.

    Examples
    --------
    >>> import numpy as np
    >>> from kernels import add_scaled
    >>> x = np.array([1, 2], np.float32)
    >>> add_scaled(x, 0.5, np.array([4, 8], np.float32), x)
    >>> x.tolist()
    [3.0, 6.0]
    """
    on, x, direction, out = on_target(x, direction, out, stream=stream)
    if not x.shape == direction.shape == out.shape:
        raise ValueError(
            f"vectors of the shapes {x.shape}, {direction.shape} and {out.shape}: they have to be "
            "of one length"
        )
    on.run(add_scaled_kernel, (out.size,), x, np.float32(step), direction, out)


def combine(rows: Array, coefficients: Sequence[float], row: int, *, stream: Stream = None) -> None:
    """``rows[row] = sum(coefficients[i] * rows[i])``, the row itself included.

    Parameters
    ----------
    rows : float32 array, (k, n)
    coefficients : sequence of k floats
    row : int
        The one that the sum is written over.
    stream : Numba stream, optional
        That a device queues the work on.

    Raises
    ------
    TypeError
        If `rows` is no array.
    ValueError
        If it is on the host and not C-contiguous, there are not as many coefficients as rows, or
        `row` is none of them.

    Notes
    -----
    k * n multiply-adds; reads k vectors, on the CPU those with a coefficient other than 0, and
    writes one. Allocates nothing and does not wait for a device. Compiled once for each k.

    Examples
    --------
    >>> import numpy as np
    >>> from kernels import combine
    >>> rows = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    >>> combine(rows, [1, 10, 0], 0)
    >>> rows[0].tolist()
    [31.0, 42.0]
    """
    weights = tuple(np.float32(value) for value in coefficients)
    on, rows = on_target(rows, stream=stream)
    if rows.shape[0] != len(weights) or not 0 <= row < len(weights):
        raise ValueError(
            f"{len(weights)} coefficients and row {row} for {rows.shape[0]} rows; each row takes "
            "one, and the result is written over one of them"
        )
    on.run(combine_kernel(len(weights)), (rows.shape[1],), rows, weights, row)


@njit(parallel=True, cache=True)
def _add_scaled_cpu(x, step, direction, out):
    for i in prange(out.size):
        out[i] = x[i] + step * direction[i]


@cuda.jit(cache=True)
def _add_scaled_cuda(x, step, direction, out):
    i = np.uint64(cuda.grid(1))
    while i < np.uint64(out.size):
        out[i] = x[i] + step * direction[i]
        i += np.uint64(cuda.gridsize(1))


@njit(parallel=True, cache=True)
def _combine_cpu(rows, weights, row):
    count, length = rows.shape
    for chunk in prange((length + _CHUNK - 1) // _CHUNK):
        start, stop = chunk * _CHUNK, min((chunk + 1) * _CHUNK, length)
        out = rows[row, start:stop]
        for i in range(out.size):
            out[i] *= weights[row]
        for other in range(count):
            # Directions not yet made weigh nothing.
            if other != row and weights[other] != np.float32(0):
                _add_weighted(rows[other, start:stop], weights[other], out)


@njit(cache=True)
def _add_weighted(values, weight, out):
    for i in range(out.size):
        out[i] += weight * values[i]


@lru_cache
def combine_kernel(count):
    """Kernel of :func:`combine` for so many rows; extent: their length.

    Parameters
    ----------
    count : int
        Of rows.

    Returns
    -------
    Kernel
        Of the arguments ``(rows, weights, row)``, `weights` a tuple of `count` float32.

    Notes
    -----
    Raises nothing. Made once for a count, and compiled when it is first run. Complexity is that of
    :func:`combine`.

    Examples
    --------
    >>> import numpy as np
    >>> from kernels.launches import combine_kernel
    >>> rows = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    >>> combine_kernel(3).cpu(rows, tuple(np.float32([1, 10, 0])), 0)
    >>> rows[0].tolist()
    [31.0, 42.0]
    """
    return Kernel(_combine_cpu, _combine_cuda(count), vector_launch)


def _combine_cuda(count):
    # The number of rows is a constant of the kernel: the sum is unrolled, with every weight in a
    # register and all of an element's loads under way at once.
    @cuda.jit(cache=True)
    def kernel(rows, weights, row):
        i, length = np.uint64(cuda.grid(1)), np.uint64(rows.shape[1])
        while i < length:
            total = np.float32(0)
            for other in range(count):
                total += weights[other] * rows[other, i]
            rows[row, i] = total
            i += np.uint64(cuda.gridsize(1))

    return kernel


#: Kernel of :func:`kernels.add_scaled`. Extent: the vectors' length.
add_scaled_kernel = Kernel(_add_scaled_cpu, _add_scaled_cuda, vector_launch)
