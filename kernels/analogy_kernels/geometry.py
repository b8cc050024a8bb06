"""How kernels are launched: over elements, over long vectors, over pixels by several threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from analogy_kernels.simulation import SIMULATED, cuda

# Threads that share one pixel's channels in the warp-per-pixel kernels, and pixels per block.
# The simulator runs one Python thread per CUDA thread, so it gets small blocks, and a block of a
# single pixel because it has no warps: there the lanes meet at the block's barriers.
LANES = 4 if SIMULATED else 32
PIXELS_PER_BLOCK = 1 if SIMULATED else 8

# Block of the element-wise kernels, (fastest-running axis, rows).
ELEMENT_BLOCK = (8, 2) if SIMULATED else (64, 4)

# Elements of a row that are no longer counted by 32 bits.
_LONGEST_ROW = 2**32

# Block of the kernels over long vectors, and the most blocks of one launch.
VECTOR_BLOCK = 8 if SIMULATED else 256
VECTOR_BLOCKS = 4 if SIMULATED else 2048


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

    Raises
    ------
    ValueError
        If a row has 2**32 elements or more: kernels divide an element's index by 32 bits.

    Notes
    -----
    Some threads lie outside and have to ask whether they do; on a device blocks are of 64 x 4
    threads.

    Examples
    --------
    >>> from analogy_kernels.launches import element_launch
    >>> (blocks_x, blocks_y), (threads_x, threads_y) = element_launch(480, 640)
    >>> blocks_x * threads_x >= 640, blocks_y * threads_y >= 480
    (True, True)
    """
    if row_length >= _LONGEST_ROW:
        raise ValueError(
            f"a row has {row_length} elements; on a device it has to have fewer than {_LONGEST_ROW}"
        )
    return _blocks((row_length, height), ELEMENT_BLOCK), ELEMENT_BLOCK


def vector_launch(length):
    """Launch of a one-dimensional kernel whose threads stride over the whole grid.

    Parameters
    ----------
    length : int
        Length of the vector.

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
        Most threads of a block.
    blocks : int
        Blocks that a multiprocessor is to run at a time.

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
        Width of the map, in pixels.

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


@cuda.jit(device=True, inline="always")
def place_in_row(index, channels):
    """(x, c) of an element of a row, in a kernel launched by :func:`element_launch`.

    By 32 bits: a division of 64 takes a hundred instructions.
    """
    index, channels = np.uint32(index), np.uint32(channels)
    return np.int64(index // channels), np.int64(index % channels)


def _blocks(extent, block):
    # Python's integers: CUDA takes no NumPy ones. At least one block, whose threads find nothing to
    # do: CUDA launches none of no blocks.
    return tuple(
        max(int(-(-size // threads)), 1) for size, threads in zip(extent, block, strict=True)
    )
