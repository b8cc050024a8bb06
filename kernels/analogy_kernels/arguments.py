"""What public functions ask of their arguments before anything runs.

A kernel reads and writes where it is told to, so whoever runs one asks here first whether its
arguments fit each other. A refusal is one line of TypeError or ValueError that names the argument,
what it is and what it has to be. The checks cost microseconds and look at no array's values; at
those of fields :mod:`analogy_kernels.positions` does.

The shape that an array has to have is a tuple of sizes: a number where another argument gives it, a
word where it may be any, by which a refusal then calls it. A word in brackets stands for a last
axis that may be missing. Vectors may be empty, nothing else may.
"""

from __future__ import annotations

import inspect
import math
import operator
from functools import lru_cache
from numbers import Real

import numpy as np
from numba import config
from numba.core.registry import cpu_target

PLANE = ("height", "width")
MAP = (*PLANE, "channels")
# A grey map may go without channels.
ANY_MAP = (*PLANE, "[channels]")
IMAGE = (*PLANE, 3)
FIELD = (*PLANE, 2)
TABLE = ("rows", "columns")
VECTOR = ("length",)

FLOAT32, UINT8, INT32 = np.dtype(np.float32), np.dtype(np.uint8), np.dtype(np.int32)
FLOAT64 = np.dtype(np.float64)
FLOATS = FLOAT32, np.dtype(np.float16)
# All that Numba computes with, by NumPy's codes of a character.
NUMBERS = tuple(map(np.dtype, "fBi?bhHIqQedFD"))

_LARGEST_INT = int(np.iinfo(np.int32).max)
_LARGEST, _SMALLEST = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)


def checked(name, array, shape, dtype=FLOAT32):
    """An array as kernels take it, if it has a shape and a dtype, or one of several."""
    if array is None:
        raise TypeError(f"{name} is None; it has to be an array")
    is_of_kind = array.dtype in dtype if isinstance(dtype, tuple) else array.dtype == dtype
    if not (is_of_kind and _fits(array.shape, shape)):
        raise ValueError(_unfit(name, array, shape, dtype))
    if isinstance(array, np.ndarray) and not array.flags.writeable:
        return _as_writeable(array)
    return array


def _unfit(name, array, shape, dtype):
    dtypes = dtype if isinstance(dtype, tuple) else (dtype,)
    kinds = " or ".join(str(np.dtype(kind)) for kind in dtypes[:3])
    wanted = "a kind of number" if dtype is NUMBERS else kinds
    empty = ", not empty" if array.ndim > 1 and not array.size else ""
    is_ = f"{name} is {array.dtype} {tuple(array.shape)}"
    return f"{is_}; it has to be {wanted} {_written(shape)}{empty}"


def written(name, array, shape, dtype=FLOAT32, *, apart_from=None, in_place_of=None):
    """An array that a kernel writes, if it has a shape and a dtype and may be written to.

    Parameters
    ----------
    name : str
    array : NumPy array or Numba device array
    shape : tuple
    dtype : dtype, optional
    apart_from : dict of arrays by name, optional
        Which it may not overlap; None among them stands for no array.
    in_place_of : dict of arrays by name, optional
        Which it may be, or else not overlap.
    """
    checked(name, array, shape, dtype)
    if isinstance(array, np.ndarray) and not array.flags.writeable:
        raise ValueError(f"{name} is read-only; it has to be writeable")
    for other_name, other in (apart_from or {}).items():
        if other is not None and overlap(array, other):
            raise ValueError(f"{name} shares memory with {other_name}; it has to lie apart from it")
    for other_name, other in (in_place_of or {}).items():
        if overlap(array, other) and not _are_same(array, other):
            raise ValueError(
                f"{name} overlaps {other_name}; it has to be all of it or to lie apart from it"
            )
    return array


def overlap(array, other):
    """Tell whether two contiguous arrays of one target share memory."""
    if isinstance(array, np.ndarray) and isinstance(other, np.ndarray):
        return np.may_share_memory(array, other)
    start, other_start = address(array), address(other)
    return start < other_start + other.nbytes and other_start < start + array.nbytes


def address(array):
    """Where an array's memory starts: a number for either target, and in the simulator."""
    pointer = getattr(array, "device_ctypes_pointer", None)
    return array.ctypes.data if pointer is None else pointer.value or 0


def aligned(name, array, size):
    """An array of a device, if it starts where so many bytes may be read at once."""
    if address(array) % size:
        raise ValueError(f"{name} starts at no multiple of {size} bytes; it has to, as copies do")
    return array


def as_map(array):
    """A map with its axis of channels, of which a grey one has one."""
    return array.reshape(*array.shape, 1) if getattr(array, "ndim", 0) == 2 else array


def whole(name, value, least=0, most=_LARGEST_INT):
    """A whole number within bounds, as Python's."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {_told(value)}; it has to be a whole number") from None
    if not least <= number <= most:
        raise ValueError(
            f"{name} is {_told(number)}; it has to be a whole number from {least} to {most}"
        )
    return number


def low_bits(name, seed):
    """The low 32 bits of a whole number that is not negative: what a seed counts by."""
    return np.uint32(whole(name, seed, most=2**64 - 1) & 0xFFFFFFFF)


def odd(name, value):
    """Side of a patch, in pixels, that has a middle."""
    side = whole(name, value, least=1)
    if side % 2 == 0:
        raise ValueError(f"{name} is {side}; it has to be odd")
    return side


def number(name, value, least=-_LARGEST, most=_LARGEST):
    """A number within bounds, and so a finite one, as Python's."""
    if not _is_number(value):
        raise TypeError(f"{name} is {_told(value)}; it has to be a number")
    if not least <= value <= most:
        bounds = f"from {least} to {most}" if most < _LARGEST else f"finite and {least} or more"
        wanted = "finite" if least == -_LARGEST else bounds
        raise ValueError(f"{name} is {_told(value)}; it has to be {wanted}")
    return float(value)


def positive(name, value, most=_LARGEST, below=math.inf):
    """A number above zero that float32 can tell from it, as Python's."""
    if _is_number(value) and value >= below:
        raise ValueError(f"{name} is {_told(value)}; it has to be above 0 and below {below}")
    if _is_number(value) and not _SMALLEST <= value <= most:
        bound = "" if most == _LARGEST else f" and at most {most}"
        raise ValueError(f"{name} is {_told(value)}; it has to be finite, above 0{bound}")
    return number(name, value)


def items(name, values, count, check=None, *arguments):
    """So many values of a sequence, each checked, where there is a check as by `whole`."""
    try:
        values = tuple(values)
    except TypeError:
        raise TypeError(f"{name} is {_told(values)}; it has to have {count} items") from None
    if len(values) != count:
        raise ValueError(f"{name} has {len(values)} items; it has to have {count}")
    if check is None:
        return values
    return tuple(check(f"{name}[{i}]", value, *arguments) for i, value in enumerate(values))


def extents(name, shape, axes=2):
    """Height and width of a map, and where there are three axes its channels, as Python's ints."""
    shape = items(name, shape, axes, whole, 1)
    if shape[0] * shape[1] > _LARGEST_INT:
        raise ValueError(f"{name} is {shape}; a map has to have at most {_LARGEST_INT} pixels")
    return shape


def device_function(name, function, parameters):
    """A function that Numba can compile into a kernel, if it takes what it will be given.

    Parameters
    ----------
    name : str
    function : device function
    parameters : str
        Names of what it is called with.
    """
    if not callable(function):
        raise TypeError(f"{name} is {_told(function)}; it has to be a device function")
    return _checked_function(name, function, parameters)


# Not asked again about the same function: looking takes Numba a tenth of a millisecond.
@lru_cache
def _checked_function(name, function, parameters):
    called = getattr(function, "__name__", type(function).__name__)
    # Without its compiler Numba gives back plain functions.
    if not (config.DISABLE_JIT or _is_known(function)):
        raise TypeError(
            f"{name} is {called}, which is no device function; "
            "it has to be made by numba.extending.register_jitable"
        )
    try:
        inspect.signature(getattr(function, "py_func", function)).bind(*parameters.split())
    except TypeError:
        wanted = ", ".join(parameters.split())
        raise TypeError(f"{name} is {called}; it has to take ({wanted})") from None
    return function


def _fits(shape, wanted):
    if shape == wanted:
        return True
    if len(shape) < len(wanted) and str(wanted[-1]).startswith("["):
        wanted = wanted[:-1]
    if len(shape) != len(wanted):
        return False
    least = 0 if len(wanted) == 1 else 1
    # Asked for every array of every call: a generator in `all` takes twice as long.
    for size, want in zip(shape, wanted, strict=True):
        if size < least if isinstance(want, str) else size != want:
            return False
    return True


def _written(shape):
    """A shape as documentation writes it."""
    parts = [str(size) for size in shape]
    if parts and parts[-1].startswith("["):
        return f"({', '.join(parts[:-1])}[, {parts[-1][1:]})"
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def _are_same(array, other):
    is_alike = tuple(array.shape) == tuple(other.shape) and array.dtype == other.dtype
    return is_alike and address(array) == address(other)


def _is_number(value):
    return isinstance(value, Real)


def _told(value):
    """A value in a few words, on one line."""
    if isinstance(value, int) and abs(value) > 2**64:
        return "beyond 64 bits"
    if isinstance(value, Real | complex | str | bytes | type(None)):
        return repr(value)[:40]
    return f"of the type {type(value).__name__}"


def _is_known(function):
    """Tell whether Numba knows how to compile a call of a function."""
    context = cpu_target.typing_context
    context.refresh()
    try:
        context.resolve_value_type(function)
    except ValueError:
        return False
    return True


class _Writeable:
    """What NumPy makes a view of that may be written to."""

    def __init__(self, array):
        self._array = array
        address, _ = array.__array_interface__["data"]
        self.__array_interface__ = array.__array_interface__ | {"data": (address, False)}


def _as_writeable(array):
    """View a read-only array as another; only kernels that read it may be given the view.

    Numba would compile each kernel anew for it.
    """
    return np.asarray(_Writeable(array))
