"""Matrix products of few rows by a matrix that is laid out once, for compiled CPU kernels.

A BLAS lays both matrices of a product out anew before it multiplies. Of a convolution's products
one is always the same, the filters, and the other has a few dozen rows, so that this would take a
good part of the time. Here the second matrix lies in panels of columns from the start
(:func:`pack`), and a kernel keeps a tile of the result in registers while it walks over the depth.

The kernel is written in LLVM's vectors of `COLUMNS` values, which become what the processor has:
Numba's loops would keep the tile in memory. Shape of the tile: six rows of two AVX registers are
twelve sums, as many as two multiply-adds a cycle need to hide their latency, and leave four of
AVX's sixteen registers for what is multiplied (Goto and van de Geijn, "Anatomy of high-performance
matrix multiplication", 2008).
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from analogy_kernels.simd import spread
from analogy_kernels.target import INNER, aligned

ROWS, COLUMNS = 6, 16

_FLOAT, _INDEX = ir.FloatType(), ir.IntType(64)
_VECTOR = ir.VectorType(_FLOAT, COLUMNS)


def panels_of(columns):
    """Panels that so many columns fill, the last of them perhaps in part."""
    return -(-columns // COLUMNS)


def pack(matrices):
    """Lay matrices out in panels of columns, filled up with zeros.

    Parameters
    ----------
    matrices : float32 array, (count, depth, columns)

    Returns
    -------
    float32 array, (count, panels, depth, COLUMNS)
    """
    count, depth, columns = matrices.shape
    panels = panels_of(columns)
    packed = aligned(np.zeros, (count, panels, depth, COLUMNS))
    whole, rest = divmod(columns, COLUMNS)
    filled = matrices[:, :, : columns - rest].reshape(count, depth, whole, COLUMNS)
    packed[:, :whole] = filled.transpose(0, 2, 1, 3)
    packed[:, whole:, :, :rest] = matrices[:, None, :, columns - rest :]
    return packed


@njit(**INNER)
def multiply(rows, packed, out):
    """``out = rows @ matrix`` for compiled kernels.

    Parameters
    ----------
    rows : float32 array, (count, depth)
        A multiple of `ROWS` of them.
    packed : float32 array, (panels, depth, COLUMNS)
        A matrix that is laid out by :func:`pack`.
    out : float32 array, (count, panels * COLUMNS)
    """
    count, depth = rows.shape
    pitch = out.shape[1]
    values, matrix, results = rows.reshape(-1), packed.reshape(-1), out.reshape(-1)
    for panel in range(packed.shape[0]):
        at = panel * depth * COLUMNS
        for row in range(0, count, ROWS):
            to = row * pitch + panel * COLUMNS
            _multiply_tile(values, row * depth, matrix, at, depth, results, to, pitch)


def _multiply_tile(rows, first, packed, at, depth, out, to, pitch):
    """Multiply `ROWS` rows from place `first` on by the panel at place `at`."""
    left = rows[first : first + ROWS * depth].reshape(ROWS, depth)
    # Rows that fill up the last tile are whatever lies there.
    with np.errstate(invalid="ignore", over="ignore"):
        product = left @ packed[at : at + depth * COLUMNS].reshape(depth, COLUMNS)
    for row in range(ROWS):
        out[to + row * pitch : to + row * pitch + COLUMNS] = product[row]


@overload(_multiply_tile)
def _compiled_multiply_tile(rows, first, packed, at, depth, out, to, pitch):
    def multiply_tile(rows, first, packed, at, depth, out, to, pitch):
        _tile_in_registers(
            rows,
            np.int64(first),
            packed,
            np.int64(at),
            np.int64(depth),
            out,
            np.int64(to),
            np.int64(pitch),
        )

    return multiply_tile


@intrinsic
def _tile_in_registers(typing_context, rows, first, packed, at, depth, out, to, pitch):
    def generate(context, builder, signature, arguments):
        rows, first, packed, at, depth, out, to, pitch = arguments
        kinds = signature.args
        left = context.make_array(kinds[0])(context, builder, rows).data
        right = context.make_array(kinds[2])(context, builder, packed).data
        result = context.make_array(kinds[5])(context, builder, out).data
        starts = [
            builder.gep(left, [builder.add(first, builder.mul(depth, _INDEX(row)))])
            for row in range(ROWS)
        ]
        sums = _sums_over_depth(builder, starts, builder.gep(right, [at]), depth)
        for row, total in enumerate(sums):
            place = builder.gep(result, [builder.add(to, builder.mul(pitch, _INDEX(row)))])
            builder.store(total, builder.bitcast(place, _VECTOR.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.none(rows, first, packed, at, depth, out, to, pitch), generate


def _sums_over_depth(builder, starts, panel, depth):
    """Emit the loop that sums, for each row, its values times the vectors of the panel."""
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    name = f"llvm.fmuladd.v{COLUMNS}f32"
    multiply_add = cgutils.get_or_insert_function(builder.module, kind, name)
    before = builder.block
    loop, after = builder.append_basic_block("depth"), builder.append_basic_block("summed")
    builder.branch(loop)
    builder.position_at_end(loop)
    step = builder.phi(_INDEX)
    step.add_incoming(_INDEX(0), before)
    sums = [builder.phi(_VECTOR) for _ in starts]
    place = builder.gep(panel, [builder.mul(step, _INDEX(COLUMNS))])
    vector = builder.load(builder.bitcast(place, _VECTOR.as_pointer()), align=4)
    for start, total in zip(starts, sums, strict=True):
        value = builder.load(builder.gep(start, [step]))
        grown = builder.call(multiply_add, [spread(builder, value, _VECTOR), vector, total])
        total.add_incoming(_VECTOR([0.0] * COLUMNS), before)
        total.add_incoming(grown, loop)
    following = builder.add(step, _INDEX(1))
    step.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, after)
    builder.position_at_end(after)
    return [total.incomings[1][0] for total in sums]
