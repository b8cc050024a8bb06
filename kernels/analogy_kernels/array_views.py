"""Arrays of other libraries as NumPy's or Numba's, without a copy."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np

from analogy_kernels.simulation import cuda

# As DLPack counts kinds of devices.
_DLPACK_CPU = 1


class _OnDevice(Protocol):
    @property
    def __cuda_array_interface__(self) -> dict[str, Any]: ...


class _Exchangeable(Protocol):
    def __dlpack__(self, **options: Any) -> Any: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...


# What public functions take: NumPy arrays, and what other libraries hand out of their own arrays
# by the CUDA array interface (PyTorch, CuPy, JAX, Numba) or, on the host, by DLPack. C-contiguous.
Array: TypeAlias = np.ndarray | _OnDevice | _Exchangeable

# What they return: a NumPy array or a Numba device array, as their arguments are.
Result: TypeAlias = Any


def as_array(array: Array) -> Result:
    """View an array of another library as NumPy's or Numba's, without a copy.

    Public functions do this with their arguments; by itself it serves to call a kernel.

    Parameters
    ----------
    array : Array
        With the CUDA array interface, or on the host with DLPack.

    Returns
    -------
    NumPy array or Numba device array
        A view of the same memory.

    Raises
    ------
    TypeError
        If it is no array.
    ValueError
        If it is not C-contiguous, or on the host not aligned.

    Notes
    -----
    Takes microseconds, whatever the size. Waits for the stream that an array's CUDA array interface
    names, and for no device otherwise; public functions let their own stream wait for it instead.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import as_array
    >>> rows = np.zeros((4, 3), np.float32)
    >>> np.shares_memory(as_array(rows), rows)
    True
    """
    return view_of("the array", array, lambda producer: producer.synchronize())


def view_of(name, array, wait):
    """View an argument as NumPy's or Numba's array; `wait` is given the stream that it names."""
    if isinstance(array, np.ndarray):
        return _on_host(name, array)
    if getattr(array, "__cuda_ndarray__", False):
        return _on_device(name, array)
    if hasattr(array, "__cuda_array_interface__"):
        interface = array.__cuda_array_interface__
        view = _on_device(name, cuda.from_cuda_array_interface(interface, array, sync=False))
        if view.stream:
            wait(view.stream)
        return view
    if hasattr(array, "__dlpack_device__") and array.__dlpack_device__()[0] == _DLPACK_CPU:
        return _on_host(name, np.from_dlpack(array))
    raise TypeError(
        f"{name}: {type(array).__name__} is no array that kernels can take: neither NumPy's, nor "
        "one with the CUDA array interface, nor one on the host with DLPack"
    )


def _on_host(name, array):
    if type(array) is not np.ndarray:
        if isinstance(array, np.ma.MaskedArray):
            raise TypeError(f"{name} is a masked array; hand over numpy.ma.filled of it")
        array = array.view(np.ndarray)
    flags = array.flags
    # The first is all three: a usual array is asked one question.
    if not (flags.carray or (flags.c_contiguous and flags.aligned)):
        lacks = "aligned" if flags.c_contiguous else "C-contiguous"
        raise ValueError(
            f"{name} is {array.dtype} {array.shape} and not {lacks}; hand over numpy.array(..., "
            "order='C') of it"
        )
    return array


def _on_device(name, array):
    if not array.is_c_contiguous():
        if _is_row_by_row(array):
            interface = array.__cuda_array_interface__ | {"strides": None}
            return cuda.from_cuda_array_interface(interface, array, sync=False)
        raise ValueError(
            f"{name} is {array.dtype} {tuple(array.shape)} and not C-contiguous; hand over a copy "
            "that is"
        )
    return array


def _is_row_by_row(array):
    """Whether elements follow one another; an axis of one element may have any stride."""
    step = array.dtype.itemsize
    for size, stride in zip(reversed(array.shape), reversed(array.strides), strict=True):
        if size > 1 and stride != step:
            return False
        step *= size
    return True
