"""3x3 convolution on the CPU as Winograd's F(4x4, 3x3) with one matrix product per frequency.

Each 4x4 tile of the output comes from the 6x6 tile of the input around it. In the transformed
domain the convolution is 36 independent matrix products (tiles x channels in) @ (channels in x
channels out), a quarter of the direct method's multiplications (Lavin and Gray, "Fast algorithms
for convolutional neural networks", 2016).

Large maps are worked on in blocks of tiles, one block a thread at a time, so that everything a
block needs stays in that thread's caches. Maps of few tiles, which are those with the largest
filters, are worked on frequency by frequency instead, so that the filters are read once.
"""

from __future__ import annotations

import numpy as np
from numba import get_num_threads, get_thread_id, njit, prange
from numba.extending import register_jitable

TILE = 4
PATCH = TILE + 2
FREQUENCIES = PATCH * PATCH

# Most rows of the per-frequency matrix products. Enough that a product reuses the filter it
# streams in, few enough that the block's transforms stay in the caches.
TILES_PER_BLOCK = 128

_FILTER_TRANSFORM = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)


def transform_filter(weights):
    """Winograd transform of 3x3 filters.

    Parameters
    ----------
    weights : float32 array, (3, 3, channels in, channels out)

    Returns
    -------
    float32 array, (36, channels in, channels out)
    """
    g = _FILTER_TRANSFORM.astype(np.float32)
    transformed = np.einsum("ai,ijcd,bj->abcd", g, weights, g, optimize=True)
    return np.ascontiguousarray(transformed.reshape(FREQUENCIES, *weights.shape[2:]), np.float32)


def scratch_elements(channels_in, channels_out):
    """Float32 elements of scratch that a convolution needs, all threads together."""
    return (get_num_threads() + 1) * _thread_elements(channels_in, channels_out)


@register_jitable
def _thread_elements(channels_in, channels_out):
    products = FREQUENCIES * TILES_PER_BLOCK * (channels_in + channels_out)
    return products + 2 * FREQUENCIES * max(channels_in, channels_out)


def convolve(source, mask, filters, bias, scratch, out):
    """Convolve `source` where `mask` is positive; add `bias` and clip at zero.

    Either of `mask` and `bias` may be None, for which Numba compiles a kernel without that part:
    a layer's forward pass has no mask, its backward pass no bias and no clipping.
    """
    height, width = out.shape[:2]
    tiles = -(-height // TILE) * -(-width // TILE)
    if tiles <= TILES_PER_BLOCK:
        _convolve_few_tiles(source, mask, filters, bias, scratch, out)
        return
    # A multiple of the threads, so that none idles at the end.
    threads = get_num_threads()
    blocks = -(-tiles // (TILES_PER_BLOCK * threads)) * threads
    _convolve_blocks(source, mask, filters, bias, scratch, blocks, out)


@njit(parallel=True, cache=True, fastmath=True)
def _convolve_blocks(source, mask, filters, bias, scratch, blocks, out):
    height, width, channels_out = out.shape
    channels_in = source.shape[2]
    columns = (width + TILE - 1) // TILE
    tiles = (height + TILE - 1) // TILE * columns
    for block in prange(blocks):
        first, last = block * tiles // blocks, (block + 1) * tiles // blocks
        spectra, products, patch, half = _partition(
            scratch, get_thread_id(), last - first, channels_in, channels_out
        )
        for tile in range(first, last):
            y, x = tile // columns * TILE, tile % columns * TILE
            _gather(source, mask, y - 1, x - 1, patch)
            _transform_patch(patch, half, spectra[:, tile - first])
        for frequency in range(FREQUENCIES):
            np.dot(spectra[frequency], filters[frequency], products[frequency])
        for tile in range(first, last):
            y, x = tile // columns * TILE, tile % columns * TILE
            _inverse_transform(products[:, tile - first], half, patch)
            _scatter(patch, bias, y, x, out)


@njit(parallel=True, cache=True, fastmath=True)
def _convolve_few_tiles(source, mask, filters, bias, scratch, out):
    height, width, channels_out = out.shape
    channels_in = source.shape[2]
    columns = (width + TILE - 1) // TILE
    tiles = (height + TILE - 1) // TILE * columns
    spectra, products, _, _ = _partition(scratch, 0, tiles, channels_in, channels_out)
    for tile in prange(tiles):
        _, _, patch, half = _partition(scratch, get_thread_id() + 1, 0, channels_in, channels_out)
        y, x = tile // columns * TILE, tile % columns * TILE
        _gather(source, mask, y - 1, x - 1, patch)
        _transform_patch(patch, half, spectra[:, tile])
    for frequency in prange(FREQUENCIES):
        np.dot(spectra[frequency], filters[frequency], products[frequency])
    for tile in prange(tiles):
        _, _, patch, half = _partition(scratch, get_thread_id() + 1, 0, channels_in, channels_out)
        y, x = tile // columns * TILE, tile % columns * TILE
        _inverse_transform(products[:, tile], half, patch)
        _scatter(patch, bias, y, x, out)


@njit(inline="always")
def _partition(scratch, thread, tiles, channels_in, channels_out):
    elements = _thread_elements(channels_in, channels_out)
    own = scratch[thread * elements : (thread + 1) * elements]
    a = FREQUENCIES * tiles * channels_in
    b = a + FREQUENCIES * tiles * channels_out
    channels = max(channels_in, channels_out)
    c = b + FREQUENCIES * channels
    d = c + FREQUENCIES * channels
    spectra = own[:a].reshape(FREQUENCIES, tiles, channels_in)
    products = own[a:b].reshape(FREQUENCIES, tiles, channels_out)
    patch = own[b:c].reshape(PATCH, PATCH, channels)
    half = own[c:d].reshape(PATCH, PATCH, channels)
    return spectra, products, patch, half


@njit(fastmath=True)
def _gather(source, mask, top, left, patch):
    height, width, channels = source.shape
    for i in range(PATCH):
        for j in range(PATCH):
            y, x = top + i, left + j
            if not (0 <= y < height and 0 <= x < width):
                for c in range(channels):
                    patch[i, j, c] = np.float32(0)
            elif mask is None:
                for c in range(channels):
                    patch[i, j, c] = source[y, x, c]
            else:
                for c in range(channels):
                    value = source[y, x, c]
                    patch[i, j, c] = value if mask[y, x, c] > np.float32(0) else np.float32(0)


@njit(fastmath=True)
def _transform_patch(patch, half, spectrum):
    channels = spectrum.shape[1]
    for j in range(PATCH):
        for c in range(channels):
            d0, d1, d2 = patch[0, j, c], patch[1, j, c], patch[2, j, c]
            d3, d4, d5 = patch[3, j, c], patch[4, j, c], patch[5, j, c]
            t0, t1, t2, t3, t4, t5 = _transform_six(d0, d1, d2, d3, d4, d5)
            half[0, j, c], half[1, j, c], half[2, j, c] = t0, t1, t2
            half[3, j, c], half[4, j, c], half[5, j, c] = t3, t4, t5
    for i in range(PATCH):
        f = i * PATCH
        for c in range(channels):
            d0, d1, d2 = half[i, 0, c], half[i, 1, c], half[i, 2, c]
            d3, d4, d5 = half[i, 3, c], half[i, 4, c], half[i, 5, c]
            t0, t1, t2, t3, t4, t5 = _transform_six(d0, d1, d2, d3, d4, d5)
            spectrum[f, c], spectrum[f + 1, c], spectrum[f + 2, c] = t0, t1, t2
            spectrum[f + 3, c], spectrum[f + 4, c], spectrum[f + 5, c] = t3, t4, t5


@njit(inline="always", fastmath=True)
def _transform_six(d0, d1, d2, d3, d4, d5):
    two, four, five = np.float32(2), np.float32(4), np.float32(5)
    even, odd = d4 - four * d2, d3 - four * d1
    even_half, odd_half = d4 - d2, two * (d3 - d1)
    return (
        four * d0 - five * d2 + d4,
        even + odd,
        even - odd,
        even_half + odd_half,
        even_half - odd_half,
        four * d1 - five * d3 + d5,
    )


@njit(fastmath=True)
def _inverse_transform(product, half, patch):
    channels = product.shape[1]
    for j in range(PATCH):
        for c in range(channels):
            m0, m1, m2 = product[j, c], product[PATCH + j, c], product[2 * PATCH + j, c]
            m3, m4 = product[3 * PATCH + j, c], product[4 * PATCH + j, c]
            m5 = product[5 * PATCH + j, c]
            o0, o1, o2, o3 = _inverse_six(m0, m1, m2, m3, m4, m5)
            half[0, j, c], half[1, j, c], half[2, j, c], half[3, j, c] = o0, o1, o2, o3
    for i in range(TILE):
        for c in range(channels):
            m0, m1, m2 = half[i, 0, c], half[i, 1, c], half[i, 2, c]
            m3, m4, m5 = half[i, 3, c], half[i, 4, c], half[i, 5, c]
            o0, o1, o2, o3 = _inverse_six(m0, m1, m2, m3, m4, m5)
            patch[i, 0, c], patch[i, 1, c], patch[i, 2, c], patch[i, 3, c] = o0, o1, o2, o3


@njit(inline="always", fastmath=True)
def _inverse_six(m0, m1, m2, m3, m4, m5):
    two, four, eight = np.float32(2), np.float32(4), np.float32(8)
    near_sum, near_difference = m1 + m2, m1 - m2
    far_sum, far_difference = m3 + m4, m3 - m4
    return (
        m0 + near_sum + far_sum,
        near_difference + two * far_difference,
        near_sum + four * far_sum,
        near_difference + eight * far_difference + m5,
    )


@njit(fastmath=True)
def _scatter(patch, bias, top, left, out):
    height, width, channels = out.shape
    for i in range(min(TILE, height - top)):
        for j in range(min(TILE, width - left)):
            if bias is None:
                for c in range(channels):
                    out[top + i, left + j, c] = patch[i, j, c]
            else:
                for c in range(channels):
                    out[top + i, left + j, c] = max(patch[i, j, c] + bias[c], np.float32(0))
