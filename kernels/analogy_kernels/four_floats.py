"""Four floats of a vector, read or written in one access."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from analogy_kernels.simulation import SIMULATED

# Alignment, in bytes, of shared arrays for `load4` and `store4`; the simulator has none to give.
FOUR_FLOATS = None if SIMULATED else 16


def load4(array, index):
    """``array[index : index + 4]`` of a vector of floats as a tuple, in one access.

    The place has to be a multiple of four elements' size: so are the starts of device arrays, and
    those of shared ones of float32 declared with an alignment of `FOUR_FLOATS`.

    Parameters
    ----------
    array : float32 or float16 vector
    index : int
        Index of the first; there are three more behind it.

    Returns
    -------
    four of the array's elements

    Notes
    -----
    One load of 16 bytes, or of 8 for float16, on a device; four in the simulator.

    Examples
    --------
    A vector's doubles, four elements a thread; launched with a quarter as many threads::

        from numba import cuda
        from analogy_kernels.device import load4, store4

        @cuda.jit
        def doubled(vector, out):
            i = 4 * cuda.grid(1)
            if i < vector.size:
                a, b, c, d = load4(vector, i)
                store4(out, i, (a + a, b + b, c + c, d + d))
    """
    return array[index], array[index + 1], array[index + 2], array[index + 3]


def store4(array, index, values):
    """Write a tuple of four to a float32 vector in one access; see :func:`load4`.

    Parameters
    ----------
    array : float32 vector
        Written.
    index : int
        Index of the first; there are three more behind it.
    values : four float32

    Notes
    -----
    One store of 16 bytes on a device, four in the simulator.

    Examples
    --------
    A vector's doubles, four elements a thread; launched with a quarter as many threads::

        from numba import cuda
        from analogy_kernels.device import load4, store4

        @cuda.jit
        def doubled(vector, out):
            i = 4 * cuda.grid(1)
            if i < vector.size:
                a, b, c, d = load4(vector, i)
                store4(out, i, (a + a, b + b, c + c, d + d))
    """
    for k in range(4):
        array[index + k] = values[k]


@overload(load4)
def _load4(array, index):
    return lambda array, index: _load_four(array, index)


@overload(store4)
def _store4(array, index, values):
    return lambda array, index, values: _store_four(array, index, values)


@intrinsic
def _load_four(typing_context, array, index):
    def generate(context, builder, signature, arguments):
        place = _address_of_four(context, builder, signature, arguments)
        four = builder.load(place, align=4 * array.dtype.bitwidth // 8)
        values = [builder.extract_element(four, ir.IntType(32)(k)) for k in range(4)]
        return context.make_tuple(builder, signature.return_type, values)

    return types.UniTuple(array.dtype, 4)(array, index), generate


@intrinsic
def _store_four(typing_context, array, index, values):
    def generate(context, builder, signature, arguments):
        place = _address_of_four(context, builder, signature, arguments)
        four = ir.Constant(place.type.pointee, ir.Undefined)
        for k in range(4):
            value = builder.extract_value(arguments[2], k)
            four = builder.insert_element(four, value, ir.IntType(32)(k))
        builder.store(four, place, align=16)

    return types.void(array, index, values), generate


def _address_of_four(context, builder, signature, arguments):
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    place = builder.gep(data, [arguments[1]])
    return builder.bitcast(place, ir.VectorType(data.type.pointee, 4).as_pointer())
