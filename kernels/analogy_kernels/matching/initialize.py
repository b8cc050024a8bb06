"""What searches and solvers start from (sections 4.1 and 4.3 of the paper)."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import extents, low_bits, number
from analogy_kernels.geometry import place_in_row
from analogy_kernels.hashing import hash_random, random_below
from analogy_kernels.matching.displacements import Displacements, bounds_of, places_within
from analogy_kernels.target import CPU, UNCOUNTED, Kernel, Result, as_target, cuda, element_launch

# The last stream of a seed, away from those that a search counts from zero.
_STREAM = np.uint32(0xFFFFFFFF)


def random_nnf(
    shape: tuple[int, int],
    other_shape: tuple[int, int],
    seed: int,
    target=CPU,
    *,
    displacements: Displacements | None = None,
) -> Result:
    """Draw every match uniformly from the other map, or from a part of it near the pixel's place.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the map.
    other_shape : (int, int)
        Height and width of the other map.
    seed : int
        Not negative; the same seed gives the same field on every target.
    target : CPU, CUDA or CUDA.on_stream(stream) of `analogy_kernels.target`
        Where the field is made.
    displacements : two pairs of int, optional
        Lowest and highest y of a match less its pixel's, and lowest and highest x, all included:
        ``((-2, 2), (0, 64))``. When absent matches lie anywhere.

    Returns
    -------
    int32 array on `target`, (height, width, 2)
        Positions (y, x) in the other map.

    Raises
    ------
    TypeError
        If a size, the seed or a displacement is no whole number, or `target` no target.
    ValueError
        If a map is empty or has more pixels than an int32 counts, the seed is negative, or
        `displacements` leave a pixel no place.

    Notes
    -----
    Two hashes a pixel, some fifty operations each, and one write. Allocates the
    result and does not wait for a device. The start of PatchMatch (Barnes et al., 2009), section
    4.3 of the paper.

    Examples
    --------
    >>> from analogy_kernels import random_nnf
    >>> nnf = random_nnf((2, 3), (4, 5), seed=0)
    >>> nnf.shape, bool((nnf < (4, 5)).all()), bool((nnf >= 0).all())
    ((2, 3, 2), True, True)
    """
    shape, other_shape = extents("shape", shape), extents("other_shape", other_shape)
    seed = low_bits("seed", seed)
    bounds = bounds_of("displacements", displacements, shape, other_shape)
    nnf = as_target(target).empty((*shape, 2), np.int32)
    target.run(random_nnf_kernel, shape, seed, bounds, *other_shape, nnf)
    return nnf


def identity_nnf(shape: tuple[int, int], other_shape: tuple[int, int], target=CPU) -> Result:
    """Match every pixel with the one at the same place relative to the size of its map.

    Parameters
    ----------
    shape, other_shape, target
        As for :func:`random_nnf`.

    Returns
    -------
    int32 array on `target`, (height, width, 2)
        Positions (y, x) in the other map.

    Raises
    ------
    TypeError
        If a size is no whole number, or `target` no target.
    ValueError
        If a map is empty, or has more pixels than an int32 counts.

    Notes
    -----
    Two divisions of integers a pixel and one write. Allocates the result and does
    not wait for a device.

    Examples
    --------
    >>> from analogy_kernels import identity_nnf
    >>> identity_nnf((1, 2), (2, 4)).tolist()
    [[[1, 1], [1, 3]]]
    """
    shape, other_shape = extents("shape", shape), extents("other_shape", other_shape)
    nnf = as_target(target).empty((*shape, 2), np.int32)
    target.run(identity_nnf_kernel, shape, *other_shape, nnf)
    return nnf


def random_map(shape: tuple[int, int, int], strength: float, seed: int, target=CPU) -> Result:
    """Draw every value of a map from a uniform distribution without sign.

    Parameters
    ----------
    shape : (int, int, int)
        Height, width and channels.
    strength : float
        Root mean square of the values.
    seed : int
        Not negative; the same seed gives the same map on every target.
    target : CPU or CUDA of `analogy_kernels.target`

    Returns
    -------
    float32 array on `target`, of `shape`

    Raises
    ------
    TypeError
        If a size, the strength or the seed is no number, or `target` no target.
    ValueError
        If the map is empty, the strength not finite, or the seed negative.

    Notes
    -----
    One hash a value, some fifty operations, and one write. Allocates the result and
    does not wait for a device. The start of deconvolution, section 4.3 of the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import random_map
    >>> values = random_map((8, 8, 3), 2.0, seed=0)
    >>> bool(0 <= values.min() < values.max() <= 2 * 3**0.5)
    True
    """
    shape, seed = extents("shape", shape, 3), low_bits("seed", seed)
    # Uniform from 0 to r has the mean square r^2 / 3; the bits run to 2^32.
    scale = np.float32(number("strength", strength) * 3**0.5 / 2**32)
    out = as_target(target).empty(shape)
    target.run(random_map_kernel, (shape[0], shape[1] * shape[2]), seed, scale, out)
    return out


@njit(parallel=True, **UNCOUNTED)
def _random_map_cpu(seed, scale, out):
    height, width, channels = out.shape
    for y in prange(height):
        for x in range(width):
            for c in range(channels):
                out[y, x, c] = np.float32(hash_random(seed, _STREAM, y, x, c)) * scale


@cuda.jit(cache=True)
def _random_map_cuda(seed, scale, out):
    index, y = cuda.grid(2)
    height, width, channels = out.shape
    if y < height and index < width * channels:
        x, c = place_in_row(index, channels)
        out[y, x, c] = np.float32(hash_random(seed, _STREAM, y, x, c)) * scale


@njit(parallel=True, **UNCOUNTED)
def _random_nnf_cpu(seed, bounds, other_height, other_width, nnf):
    for y in prange(nnf.shape[0]):
        for x in range(nnf.shape[1]):
            rows = places_within(y, bounds[0], bounds[1], other_height)
            columns = places_within(x, bounds[2], bounds[3], other_width)
            nnf[y, x, 0] = _random_coordinate(seed, y, x, 0, rows)
            nnf[y, x, 1] = _random_coordinate(seed, y, x, 1, columns)


@cuda.jit(cache=True)
def _random_nnf_cuda(seed, bounds, other_height, other_width, nnf):
    x, y = cuda.grid(2)
    if y < nnf.shape[0] and x < nnf.shape[1]:
        rows = places_within(y, bounds[0], bounds[1], other_height)
        columns = places_within(x, bounds[2], bounds[3], other_width)
        nnf[y, x, 0] = _random_coordinate(seed, y, x, 0, rows)
        nnf[y, x, 1] = _random_coordinate(seed, y, x, 1, columns)


@njit(parallel=True, **UNCOUNTED)
def _identity_nnf_cpu(other_height, other_width, nnf):
    height, width = nnf.shape[:2]
    for y in prange(height):
        for x in range(width):
            nnf[y, x, 0] = _proportional_coordinate(y, height, other_height)
            nnf[y, x, 1] = _proportional_coordinate(x, width, other_width)


@cuda.jit(cache=True)
def _identity_nnf_cuda(other_height, other_width, nnf):
    x, y = cuda.grid(2)
    height, width = nnf.shape[:2]
    if y < height and x < width:
        nnf[y, x, 0] = _proportional_coordinate(y, height, other_height)
        nnf[y, x, 1] = _proportional_coordinate(x, width, other_width)


@register_jitable
def _random_coordinate(seed, y, x, axis, places):
    first, last = places
    return first + random_below(hash_random(seed, _STREAM, y, x, axis), last - first + 1)


@register_jitable
def _proportional_coordinate(position, extent, other_extent):
    # Pixel centres correspond: (position + 1/2) / extent of the way, in whole numbers.
    return (2 * position + 1) * other_extent // (2 * extent)


#: Kernel of :func:`analogy_kernels.random_nnf`. Extents: height, width.
random_nnf_kernel = Kernel(_random_nnf_cpu, _random_nnf_cuda, element_launch)
#: Kernel of :func:`analogy_kernels.identity_nnf`. Extents: height, width.
identity_nnf_kernel = Kernel(_identity_nnf_cpu, _identity_nnf_cuda, element_launch)
#: Kernel of :func:`analogy_kernels.random_map`. Extents: height, width * channels.
random_map_kernel = Kernel(_random_map_cpu, _random_map_cuda, element_launch)
