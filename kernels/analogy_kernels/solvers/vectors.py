"""Sums of long vectors, for solvers whose state stays on one target."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numba import njit, prange

from analogy_kernels.arguments import TABLE, VECTOR, checked, items, number, whole, written
from analogy_kernels.target import UNCOUNTED, Array, Kernel, Stream, cuda, on_target, vector_launch

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
        Finite.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Raises
    ------
    TypeError
        If something is no array, or `step` no number.
    ValueError
        If the arrays do not fit each other, or `step` is not finite.

    Notes
    -----
    n multiply-adds; reads two vectors and writes one. Allocates nothing and does not wait for a
    device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import add_scaled
    >>> x = np.array([1, 2], np.float32)
    >>> add_scaled(x, 0.5, np.array([4, 8], np.float32), x)
    >>> x.tolist()
    [3.0, 6.0]
    """
    on, x, direction, out = on_target(x=x, direction=direction, out=out, stream=stream)
    x = checked("x", x, VECTOR)
    direction = checked("direction", direction, x.shape)
    step = np.float32(number("step", step))
    written("out", out, x.shape, in_place_of={"x": x, "direction": direction})
    on.run(add_scaled_kernel, (out.size,), x, step, direction, out)


def combine(rows: Array, coefficients: Sequence[float], row: int, *, stream: Stream = None) -> None:
    """``rows[row] = sum(coefficients[i] * rows[i])``, the row itself included.

    Parameters
    ----------
    rows : float32 array, (k, n)
    coefficients : sequence of k floats
        Finite.
    row : int
        The one that the sum is written over.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Raises
    ------
    TypeError
        If `rows` is no array, or `row` or a coefficient no number.
    ValueError
        If `rows` does not have two axes, there are not as many coefficients, one is not finite, or
        `row` is none of the rows.

    Notes
    -----
    k * n multiply-adds; reads k vectors, on the CPU those with a coefficient other than 0, and
    writes one. Allocates nothing and does not wait for a device. Compiled once for each k.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import combine
    >>> rows = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    >>> combine(rows, [1, 10, 0], 0)
    >>> rows[0].tolist()
    [31.0, 42.0]
    """
    on, rows = on_target(rows=rows, stream=stream)
    written("rows", rows, TABLE)
    count = rows.shape[0]
    weights = tuple(map(np.float32, items("coefficients", coefficients, count, number)))
    row = whole("row", row, most=count - 1)
    on.run(combine_kernel(len(weights)), (rows.shape[1],), rows, weights, row)


@njit(parallel=True, **UNCOUNTED)
def _add_scaled_cpu(x, step, direction, out):
    for i in prange(out.size):
        out[i] = x[i] + step * direction[i]


@cuda.jit(cache=True)
def _add_scaled_cuda(x, step, direction, out):
    i = np.uint64(cuda.grid(1))
    while i < np.uint64(out.size):
        out[i] = x[i] + step * direction[i]
        i += np.uint64(cuda.gridsize(1))


@njit(parallel=True, **UNCOUNTED)
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


@njit(**UNCOUNTED)
def _add_weighted(values, weight, out):
    for i in range(out.size):
        out[i] += weight * values[i]


@lru_cache
def combine_kernel(count):
    """Kernel of :func:`combine` for so many rows; extent: their length.

    Parameters
    ----------
    count : int
        Number of rows.

    Returns
    -------
    Kernel
        A kernel of the arguments ``(rows, weights, row)``, `weights` a tuple of `count` float32.

    Raises
    ------
    TypeError, ValueError
        If the count is no whole number, or not above 0.

    Notes
    -----
    Made once for a count, and compiled when it is first run. Complexity is that of
    :func:`combine`.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels.launches import combine_kernel
    >>> rows = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    >>> combine_kernel(3).cpu(rows, tuple(np.float32([1, 10, 0])), 0)
    >>> rows[0].tolist()
    [31.0, 42.0]
    """
    return Kernel(_combine_cpu, _combine_cuda(whole("count", count, 1)), vector_launch)


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


@lru_cache
def combine_and_step_cuda(count):
    """CUDA kernel that combines rows and goes a step of one along the sum, ``trial = x + sum``."""

    @cuda.jit(cache=True)
    def kernel(rows, weights, row, x, trial):
        i, length = np.uint64(cuda.grid(1)), np.uint64(rows.shape[1])
        while i < length:
            total = np.float32(0)
            for other in range(count):
                total += weights[other] * rows[other, i]
            rows[row, i] = total
            trial[i] = x[i] + total
            i += np.uint64(cuda.gridsize(1))

    return kernel


#: Kernel of :func:`analogy_kernels.add_scaled`. Extent: the vectors' length.
add_scaled_kernel = Kernel(_add_scaled_cpu, _add_scaled_cuda, vector_launch)
