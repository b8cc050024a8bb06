"""Inner products of rows of patches, for compiled CPU kernels.

A search spends its time in them. Numba's loops take a sum to pieces and put it together again for
each row of each map, which at 64 channels takes as long as the products do. Here all maps of a row
are walked over with the same sums, in LLVM's vectors, and these are added up once at its end.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from analogy_kernels.half import as_float32

# Values of a vector, and vectors of sums that do not wait for one another.
_WIDTH, _SUMS = 16, 2

_FLOAT, _HALF, _INDEX = ir.FloatType(), ir.HalfType(), ir.IntType(64)
_VECTOR, _HALVES = ir.VectorType(_FLOAT, _WIDTH), ir.VectorType(_HALF, _WIDTH)


def row_products(sources, others, channels, pixel, match_pixel, columns, lane):
    """Sum, over pairs of maps, of the inner product of one row of two patches.

    Parameters
    ----------
    sources, others : tuples of flat arrays
        Maps of float32, or of float16 as :func:`analogy_kernels.half.storage` views them.
    channels : tuple of int
        Channels of each pair, which lie side by side.
    pixel, match_pixel : int
        The first pixel of each row, counted from the map's first.
    columns : int
        Pixels of a row.
    lane : int
        Not looked at: on the CPU one thread does all of it.

    Returns
    -------
    float32
    """
    total = np.float32(0)
    for source, other, depth in zip(sources, others, channels, strict=True):
        for k in range(columns * depth):
            value, match_value = source[pixel * depth + k], other[match_pixel * depth + k]
            total += as_float32(value) * as_float32(match_value)
    return total


@overload(row_products)
def _compiled_row_products(sources, others, channels, pixel, match_pixel, columns, lane):
    def products(sources, others, channels, pixel, match_pixel, columns, lane):
        return _products_in_vectors(
            sources, others, channels, np.int64(pixel), np.int64(match_pixel), np.int64(columns)
        )

    return products


@intrinsic
def _products_in_vectors(typing_context, sources, others, channels, pixel, match_pixel, columns):
    def generate(context, builder, signature, arguments):
        sources, others, channels, pixel, match_pixel, columns = arguments
        sums, rest = [_VECTOR(None)] * _SUMS, _FLOAT(0)
        for n in range(signature.args[0].count):
            depth = builder.sext(builder.extract_value(channels, n), _INDEX)
            run = _Run(
                builder,
                _data(context, builder, signature.args[0][n], builder.extract_value(sources, n)),
                _data(context, builder, signature.args[1][n], builder.extract_value(others, n)),
                builder.mul(pixel, depth),
                builder.mul(match_pixel, depth),
            )
            sums, rest = _more_by_a_run(builder, run, builder.mul(columns, depth), sums, rest)
        return builder.fadd(_sum_of(builder, sums), rest)

    kinds = sources, others, channels, pixel, match_pixel, columns
    return types.float32(*kinds), generate


def _data(context, builder, kind, array):
    """Pointer to the values of an array: floats, or halves."""
    data = context.make_array(kind)(context, builder, array).data
    value = _HALF if isinstance(kind.dtype, types.Record) else _FLOAT
    return builder.bitcast(data, value.as_pointer())


class _Run:
    """Two runs of memory that are multiplied, as code that is being emitted."""

    def __init__(self, builder, source, other, first, match_first):
        self._builder = builder
        self._starts = builder.gep(source, [first]), builder.gep(other, [match_first])

    def values(self, k):
        """The value of each at place `k`."""
        return [self._wide(start, k, _FLOAT) for start in self._starts]

    def vectors(self, k):
        """The vector of each from place `k` on."""
        return [self._wide(start, k, _VECTOR) for start in self._starts]

    def _wide(self, start, k, kind):
        builder, stored = self._builder, start.type.pointee
        narrow = kind if stored == _FLOAT else _HALF if kind == _FLOAT else _HALVES
        place = builder.bitcast(builder.gep(start, [k]), narrow.as_pointer())
        value = builder.load(place, align=2 if stored == _HALF else 4)
        return value if stored == _FLOAT else builder.fpext(value, kind)


def _more_by_a_run(builder, run, length, sums, rest):
    """Emit what adds the products of a run to sums in vectors, and those left over to `rest`."""

    def more_at_once(k, sums):
        places = [builder.add(k, _INDEX(n * _WIDTH)) for n in range(len(sums))]
        return [
            _multiply_add(builder, run.vectors(place), total)
            for place, total in zip(places, sums, strict=True)
        ]

    def one_more(k, totals):
        return [_multiply_add(builder, run.values(k), totals[0])]

    k, sums = _loop(builder, _INDEX(0), length, _SUMS * _WIDTH, more_at_once, sums)
    k, first = _loop(builder, k, length, _WIDTH, more_at_once, sums[:1])
    _, (rest,) = _loop(builder, k, length, 1, one_more, [rest])
    return first + sums[1:], rest


def _loop(builder, start, stop, step, body_of, values):
    """Emit a loop by whole steps that carries values; where it ended and what they became."""
    before = builder.block
    head, body, after = (builder.append_basic_block(f"products.{n}") for n in range(3))
    builder.branch(head)
    builder.position_at_end(head)
    k, carried = builder.phi(_INDEX), [builder.phi(value.type) for value in values]
    following = builder.add(k, _INDEX(step))
    builder.cbranch(builder.icmp_signed("<=", following, stop), body, after)
    builder.position_at_end(body)
    changed = body_of(k, carried)
    builder.branch(head)
    for phi, first, next_ in zip(
        [k, *carried], [start, *values], [following, *changed], strict=True
    ):
        phi.add_incoming(first, before)
        phi.add_incoming(next_, body)
    builder.position_at_end(after)
    return k, carried


def _multiply_add(builder, factors, total):
    name = "f32" if total.type == _FLOAT else f"v{_WIDTH}f32"
    kind = ir.FunctionType(total.type, [total.type] * 3)
    called = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.{name}")
    return builder.call(called, [*factors, total])


def _sum_of(builder, vectors):
    """Emit the sum of all values of vectors, in any order."""
    kind = ir.FunctionType(_FLOAT, [_FLOAT, _VECTOR])
    name = f"llvm.vector.reduce.fadd.v{_WIDTH}f32"
    called = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(called, [_FLOAT(0), reduce(builder.fadd, vectors)], fastmath=("fast",))
