"""Where an array lives, and how kernels are launched there.

The only module of the project that imports ``numba.cuda``. A *target* is the CPU (NumPy arrays,
kernels under ``numba.njit``) or a CUDA device (Numba device arrays, kernels under
``numba.cuda.jit``). Public functions of this package ask :func:`target_of` which one their
arguments live on and never move data from one to the other.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import config, cuda, types
from numba.cuda.cudadrv.driver import device_memset

SIMULATED = bool(config.ENABLE_CUDASIM)
if not SIMULATED:
    from numba.cuda.extending import intrinsic

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


class CPU:
    """NumPy arrays in host memory."""

    name = "cpu"
    is_cuda = False

    @staticmethod
    def empty(shape, dtype=np.float32):
        return np.empty(shape, dtype)

    @staticmethod
    def zeros(shape, dtype=np.float32):
        return np.zeros(shape, dtype)

    @staticmethod
    def asarray(host_array):
        return np.ascontiguousarray(host_array)

    @staticmethod
    def to_host(array):
        return array


class CUDA:
    """Contiguous Numba device arrays on the current CUDA device."""

    name = "cuda"
    is_cuda = True

    @staticmethod
    def empty(shape, dtype=np.float32):
        return cuda.device_array(shape, dtype)

    @staticmethod
    def zeros(shape, dtype=np.float32):
        # Filled where it lies: nothing travels from the host.
        array = cuda.device_array(shape, dtype)
        device_memset(array, 0, array.nbytes)
        return array

    @staticmethod
    def asarray(host_array):
        return cuda.to_device(np.ascontiguousarray(host_array))

    @staticmethod
    def to_host(array):
        return array.copy_to_host()

    @staticmethod
    def free_memory():
        """Bytes that the device has left."""
        return cuda.current_context().get_memory_info().free


def target_of(*arrays):
    """Target on which all `arrays` live.

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


def element_launch(height, row_length):
    """Launch of a kernel with one thread per element, ``cuda.grid(2) -> (index in row, y)``."""
    return _blocks((row_length, height), ELEMENT_BLOCK), ELEMENT_BLOCK


def vector_launch(length):
    """Launch of a one-dimensional kernel whose threads stride over the whole grid."""
    return min(-(-length // VECTOR_BLOCK), VECTOR_BLOCKS), VECTOR_BLOCK


def pixel_launch(height, width):
    """Launch of a kernel that gives ``LANES`` threads to every pixel.

    ``threadIdx.x`` is the lane, ``threadIdx.y`` the pixel in the block; see :func:`pixel_index`.
    """
    return _blocks((height * width,), (PIXELS_PER_BLOCK,)), (LANES, PIXELS_PER_BLOCK)


def launch_bounds(threads, blocks):
    """Options of ``cuda.jit`` for a kernel of which a multiprocessor is to run so many blocks.

    The compiler then spends no more registers on a thread than let them; the simulator, which has
    none, does not know the option.
    """
    return {} if SIMULATED else {"launch_bounds": (threads, blocks)}


@cuda.jit(device=True, inline="always")
def pixel_index(width):
    """(y, x, lane) of a thread in a kernel launched by :func:`pixel_launch`."""
    pixel = cuda.blockIdx.x * PIXELS_PER_BLOCK + cuda.threadIdx.y
    return pixel // width, pixel % width, cuda.threadIdx.x


if SIMULATED:

    def load4(array, index):
        return array[index], array[index + 1], array[index + 2], array[index + 3]

    def store4(array, index, values):
        for k in range(4):
            array[index + k] = values[k]

else:

    @intrinsic
    def load4(typing_context, array, index):
        """``array[index : index + 4]`` of a float32 vector as a tuple, in one access of 16 bytes.

        The place has to be a multiple of 16 bytes: so are the starts of device arrays, and those of
        shared ones declared with an alignment of `FOUR_FLOATS`.
        """

        def generate(context, builder, signature, arguments):
            place = _address_of_four(context, builder, signature, arguments)
            four = builder.load(place, align=16)
            values = [builder.extract_element(four, ir.IntType(32)(k)) for k in range(4)]
            return context.make_tuple(builder, signature.return_type, values)

        return types.UniTuple(types.float32, 4)(array, index), generate

    @intrinsic
    def store4(typing_context, array, index, values):
        """Write a tuple of four to a float32 vector in one access; see :func:`load4`."""

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
    return builder.bitcast(place, ir.VectorType(ir.FloatType(), 4).as_pointer())


def _blocks(extent, block):
    return tuple(-(-size // threads) for size, threads in zip(extent, block, strict=True))
