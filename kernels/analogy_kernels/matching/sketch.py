"""Short vectors that bound the inner products of long ones.

A pixel's channel vector is split into its projection onto a few directions, which the maps' own
statistics choose, and what is left. The inner product of two vectors is at most that of their
projections plus the product of the lengths of what is left (Cauchy and Schwarz); so it is at most
the inner product of two *sketches*, each a projection with the length of the rest as one more
channel. A search that looks for the largest inner product need not look at pairs whose sketches
fall short already.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from analogy_kernels.blas import one_thread
from analogy_kernels.network.products import ROWS, multiply, pack
from analogy_kernels.reduction import squared_norm
from analogy_kernels.target import INNER, UNCOUNTED, aligned, target_of

# Channels of a sketch: a multiple of the vector registers' width.
LENGTH = 32

# Channels of maps for which sketches save time: with fewer there is little to save, with more the
# rest is so long that sketches turn down too few. Measured on VGG's levels 1 to 5, of which two
# pairs side by side have 128, 256, 512, 1024 and 1024.
_LEAST_CHANNELS, _MOST_CHANNELS = 4 * LENGTH, 8 * LENGTH

# Pixels of each map that the directions are chosen by.
_SAMPLES = 4096

# Pixels that a thread sketches at a time: what it multiplies is squared out of the cache.
_BLOCK = 16 * ROWS

# Of a square: what rounding may take from the difference of two that are nearly alike.
_ROUNDING = np.float32(1e-6)


def sketches_of(first, second):
    """Sketch two maps whose pixels are to be compared with one another, where that saves time.

    Parameters
    ----------
    first, second : float32 or float16 arrays, (height, width, channels)

    Returns
    -------
    two float32 arrays, (height, width, length)
        ``first[p] @ second[q] <= sketches[0][p] @ sketches[1][q]`` for all pixels p and q, up to
        the rounding of float32. The length is `LENGTH`, or 0 where sketches save nothing, for maps
        of fewer than six pixels, where squares are beyond float32, for float16, and on a device,
        where the statistics would have to be brought to the host.
    """
    is_sketched = (
        not target_of(first, second).is_cuda
        and first.dtype == np.float32
        and _LEAST_CHANNELS <= first.shape[2] <= _MOST_CHANNELS
        and all(features[..., 0].size >= ROWS for features in (first, second))
    )
    if not is_sketched:
        return no_sketches(first, second)
    # BLAS's own threads gain nothing on so few channels, and wait for one another by polling.
    with one_thread():
        basis = _leading_directions([first, second], LENGTH - 1)
    if basis is None:
        return no_sketches(first, second)
    directions = pack(basis[None])[0]
    return tuple(_sketched(features, directions) for features in (first, second))


def _sketched(features, directions):
    out = aligned(np.empty, (*features.shape[:2], LENGTH))
    pixels = features.reshape(-1, features.shape[2])
    _sketch_pixels(pixels, directions, out.reshape(-1, LENGTH))
    return out


def no_sketches(first, second):
    """What kernels take for the sketches of two maps where there are none: no channels."""
    on = target_of(first, second)
    return tuple(on.empty((features.shape[0], 1, 0)) for features in (first, second))


def _leading_directions(maps, count):
    """Orthonormal directions, (channels, count), that hold the most of the maps' squares.

    None where the squares are beyond float32.
    """
    moments = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for features in maps:
            pixels = features.reshape(-1, features.shape[2])
            sample = pixels[:: max(len(pixels) // _SAMPLES, 1)]
            moments = moments + sample.T @ sample
    if not np.isfinite(moments).all():
        return None
    _, basis = np.linalg.eigh(moments)
    return np.ascontiguousarray(basis[:, -count:])


@njit(parallel=True, **UNCOUNTED)
def _sketch_pixels(pixels, directions, sketches):
    """Sketch the pixels of a map, one a row; the directions are laid out for products."""
    whole = pixels.shape[0] // ROWS * ROWS
    for block in prange((whole + _BLOCK - 1) // _BLOCK):
        _sketch_some(pixels, directions, sketches, block * _BLOCK, min((block + 1) * _BLOCK, whole))
    if whole < pixels.shape[0]:
        # Products are of so many rows; those of the last that were there already stay as they are.
        _sketch_some(pixels, directions, sketches, pixels.shape[0] - ROWS, pixels.shape[0])


@njit(**INNER)
def _sketch_some(pixels, directions, sketches, first, end):
    multiply(pixels[first:end], directions, sketches[first:end])
    last = sketches.shape[1] - 1
    for pixel in range(first, end):
        square = squared_norm(pixels[pixel])
        # The last channel is zero yet.
        rest = max(square - squared_norm(sketches[pixel]), np.float32(0))
        sketches[pixel, last] = np.sqrt(rest + _ROUNDING * square)
