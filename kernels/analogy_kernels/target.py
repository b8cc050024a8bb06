"""Where an array lives, and how kernels are launched there.

The only module of the project that imports ``numba.cuda``. A *target* is the CPU (NumPy arrays,
kernels under ``numba.njit``) or a CUDA device (device arrays, kernels under ``numba.cuda.jit``).
Public functions of this package ask :func:`on_target` which one their arguments live on and never
move data from one to the other.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from llvmlite import ir
from numba import config, cuda, types
from numba.core import caching
from numba.cuda.core import caching as cuda_caching
from numba.cuda.core.errors import NumbaPerformanceWarning
from numba.cuda.cudadrv.driver import CudaAPIError, device_memset
from numba.extending import intrinsic, overload

from analogy_kernels.arguments import written
from analogy_kernels.cache import keep_kernels
from analogy_kernels.threads import wait_passively

keep_kernels(caching.CacheImpl, cuda_caching.CacheImpl)
wait_passively()

SIMULATED = bool(config.ENABLE_CUDASIM)

# Threads that share one pixel's channels in the warp-per-pixel kernels, and pixels per block.
# The simulator runs one Python thread per CUDA thread, so it gets small blocks, and a block of a
# single pixel because it has no warps: there the lanes meet at the block's barriers.
LANES = 4 if SIMULATED else 32
PIXELS_PER_BLOCK = 1 if SIMULATED else 8

# Block of the element-wise kernels, (fastest-running axis, rows).
ELEMENT_BLOCK = (8, 2) if SIMULATED else (64, 4)

# Block of the kernels over long vectors, and the most blocks of one launch.
VECTOR_BLOCK = 8 if SIMULATED else 256
VECTOR_BLOCKS = 4 if SIMULATED else 2048

# Options of a CPU function that kernels alone call: without the wrappers by which Python and C
# would call it, compiling it takes a fifth less.
INNER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# Alignment, in bytes, of shared arrays for `load4` and `store4`; the simulator has none to give.
FOUR_FLOATS = None if SIMULATED else 16

# As DLPack counts kinds of devices.
_DLPACK_CPU = 1

# CUDA_ERROR_OUT_OF_MEMORY and CU_STREAM_LEGACY of the driver.
_OUT_OF_MEMORY, _LEGACY_DEFAULT_STREAM = 2, 1


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

# A Numba stream, or None for the default one. It says nothing for arrays on the host.
Stream: TypeAlias = Any


class Kernel(NamedTuple):
    """One piece of work on both targets, and how CUDA launches it.

    Attributes
    ----------
    cpu : CPU dispatcher
    cuda : CUDA dispatcher
        With the same arguments.
    launch : callable, extents -> (blocks, threads)
        Launch for work of some extents; which extents, each kernel says.

    Notes
    -----
    Which arguments the dispatchers take is their own matter; both take the same.

    Examples
    --------
    >>> from analogy_kernels.launches import Kernel, warp_kernel
    >>> blocks, threads = warp_kernel.launch(480, 640 * 3)
    >>> isinstance(warp_kernel, Kernel), len(blocks), len(threads)
    (True, 2, 2)
    """

    cpu: Callable
    cuda: Callable
    launch: Callable


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
        return np.empty(shape, dtype)

    def zeros(self, shape, dtype=np.float32):
        return np.zeros(shape, dtype)

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


class Device(_Target):
    """The current CUDA device: contiguous Numba device arrays.

    Parameters
    ----------
    stream : Numba stream, optional
        That kernels and copies are queued on; the default one when absent.

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
        host = array.copy_to_host(stream=self._stream or 0)
        if self._stream is not None:
            self._stream.synchronize()
        return host

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
        That the target queues its work on.
    **arrays : Array or None
        By the names of the arguments that they are.

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
        None if array is None else _viewed(name, array, wait) for name, array in arrays.items()
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
        Of the same memory.

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
    return _viewed("the array", array, lambda producer: producer.synchronize())


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


def _viewed(name, array, wait):
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


def element_launch(height, row_length):
    """Launch of a kernel with one thread per element, ``cuda.grid(2) -> (index in row, y)``.

    Parameters
    ----------
    height : int
        Rows.
    row_length : int
        Elements of a row: width, or width * channels.

    Returns
    -------
    blocks, threads : (int, int)
        x before y.

    Notes
    -----
    Raises nothing. Some threads lie outside and have to ask whether they do; on a device blocks are
    of 64 x 4 threads.

    Examples
    --------
    >>> from analogy_kernels.launches import element_launch
    >>> (blocks_x, blocks_y), (threads_x, threads_y) = element_launch(480, 640)
    >>> blocks_x * threads_x >= 640, blocks_y * threads_y >= 480
    (True, True)
    """
    return _blocks((row_length, height), ELEMENT_BLOCK), ELEMENT_BLOCK


def vector_launch(length):
    """Launch of a one-dimensional kernel whose threads stride over the whole grid.

    Parameters
    ----------
    length : int
        Of the vector.

    Returns
    -------
    blocks, threads : int

    Notes
    -----
    Raises nothing. On a device at most 2048 blocks of 256 threads, enough to fill any; each thread
    takes every element that many threads from its first.

    Examples
    --------
    >>> from analogy_kernels.launches import vector_launch
    >>> vector_launch(10**9) == vector_launch(10**10)
    True
    """
    (blocks,) = _blocks((length,), (VECTOR_BLOCK,))
    return min(blocks, VECTOR_BLOCKS), VECTOR_BLOCK


def pixel_launch(height, width):
    """Launch of a kernel that gives ``LANES`` threads to every pixel.

    ``threadIdx.x`` is the lane, ``threadIdx.y`` the pixel in the block; see :func:`pixel_index`.

    Parameters
    ----------
    height, width : int

    Returns
    -------
    blocks : (int,)
    threads : (int, int)
        `LANES` and pixels.

    Notes
    -----
    Raises nothing. On a device a pixel has a warp of 32 threads, and a block eight pixels in the
    order of rows; the last block may reach beyond the map.

    Examples
    --------
    >>> from analogy_kernels.launches import pixel_launch
    >>> (blocks,), (lanes, pixels) = pixel_launch(480, 640)
    >>> blocks * pixels == 480 * 640
    True
    """
    return _blocks((height * width,), (PIXELS_PER_BLOCK,)), (LANES, PIXELS_PER_BLOCK)


def launch_bounds(threads, blocks):
    """Options of ``cuda.jit`` for a kernel of which a multiprocessor is to run so many blocks.

    The compiler then spends no more registers on a thread than let them; the simulator, which has
    none, does not know the option.

    Parameters
    ----------
    threads : int
        Of a block, at most.
    blocks : int
        That a multiprocessor is to run at a time.

    Returns
    -------
    dict

    Notes
    -----
    Raises nothing. The ``__launch_bounds__`` of the CUDA C++ Programming Guide.

    Examples
    --------
    >>> from numba import cuda
    >>> from analogy_kernels.launches import launch_bounds
    >>> @cuda.jit(**launch_bounds(256, 2))
    ... def kernel(out):
    ...     out[cuda.grid(1)] = 0
    """
    return {} if SIMULATED else {"launch_bounds": (threads, blocks)}


@cuda.jit(device=True, inline="always")
def pixel_index(width):
    """(y, x, lane) of a thread in a kernel launched by :func:`pixel_launch`.

    Parameters
    ----------
    width : int
        Of the map, in pixels.

    Returns
    -------
    y, x, lane : int
        y may lie below the map.

    Notes
    -----
    One division.

    Examples
    --------
    Zeros in all channels, the lanes of a pixel side by side::

        from numba import cuda
        from analogy_kernels.device import pixel_index

        @cuda.jit
        def clear(out):
            height, width, channels = out.shape
            y, x, lane = pixel_index(width)
            if y < height:
                for c in range(lane, channels, cuda.blockDim.x):
                    out[y, x, c] = 0
    """
    pixel = cuda.blockIdx.x * PIXELS_PER_BLOCK + cuda.threadIdx.y
    return pixel // width, pixel % width, cuda.threadIdx.x


def load4(array, index):
    """``array[index : index + 4]`` of a vector of floats as a tuple, in one access.

    The place has to be a multiple of four elements' size: so are the starts of device arrays, and
    those of shared ones of float32 declared with an alignment of `FOUR_FLOATS`.

    Parameters
    ----------
    array : float32 or float16 vector
    index : int
        Of the first; there are three more behind it.

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
        Of the first; there are three more behind it.
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


def _configure(kernel, blocks, threads, stream):
    """A CUDA kernel with its launch."""
    with warnings.catch_warnings():
        # Numba warns of grids of few blocks, which are what small maps need.
        warnings.simplefilter("ignore", NumbaPerformanceWarning)
        return kernel[blocks, threads, stream]


# Numba itself keeps fewer launches than a transfer has. In the simulator a kernel knows its last
# launch only.
_configured = _configure if SIMULATED else lru_cache(maxsize=1024)(_configure)


def _blocks(extent, block):
    # Python's integers: CUDA takes no NumPy ones. At least one block, whose threads find nothing to
    # do: CUDA launches none of no blocks.
    return tuple(
        max(int(-(-size // threads)), 1) for size, threads in zip(extent, block, strict=True)
    )
