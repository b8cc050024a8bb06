"""Vectors of eight single-precision values, for compiled CPU kernels.

What a loop over channels does becomes vectors only where Numba's compiler can tell that nothing it
writes is read again, which it asks anew before every loop, with more questions than values where a
loop is short. Here a kernel says itself what is done eight at a time. The vectors are LLVM's, which
become what the processor has; in Python they are small arrays.
"""

from __future__ import annotations

import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import (
    intrinsic,
    lower_builtin,
    models,
    overload,
    register_jitable,
    register_model,
    type_callable,
)

from analogy_kernels.target import INNER

WIDTH = 8

_VECTOR = ir.VectorType(ir.FloatType(), WIDTH)
_BYTES, _NUMBERS = (ir.VectorType(ir.IntType(bits), WIDTH) for bits in (8, 32))


class _Simd(types.Type):
    def __init__(self):
        super().__init__(name=f"Simd({WIDTH} x float32)")


_simd = _Simd()


@register_model(_Simd)
class _SimdModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _VECTOR)


@register_jitable
def whole(count):
    """So many values, filled up to whole vectors."""
    return -(-count // WIDTH) * WIDTH


def load(values, at):
    """Vector of `WIDTH` values of a flat float32 or uint8 array, from place `at` on."""
    return values[at : at + WIDTH].astype(np.float32)


def store(vector, values, at):
    """Write a vector to a flat float32 or uint8 array, whole values to the latter, from `at` on."""
    values[at : at + WIDTH] = vector


def repeated(value):
    """Vector of one float32, `WIDTH` times."""
    return np.full(WIDTH, value, np.float32)


def lane(vector, index):
    """One value of a vector."""
    return vector[index]


def replaced(vector, index, value):
    """The vector with another float32 at one place."""
    vector = vector.copy()
    vector[index] = value
    return vector


def where_larger(left, right, then, otherwise):
    """Of four vectors, value by value: `then` where ``left > right``, `otherwise` elsewhere."""
    return np.where(left > right, then, otherwise)


def where_equal(left, right, then, otherwise):
    """Of four vectors, value by value: `then` where ``left == right``, `otherwise` elsewhere."""
    return np.where(left == right, then, otherwise)


@register_jitable(**INNER)
def load_first(values, at, count):
    """As :func:`load`, with zeros after the first `count` values, which are all that is read."""
    if count >= WIDTH:
        return load(values, at)
    vector = repeated(0)
    for index in range(count):
        vector = replaced(vector, index, np.float32(values[at + np.uintp(index)]))
    return vector


@register_jitable(**INNER)
def store_first(vector, values, at, count):
    """As :func:`store`, of the first `count` values alone."""
    if count >= WIDTH:
        store(vector, values, at)
        return
    for index in range(count):
        values[at + np.uintp(index)] = lane(vector, index)


@overload(load)
def _compiled_load(values, at):
    return lambda values, at: _load(values, np.int64(at))


@overload(store)
def _compiled_store(vector, values, at):
    return lambda vector, values, at: _store(vector, values, np.int64(at))


@overload(repeated)
def _compiled_repeated(value):
    return lambda value: _repeated(np.float32(value))


@overload(lane)
def _compiled_lane(vector, index):
    return lambda vector, index: _lane(vector, np.int64(index))


@overload(replaced)
def _compiled_replaced(vector, index, value):
    return lambda vector, index, value: _replaced(vector, np.int64(index), np.float32(value))


@overload(where_larger)
def _compiled_where_larger(left, right, then, otherwise):
    return lambda left, right, then, otherwise: _where_larger(left, right, then, otherwise)


@overload(where_equal)
def _compiled_where_equal(left, right, then, otherwise):
    return lambda left, right, then, otherwise: _where_equal(left, right, then, otherwise)


@intrinsic
def _load(typing_context, values, at):
    def generate(context, builder, signature, arguments):
        values, at = arguments
        kind = signature.args[0]
        vector = builder.load(_place(context, builder, kind, values, at), align=_bytes(kind))
        return builder.uitofp(vector, _VECTOR) if kind.dtype == types.uint8 else vector

    return _simd(values, at), generate


@intrinsic
def _store(typing_context, vector, values, at):
    def generate(context, builder, signature, arguments):
        vector, values, at = arguments
        kind = signature.args[1]
        if kind.dtype == types.uint8:
            vector = builder.trunc(builder.fptoui(vector, _NUMBERS), _BYTES)
        builder.store(vector, _place(context, builder, kind, values, at), align=_bytes(kind))
        return context.get_dummy_value()

    return types.none(vector, values, at), generate


@intrinsic
def _repeated(typing_context, value):
    def generate(context, builder, signature, arguments):
        return spread(builder, arguments[0], _VECTOR)

    return _simd(value), generate


@intrinsic
def _lane(typing_context, vector, index):
    def generate(context, builder, signature, arguments):
        return builder.extract_element(*arguments)

    return types.float32(vector, index), generate


@intrinsic
def _replaced(typing_context, vector, index, value):
    def generate(context, builder, signature, arguments):
        vector, index, value = arguments
        return builder.insert_element(vector, value, index)

    return _simd(vector, index, value), generate


@intrinsic
def _where_larger(typing_context, left, right, then, otherwise):
    def generate(context, builder, signature, arguments):
        left, right, then, otherwise = arguments
        return builder.select(builder.fcmp_ordered(">", left, right), then, otherwise)

    return _simd(left, right, then, otherwise), generate


@intrinsic
def _where_equal(typing_context, left, right, then, otherwise):
    def generate(context, builder, signature, arguments):
        left, right, then, otherwise = arguments
        return builder.select(builder.fcmp_ordered("==", left, right), then, otherwise)

    return _simd(left, right, then, otherwise), generate


def _place(context, builder, kind, values, at):
    data = context.make_array(kind)(context, builder, values).data
    vector = _BYTES if kind.dtype == types.uint8 else _VECTOR
    return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())


def _bytes(kind):
    return kind.dtype.bitwidth // 8


def spread(builder, value, vector):
    """Emit a vector, of a type of LLVM's, of one value."""
    nothing = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.IntType(32)(0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, nothing, lanes)


def _define(operation, instruction):
    """Have compiled code take an operator of Python between vectors."""

    @type_callable(operation)
    def _kind(context):
        return lambda left, right: _simd if left == right == _simd else None

    @lower_builtin(operation, _simd, _simd)
    def _lower(context, builder, signature, arguments):
        return getattr(builder, instruction)(*arguments)


_define(operator.add, "fadd")
_define(operator.sub, "fsub")
_define(operator.mul, "fmul")


@type_callable(operator.mul)
def _scaled_kind(context):
    return lambda factor, vector: _simd if (factor, vector) == (types.float32, _simd) else None


@lower_builtin(operator.mul, types.float32, _simd)
def _scaled(context, builder, signature, arguments):
    factor, vector = arguments
    return builder.fmul(spread(builder, factor, _VECTOR), vector)
