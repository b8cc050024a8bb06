"""Every pixel of one map against every pixel of another: inner products, and the best of them.

Meant for coarse maps: the table has as many entries as the product of the maps' areas.
"""

from __future__ import annotations

import numpy as np
from numba import float32, int32, njit, prange

from analogy_kernels.arguments import ANY_MAP, PLANE, TABLE, as_map, checked
from analogy_kernels.target import (
    LANES,
    PIXELS_PER_BLOCK,
    SIMULATED,
    UNCOUNTED,
    VECTOR_BLOCK,
    Array,
    Kernel,
    Result,
    Stream,
    cuda,
    on_target,
    pixel_index,
    pixel_launch,
)

# Side of the square of products that a block of threads computes.
_TILE = 2 if SIMULATED else 16

# Of a tile that is read down its columns: one place more, so that the threads of a warp read from
# different banks.
_PITCH = _TILE + 1


def correlate(source: Array, other: Array, *, stream: Stream = None) -> Result:
    """Inner products of the channel vectors of all pixels of two maps.

    Parameters
    ----------
    source : float32 array, (height, width[, channels])
    other : float32 array, (other height, other width[, channels])
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, (height * width, other height * other width)

    Raises
    ------
    TypeError
        If something is no array.
    ValueError
        If the arrays do not fit each other: maps have as many channels.

    Notes
    -----
    One matrix product: channels multiply-adds for each of the table's entries, on the CPU by BLAS
    with all its threads, on a device in tiles in shared memory. Allocates the result, 4 bytes for
    each pair of pixels, and does not wait for a device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import correlate
    >>> source = np.array([[[1, 0], [0, 1]]], np.float32)
    >>> correlate(source, np.array([[[2, 3]]], np.float32)).tolist()
    [[2.0], [3.0]]
    """
    on, source, other = on_target(source=source, other=other, stream=stream)
    source = as_map(checked("source", source, ANY_MAP))
    channels = source.shape[2]
    other = checked("other", as_map(other), (*PLANE, channels))
    rows, columns = (m.reshape(m.shape[0] * m.shape[1], channels) for m in (source, other))
    products = on.empty((rows.shape[0], columns.shape[0]))
    on.run(correlate_kernel, products.shape, rows, columns, products)
    return products


def _correlate_cpu(rows, columns, products):
    np.dot(rows, columns.T, out=products)


@cuda.jit(cache=True)
def _correlate_cuda(rows, columns, products):
    row_tile = cuda.shared.array((_TILE, _TILE), float32)
    column_tile = cuda.shared.array((_TILE, _PITCH), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    first_row, first_column = cuda.blockIdx.y * _TILE, cuda.blockIdx.x * _TILE
    row, column, channels = first_row + ty, first_column + tx, rows.shape[1]
    total = np.float32(0)
    for start in range(0, channels, _TILE):
        c = start + tx
        row_tile[ty, tx] = np.float32(0)
        column_tile[ty, tx] = np.float32(0)
        if c < channels:
            if row < rows.shape[0]:
                row_tile[ty, tx] = rows[row, c]
            if first_column + ty < columns.shape[0]:
                column_tile[ty, tx] = columns[first_column + ty, c]
        cuda.syncthreads()
        for k in range(_TILE):
            total += row_tile[ty, k] * column_tile[tx, k]
        cuda.syncthreads()
    if row < products.shape[0] and column < products.shape[1]:
        products[row, column] = total


def best_of_rows(table: Array, *, stream: Stream = None) -> tuple[Result, Result]:
    """Largest value of each row of a table, and its column; of equals the first.

    Parameters
    ----------
    table : float32 array, (rows, columns)
        Without NaN.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    value : float32 array, (rows,)
    place : int32 array, (rows,)

    Raises
    ------
    TypeError
        If it is no array.
    ValueError
        If it is no table, or an empty one.

    Notes
    -----
    One comparison an entry; reads the table once. Allocates nothing but the result and does not
    wait for a device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import best_of_rows
    >>> value, place = best_of_rows(np.array([[1, 3, 3], [5, 4, 2]], np.float32))
    >>> value.tolist(), place.tolist()
    ([3.0, 5.0], [1, 0])
    """
    return _best(best_of_rows_kernel, table, 0, stream)


def best_of_columns(table: Array, *, stream: Stream = None) -> tuple[Result, Result]:
    """Largest value of each column of a table, and its row; of equals the first.

    Parameters
    ----------
    table, stream
        As for :func:`best_of_rows`.

    Returns
    -------
    value : float32 array, (columns,)
    place : int32 array, (columns,)

    Raises
    ------
    TypeError
        If it is no array.
    ValueError
        If it is no table, or an empty one.

    Notes
    -----
    One comparison an entry; reads the table once, on the CPU by one thread. Allocates nothing but
    the result and does not wait for a device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import best_of_columns
    >>> value, place = best_of_columns(np.array([[1, 3, 3], [5, 4, 3]], np.float32))
    >>> value.tolist(), place.tolist()
    ([5.0, 4.0, 3.0], [1, 1, 0])
    """
    return _best(best_of_columns_kernel, table, 1, stream)


def _best(kernel, table, axis, stream):
    on, table = on_target(table=table, stream=stream)
    table = checked("table", table, TABLE)
    size = table.shape[axis]
    value, place = on.empty((size,)), on.empty((size,), np.int32)
    on.run(kernel, (size,), table, value, place)
    return value, place


@njit(parallel=True, **UNCOUNTED)
def _best_of_rows_cpu(table, value, place):
    for row in prange(table.shape[0]):
        place[row] = table[row].argmax()
        value[row] = table[row, place[row]]


@njit(**UNCOUNTED)
def _best_of_columns_cpu(table, value, place):
    # Written out: copying a row at once takes a second longer to compile.
    for column in range(table.shape[1]):
        value[column], place[column] = table[0, column], 0
    for row in range(1, table.shape[0]):
        for column in range(table.shape[1]):
            if table[row, column] > value[column]:
                value[column], place[column] = table[row, column], row


@cuda.jit(cache=True)
def _best_of_rows_cuda(table, value, place):
    values = cuda.shared.array((PIXELS_PER_BLOCK, LANES), float32)
    places = cuda.shared.array((PIXELS_PER_BLOCK, LANES), int32)
    _, row, lane = pixel_index(table.shape[0])
    inside = cuda.blockIdx.x * PIXELS_PER_BLOCK + cuda.threadIdx.y < table.shape[0]
    best, best_place = np.float32(-np.inf), np.int32(0)
    if inside:
        column = lane
        while column < table.shape[1]:
            if table[row, column] > best:
                best, best_place = table[row, column], np.int32(column)
            column += LANES
    values[cuda.threadIdx.y, lane] = best
    places[cuda.threadIdx.y, lane] = best_place
    cuda.syncthreads()
    if inside and lane == 0:
        for other in range(1, LANES):
            rival, rival_place = values[cuda.threadIdx.y, other], places[cuda.threadIdx.y, other]
            if rival > best or (rival == best and rival_place < best_place):
                best, best_place = rival, rival_place
        value[row], place[row] = best, best_place


@cuda.jit(cache=True)
def _best_of_columns_cuda(table, value, place):
    column = cuda.grid(1)
    if column < table.shape[1]:
        best, best_row = table[0, column], 0
        for row in range(1, table.shape[0]):
            if table[row, column] > best:
                best, best_row = table[row, column], row
        value[column], place[column] = best, best_row


def _tile_launch(rows, columns):
    return (-(-columns // _TILE), -(-rows // _TILE)), (_TILE, _TILE)


def _row_launch(rows):
    return pixel_launch(1, rows)


def _column_launch(columns):
    return -(-columns // VECTOR_BLOCK), VECTOR_BLOCK


#: Kernel of :func:`analogy_kernels.correlate`. Extents: pixels of the one map, of the other.
correlate_kernel = Kernel(_correlate_cpu, _correlate_cuda, _tile_launch)
#: Kernel of :func:`analogy_kernels.best_of_rows`. Extent: rows, or columns.
best_of_rows_kernel = Kernel(_best_of_rows_cpu, _best_of_rows_cuda, _row_launch)
#: Kernel of :func:`analogy_kernels.best_of_columns`. Extent: rows, or columns.
best_of_columns_kernel = Kernel(_best_of_columns_cpu, _best_of_columns_cuda, _column_launch)
