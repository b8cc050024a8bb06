"""Where an array lives, and how kernels are launched there.

The only module of the project that imports ``numba.cuda``. A *target* is the CPU (NumPy arrays,
kernels under ``numba.njit``) or a CUDA device (Numba device arrays, kernels under
``numba.cuda.jit``). Public functions of this package ask :func:`target_of` which one their
arguments live on and never move data from one to the other.
"""

from __future__ import annotations

import numpy as np
from numba import config, cuda
from numba.cuda.cudadrv.driver import device_memset

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


@cuda.jit(device=True, inline="always")
def pixel_index(width):
    """(y, x, lane) of a thread in a kernel launched by :func:`pixel_launch`."""
    pixel = cuda.blockIdx.x * PIXELS_PER_BLOCK + cuda.threadIdx.y
    return pixel // width, pixel % width, cuda.threadIdx.x


def _blocks(extent, block):
    return tuple(-(-size // threads) for size, threads in zip(extent, block, strict=True))
