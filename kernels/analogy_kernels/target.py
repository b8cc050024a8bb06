"""Where an array lives, and how kernels are run there.

A *target* is the CPU (NumPy arrays, kernels under ``numba.njit``) or a CUDA device (device arrays,
kernels under ``numba.cuda.jit``). Public functions of this package ask :func:`on_target` which one
their arguments live on and never move data from one to the other.

What a kernel's module needs beside it comes from here as well: how kernels are launched
(`analogy_kernels.geometry`), arrays of other libraries (`analogy_kernels.array_views`) and accesses
of four floats (`analogy_kernels.four_floats`).
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from functools import lru_cache, partial
from typing import Any, TypeAlias

import numpy as np
from numba.cuda.core.errors import NumbaPerformanceWarning
from numba.cuda.cudadrv.driver import CudaAPIError, device_memset

from analogy_kernels.arguments import written
from analogy_kernels.array_views import Array, Result, as_array, view_of
from analogy_kernels.four_floats import FOUR_FLOATS, load4, store4
from analogy_kernels.geometry import (
    ELEMENT_BLOCK,
    LANES,
    PIXELS_PER_BLOCK,
    VECTOR_BLOCK,
    VECTOR_BLOCKS,
    Kernel,
    element_launch,
    launch_bounds,
    pixel_index,
    pixel_launch,
    vector_launch,
)
from analogy_kernels.simulation import SIMULATED, cuda

__all__ = [
    "COUNTED",
    "CPU",
    "CUDA",
    "ELEMENT_BLOCK",
    "FOUR_FLOATS",
    "INNER",
    "LANES",
    "PIXELS_PER_BLOCK",
    "SIMULATED",
    "UNCOUNTED",
    "VECTOR_BLOCK",
    "VECTOR_BLOCKS",
    "Array",
    "Device",
    "Host",
    "Kernel",
    "Result",
    "Stream",
    "aligned",
    "as_array",
    "as_target",
    "cuda",
    "element_launch",
    "launch_bounds",
    "load4",
    "on_target",
    "pixel_index",
    "pixel_launch",
    "store4",
    "target_of",
    "vector_launch",
]

# Options of a CPU function that kernels alone call: without the wrappers by which Python and C
# would call it, compiling it takes a fifth less.
INNER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# Numba looks through a parallel loop for types before it compiles it, and compiles for that what
# the loop calls. It takes the same again for the loop itself where its options are those of loops,
# which are NumPy's in how they divide, whatever the kernel around them says; and where arguments
# have one type. The index of a loop is signed at first and unsigned then: kernels that hand it to
# large functions say which.
_AS_IN_LOOPS = {"error_model": "numpy"}

# Options of a CPU kernel that makes no arrays of its own, and with it of what it calls. What it is
# given outlives it. Yet Numba would count who holds an array wherever one is handed to a function
# or cut, by atomic additions to one number for all threads: half of the time of a search.
UNCOUNTED = {**_AS_IN_LOOPS, "cache": True, "_nrt": False}

# The same of a CPU kernel that makes arrays, as a function that it is made with may, too.
COUNTED = {**_AS_IN_LOOPS, "cache": True}

# Bytes of a line of the cache, which are those of the widest vector as well.
_LINE = 64

# CUDA_ERROR_OUT_OF_MEMORY and CU_STREAM_LEGACY of the driver.
_OUT_OF_MEMORY, _LEGACY_DEFAULT_STREAM = 2, 1

# A Numba stream, or None for the default one. It says nothing for arrays on the host.
Stream: TypeAlias = Any


class _Target(ABC):
    """What the CPU and a device have in common."""

    @abstractmethod
    def empty(self, shape, dtype=np.float32):
        """Array that is not initialised."""

    @abstractmethod
    def zeros(self, shape, dtype=np.float32):
        """Array of zeros."""

    @abstractmethod
    def copy(self, source, out):
        """Write the values of an array to another of its shape."""

    def out(self, out, shape, dtype=np.float32, *, name="out", apart_from=None, in_place_of=None):
        """Array for a result: `out` where it is given, checked, or a new one.

        Which arrays it may not overlap, or may be, is told as to
        `analogy_kernels.arguments.written`.
        """
        if out is None:
            return self.empty(shape, dtype)
        return written(name, out, shape, dtype, apart_from=apart_from, in_place_of=in_place_of)

    def out_beside(self, out, shape, channel_offset, channels, **lies):
        """Float32 map for a result that takes some channels of it from an offset on; as `out`."""
        least = channel_offset + channels
        if out is None:
            # Nothing is written to the channels before.
            return (self.zeros if channel_offset else self.empty)((*shape, least))
        is_wide_enough = len(out.shape) == 3 and out.shape[2] >= least
        return self.out(out, (*shape, out.shape[2] if is_wide_enough else least), **lies)


class Host(_Target):
    """The CPU: NumPy arrays in host memory.

    Notes
    -----
    Work is done when a call returns. Arrays that are made are not initialised, but for those of
    `zeros`.

    Examples
    --------
    >>> from analogy_kernels import CPU
    >>> CPU.zeros((2,)).tolist()
    [0.0, 0.0]
    """

    name = "cpu"
    is_cuda = False

    def run(self, kernel, extents, *arguments):
        """Run a :class:`Kernel`; on the CPU it knows its extents from the arrays.

        Returns what the kernel does, as far as it tells something.
        """
        return kernel.cpu(*arguments)

    def empty(self, shape, dtype=np.float32):
        return aligned(np.empty, shape, dtype)

    def zeros(self, shape, dtype=np.float32):
        return aligned(np.zeros, shape, dtype)

    def copy(self, source, out):
        # What float32 cannot hold becomes infinite.
        with np.errstate(over="ignore"):
            out[...] = source

    def asarray(self, host_array):
        return np.ascontiguousarray(host_array)

    def to_host(self, array):
        return array

    def on_stream(self, stream):
        return self


def aligned(make, shape, dtype=np.float32):
    """Array on the host that starts with a line of the cache, so that no vector lies in two.

    Parameters
    ----------
    make : callable
        What allocates: `numpy.empty` or `numpy.zeros`.
    shape : int or tuple of int
    dtype : dtype-like, optional

    Returns
    -------
    array of `dtype`, of `shape`
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = make(size + _LINE, np.uint8)
    first = -memory.ctypes.data % _LINE
    return memory[first : first + size].view(dtype).reshape(shape)


class Device(_Target):
    """The current CUDA device: contiguous Numba device arrays.

    Parameters
    ----------
    stream : Numba stream, optional
        Stream that kernels and copies are queued on; the default one when absent.

    Notes
    -----
    Work is queued, and a call returns before it is done, but for `to_host`. Memory is allocated
    with each array that is made.

    Examples
    --------
    A field made on a device, by a stream of one's own::

        from numba import cuda
        from analogy_kernels import CUDA, random_nnf

        on = CUDA.on_stream(cuda.stream())
        nnf = on.to_host(random_nnf((480, 640), (480, 640), 0, on))
    """

    name = "cuda"
    is_cuda = True

    def __init__(self, stream=None):
        self._stream = stream

    def run(self, kernel, extents, *arguments):
        """Queue a :class:`Kernel` for work of some extents."""
        self.launch(kernel.cuda, kernel.launch(*extents), *arguments)

    def launch(self, kernel, blocks_and_threads, *arguments):
        """Queue a CUDA kernel."""
        blocks, threads = blocks_and_threads
        configured = _configured(kernel, blocks, threads, self._stream or 0)
        _in_memory(partial(configured, *arguments), "a kernel")

    def empty(self, shape, dtype=np.float32):
        make = partial(cuda.device_array, shape, dtype, stream=self._stream or 0)
        return _in_memory(make, f"an array of {np.dtype(dtype)} {shape}")

    def zeros(self, shape, dtype=np.float32):
        # Filled where it lies: nothing travels from the host.
        array = self.empty(shape, dtype)
        device_memset(array, 0, array.nbytes, self._stream or 0)
        return array

    def copy(self, source, out):
        out.copy_to_device(source, stream=self._stream or 0)

    def asarray(self, host_array):
        array = np.ascontiguousarray(host_array)
        make = partial(cuda.to_device, array, stream=self._stream or 0)
        return _in_memory(make, f"an array of {array.dtype} {array.shape}")

    def to_host(self, array):
        """Copy to the host; waits for it."""
        host = np.empty(array.shape, array.dtype)
        self.receive(array, host)
        return host

    def receive(self, array, host):
        """Copy to an array of the host's; waits for it."""
        array.copy_to_host(host, stream=self._stream or 0)
        if self._stream is not None:
            self._stream.synchronize()

    def free_memory(self):
        """Bytes that the device has left."""
        return cuda.current_context().get_memory_info().free

    def on_stream(self, stream):
        """The same device, with work queued on a stream; as it is for None."""
        return self if stream is None else Device(stream)


CPU, CUDA = Host(), Device()


def on_target(*, stream=None, **arrays):
    """Target on which all arrays live, and the arrays as its kernels take them.

    Nothing is copied. Arrays of other libraries are viewed through the CUDA array interface, or
    through DLPack where they are on the host; None stays None. Work that is queued on the target
    afterwards waits for the stream that an array's interface names; who wrote an array on another
    stream, and does not say so, has to have it waited for.

    Parameters
    ----------
    stream : Numba stream, optional
        Stream that the target queues its work on.
    **arrays : Array or None
        Arrays by the names of the arguments that they are.

    Returns
    -------
    target : Host or Device
    *arrays : NumPy arrays or Numba device arrays

    Raises
    ------
    TypeError
        If something is no array.
    ValueError
        If some arrays live on the host and some on a device, or if one is not C-contiguous.
    """
    wait = partial(_queue_behind, stream)
    viewed = [
        None if array is None else view_of(name, array, wait) for name, array in arrays.items()
    ]
    target = target_of(*[array for array in viewed if array is not None])
    return target.on_stream(stream), *viewed


def as_target(target):
    """Say that something is a target: what functions that make arrays are given.

    Raises
    ------
    TypeError
        If it is none.
    """
    if not isinstance(target, _Target):
        raise TypeError(
            f"target is of the type {type(target).__name__}; it has to be CPU, CUDA or "
            "CUDA.on_stream(stream) of analogy_kernels"
        )
    return target


def target_of(*arrays):
    """Target on which NumPy arrays or Numba device arrays live.

    Raises
    ------
    ValueError
        If some arrays live on the host and some on a device.
    """
    on_device = [not isinstance(array, np.ndarray) for array in arrays]
    if all(on_device):
        return CUDA
    if not any(on_device):
        return CPU
    raise ValueError("arrays of one call must all be NumPy arrays or all be device arrays")


def _queue_behind(stream, producer):
    """Let what is queued on a stream from now on wait for what a producer's stream has to do."""
    if stream is None and int(producer) == _LEGACY_DEFAULT_STREAM:
        # The default stream, or one that waits for it.
        return
    event = cuda.event(timing=False)
    event.record(producer)
    event.wait(stream or 0)


def _in_memory(make, what):
    """What `make` gives, or a MemoryError where the device has none left for it."""
    try:
        return make()
    except CudaAPIError as error:
        # The simulator's have no code.
        if getattr(error, "code", None) != _OUT_OF_MEMORY:
            raise
        raise MemoryError(f"the device has not enough memory left for {what}") from error


def _configure(kernel, blocks, threads, stream):
    """A CUDA kernel with its launch."""
    with warnings.catch_warnings():
        # Numba warns of grids of few blocks, which are what small maps need.
        warnings.simplefilter("ignore", NumbaPerformanceWarning)
        return kernel[blocks, threads, stream]


# Numba itself keeps fewer launches than a transfer has. In the simulator a kernel knows its last
# launch only.
_configured = _configure if SIMULATED else lru_cache(maxsize=1024)(_configure)
