"""Storage of half the size: float16 arrays, of which kernels compute in float32.

Numba has no float16 on the CPU. There such an array is viewed as records of its bits, which is a
type of its own, and the processor's own conversion is called for. On CUDA Numba has one.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

_BITS = np.dtype([("bits", np.uint16)])


def storage(array):
    """View an array as kernels take it; that of no float16 on the host as it is."""
    if isinstance(array, np.ndarray) and array.dtype == np.float16:
        return array.view(_BITS)
    return array


def as_float32(value):
    """Value of an array of any dtype that kernels take, for device functions.

    Parameters
    ----------
    value : scalar
        An element of an array as kernels take it: a number, or the bits of a float16 on the CPU.

    Returns
    -------
    float32

    Notes
    -----
    One conversion; none for float32.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels.device import as_float32
    >>> float(as_float32(np.uint8(3)))
    3.0
    """
    if isinstance(value, np.void):
        value = value["bits"].view(np.float16)
    return np.float32(value)


def store(array, y, x, c, value):
    """Write a float32 to an array of any dtype, for device functions; integers cut it off.

    Parameters
    ----------
    array : array of any dtype that kernels take, (height, width, channels)
        Written.
    y, x, c : int
    value : float32

    Notes
    -----
    One conversion and one write.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels.device import store
    >>> image = np.zeros((1, 1, 2), np.uint8)
    >>> store(image, 0, 0, 1, np.float32(7.9))
    >>> image.tolist()
    [[[0, 7]]]
    """
    if array.dtype == _BITS:
        array[y, x, c] = (np.float16(value).view(np.uint16),)
    else:
        array[y, x, c] = value


@overload(as_float32)
def _as_float32(value):
    if isinstance(value, types.Record):
        return lambda value: _widened(value["bits"])
    return lambda value: np.float32(value)


@overload(store)
def _store(array, y, x, c, value):
    if isinstance(array.dtype, types.Record):

        def store_half(array, y, x, c, value):
            array[y, x, c]["bits"] = _narrowed(value)

        return store_half

    def store_value(array, y, x, c, value):
        array[y, x, c] = value

    return store_value


@intrinsic
def _widened(typing_context, bits):
    def generate(context, builder, signature, arguments):
        half = builder.bitcast(arguments[0], ir.HalfType())
        return builder.fpext(half, ir.FloatType())

    return types.float32(types.uint16), generate


@intrinsic
def _narrowed(typing_context, value):
    def generate(context, builder, signature, arguments):
        half = builder.fptrunc(arguments[0], ir.HalfType())
        return builder.bitcast(half, ir.IntType(16))

    return types.uint16(types.float32), generate
