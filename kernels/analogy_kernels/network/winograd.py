"""3x3 convolution on the CPU as Winograd's F(4x4, 3x3) with one matrix product per frequency.

Each 4x4 tile of the output comes from the 6x6 tile of the input around it. In the transformed
domain the convolution is 36 independent matrix products (tiles x channels in) @ (channels in x
channels out), a quarter of the direct method's multiplications (Lavin and Gray, "Fast algorithms
for convolutional neural networks", 2016).

Large maps are worked on in blocks of tiles, one block a thread at a time, so that everything a
block needs stays in that thread's caches. Maps of few tiles, which are those with the largest
filters, are worked on frequency by frequency instead, so that the filters are read once. The
products are :mod:`analogy_kernels.network.products`'s: a BLAS would lay the filters out anew for
each block.
"""

from __future__ import annotations

import numpy as np
from numba import get_num_threads, get_thread_id, njit, prange
from numba.extending import register_jitable

from analogy_kernels.network.products import COLUMNS, ROWS, multiply, pack, panels_of
from analogy_kernels.target import INNER

TILE = 4
PATCH = TILE + 2
FREQUENCIES = PATCH * PATCH

# Channels that are transformed at a time: a tile of them stays in the first cache. Its pixels lie
# in scratch this far apart: at a fixed distance the compiler knows that they do not overlap and
# makes vector code.
CHANNELS = 64
ROW = PATCH * CHANNELS
TILE_ELEMENTS = PATCH * ROW

# Most tiles of a map that is worked on frequency by frequency.
FEW_TILES = 288

# Tiles of a block, by the channels in and out together: with few channels a block and its products
# stay in the second cache, with many each value of the filters is used often enough.
FEW_CHANNELS = 256
TILES_PER_BLOCK_OF_FEW_CHANNELS = 24
TILES_PER_BLOCK = 192

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
# Along y and x at once: of the nine taps, run together, into the frequencies.
_FILTER_TRANSFORM_2D = np.kron(_FILTER_TRANSFORM, _FILTER_TRANSFORM).astype(np.float32)


def transform_filter(weights):
    """Winograd transform of 3x3 filters.

    Parameters
    ----------
    weights : float32 array, (3, 3, channels in, channels out)

    Returns
    -------
    float32 array, (36, panels, channels in, columns of a panel)
        A matrix for each frequency, laid out by :func:`analogy_kernels.network.products.pack`.
    """
    taps = weights.reshape(-1, weights.shape[2] * weights.shape[3])
    return pack((_FILTER_TRANSFORM_2D @ taps).reshape(FREQUENCIES, *weights.shape[2:]))


def filter_shape(channels_in, channels_out):
    """Shape of filters that :func:`transform_filter` makes."""
    return FREQUENCIES, panels_of(channels_out), channels_in, COLUMNS


def scratch_elements(channels_in, channels_out):
    """Float32 elements of scratch that a convolution needs, all threads together."""
    threads = get_num_threads()
    block = _block_elements(_tiles_per_block(channels_in, channels_out), channels_in, channels_out)
    few = _block_elements(FEW_TILES, channels_in, channels_out)
    return max(few, threads * block) + threads * 2 * TILE_ELEMENTS


def _tiles_per_block(channels_in, channels_out):
    few = channels_in + channels_out <= FEW_CHANNELS
    return TILES_PER_BLOCK_OF_FEW_CHANNELS if few else TILES_PER_BLOCK


@register_jitable
def _block_elements(tiles, channels_in, channels_out):
    """Elements that the spectra of some tiles and their products take."""
    columns = -(-channels_out // COLUMNS) * COLUMNS
    return FREQUENCIES * _whole_rows(tiles) * (channels_in + columns)


@register_jitable
def _whole_rows(tiles):
    """Rows of products for so many tiles: what is beyond them is worked out and left."""
    return -(-tiles // ROWS) * ROWS


def convolve(source, mask, filters, bias, floor, scratch, out):
    """Convolve `source` where `mask` is positive; add `bias` and clip at `floor`.

    Each of `mask`, `bias` and `floor` may be None: a layer's forward pass has no mask, its backward
    pass no bias and no clipping. All are one compiled kernel, which is told what counts: compiling
    it takes seconds.
    """
    is_masked, is_clipped = mask is not None, floor is not None
    mask = mask if is_masked else source
    bias = bias if bias is not None else np.zeros(out.shape[2], np.float32)
    floor = floor if is_clipped else np.float32(0)
    arguments = source, mask, is_masked, filters, bias, is_clipped, floor, scratch, out
    threads = get_num_threads()
    height, width = out.shape[:2]
    tiles = -(-height // TILE) * -(-width // TILE)
    if tiles <= FEW_TILES:
        _convolve_few_tiles(*arguments, threads)
        return
    most = _tiles_per_block(source.shape[2], out.shape[2])
    # A multiple of the threads, so that none idles at the end.
    _convolve_blocks(*arguments, threads, -(-tiles // (most * threads)) * threads)


@njit(parallel=True, cache=True, fastmath=True)
def _convolve_blocks(
    source, mask, is_masked, filters, bias, is_clipped, floor, scratch, out, threads, blocks
):
    height, width, channels_out = out.shape
    channels_in = source.shape[2]
    columns = (width + TILE - 1) // TILE
    tiles = (height + TILE - 1) // TILE * columns
    own = scratch.size // threads
    for block in prange(blocks):
        first, last = block * tiles // blocks, (block + 1) * tiles // blocks
        begin = get_thread_id() * own
        patch, half = _tile_scratch(scratch, begin)
        spectra, products = _block_scratch(
            scratch, begin + 2 * TILE_ELEMENTS, last - first, channels_in, channels_out
        )
        for tile in range(first, last):
            y, x = tile // columns * TILE - 1, tile % columns * TILE - 1
            _transform_tile(source, mask, is_masked, y, x, patch, half, spectra, tile - first)
        for frequency in range(FREQUENCIES):
            multiply(spectra[frequency], filters[frequency], products[frequency])
        for tile in range(first, last):
            y, x, row = tile // columns * TILE, tile % columns * TILE, tile - first
            _inverse_transform_tile(products, row, half, patch, bias, is_clipped, floor, y, x, out)


@njit(parallel=True, cache=True, fastmath=True)
def _convolve_few_tiles(
    source, mask, is_masked, filters, bias, is_clipped, floor, scratch, out, threads
):
    height, width, channels_out = out.shape
    channels_in = source.shape[2]
    columns = (width + TILE - 1) // TILE
    tiles = (height + TILE - 1) // TILE * columns
    shared = threads * 2 * TILE_ELEMENTS
    spectra, products = _block_scratch(scratch, shared, tiles, channels_in, channels_out)
    for tile in prange(tiles):
        patch, half = _tile_scratch(scratch, get_thread_id() * 2 * TILE_ELEMENTS)
        y, x = tile // columns * TILE - 1, tile % columns * TILE - 1
        _transform_tile(source, mask, is_masked, y, x, patch, half, spectra, tile)
    for frequency in prange(FREQUENCIES):
        multiply(spectra[frequency], filters[frequency], products[frequency])
    for tile in prange(tiles):
        patch, half = _tile_scratch(scratch, get_thread_id() * 2 * TILE_ELEMENTS)
        y, x = tile // columns * TILE, tile % columns * TILE
        _inverse_transform_tile(products, tile, half, patch, bias, is_clipped, floor, y, x, out)


@njit(inline="always")
def _tile_scratch(scratch, begin):
    patch = scratch[begin : begin + TILE_ELEMENTS]
    return patch, scratch[begin + TILE_ELEMENTS : begin + 2 * TILE_ELEMENTS]


@njit(inline="always")
def _block_scratch(scratch, begin, tiles, channels_in, channels_out):
    rows = _whole_rows(tiles)
    columns = -(-channels_out // COLUMNS) * COLUMNS
    middle = begin + FREQUENCIES * rows * channels_in
    end = middle + FREQUENCIES * rows * columns
    spectra = scratch[begin:middle].reshape(FREQUENCIES, rows, channels_in)
    return spectra, scratch[middle:end].reshape(FREQUENCIES, rows, columns)


@njit(fastmath=True, **INNER)
def _transform_tile(source, mask, is_masked, top, left, patch, half, spectra, tile):
    """Transform the 6x6 pixels from (top, left) on into row `tile` of the spectra."""
    height, width, channels = source.shape
    inside = top >= 0 and top + PATCH <= height and left >= 0 and left + PATCH <= width
    values, masks = source.reshape(source.size), mask.reshape(mask.size)
    out = spectra.reshape(spectra.size)
    pitch = spectra.shape[1] * channels
    for first in range(0, channels, CHANNELS):
        count = min(CHANNELS, channels - first)
        at = (top * width + left) * channels + first
        if inside and not is_masked:
            _transform_columns(values, at, width * channels, channels, count, half)
        elif inside:
            _transform_masked(values, masks, at, width * channels, channels, count, half)
        else:
            _gather(source, mask, is_masked, top, left, first, count, patch)
            _transform_columns(patch, 0, PATCH * CHANNELS, CHANNELS, count, half)
        _transform_rows(half, out, tile * channels + first, pitch, count)


@njit(fastmath=True, **INNER)
def _inverse_transform_tile(products, tile, half, patch, bias, is_clipped, floor, top, left, out):
    """Turn row `tile` of the products into the 4x4 pixels from (top, left) on."""
    channels, columns = out.shape[2], products.shape[2]
    values = products.reshape(products.size)
    pitch = products.shape[1] * columns
    for first in range(0, channels, CHANNELS):
        count = min(CHANNELS, channels - first)
        _inverse_columns(values, tile * columns + first, pitch, count, half)
        _inverse_rows(half, count, patch)
        _scatter(patch, bias, is_clipped, floor, top, left, first, count, out)


# Places in memory are unsigned below: for signed ones Numba would test each for a negative index,
# and the compiler could not make vectors of the loops.


@njit(fastmath=True, **INNER)
def _gather(source, mask, is_masked, top, left, first, count, patch):
    """Fetch a patch that the border cuts or the mask punches, with zeros there."""
    height, width, channels = source.shape
    values, masks = source.reshape(source.size), mask.reshape(mask.size)
    for i in range(PATCH):
        for j in range(PATCH):
            y, x = top + i, left + j
            to = np.uintp(i * ROW + j * CHANNELS)
            if not (0 <= y < height and 0 <= x < width):
                _clear(count, patch, to)
                continue
            at = np.uintp((y * width + x) * channels + first)
            if not is_masked:
                _copy(values, at, count, patch, to)
            else:
                _copy_masked(values, masks, at, count, patch, to)


@njit(fastmath=True, **INNER)
def _clear(count, out, to):
    for c in range(count):
        out[to + np.uintp(c)] = np.float32(0)


@njit(fastmath=True, **INNER)
def _copy(values, at, count, out, to):
    for channel in range(count):
        c = np.uintp(channel)
        out[to + c] = values[at + c]


@njit(fastmath=True, **INNER)
def _copy_masked(values, mask, at, count, out, to):
    for channel in range(count):
        c = np.uintp(channel)
        value = values[at + c]
        out[to + c] = value if mask[at + c] > np.float32(0) else np.float32(0)


@njit(fastmath=True, **INNER)
def _transform_columns(values, at, row_pitch, pixel_pitch, count, half):
    for j in range(PATCH):
        i0 = np.uintp(at + j * pixel_pitch)
        i1 = i0 + np.uintp(row_pitch)
        i2 = i1 + np.uintp(row_pitch)
        i3 = i2 + np.uintp(row_pitch)
        i4 = i3 + np.uintp(row_pitch)
        i5 = i4 + np.uintp(row_pitch)
        o = np.uintp(j * CHANNELS)
        for channel in range(count):
            c = np.uintp(channel)
            t0, t1, t2, t3, t4, t5 = _transform_six(
                values[i0 + c],
                values[i1 + c],
                values[i2 + c],
                values[i3 + c],
                values[i4 + c],
                values[i5 + c],
            )
            half[o + c] = t0
            half[o + c + np.uintp(1 * ROW)] = t1
            half[o + c + np.uintp(2 * ROW)] = t2
            half[o + c + np.uintp(3 * ROW)] = t3
            half[o + c + np.uintp(4 * ROW)] = t4
            half[o + c + np.uintp(5 * ROW)] = t5


@njit(fastmath=True, **INNER)
def _transform_masked(values, mask, at, row_pitch, pixel_pitch, count, half):
    """As :func:`_transform_columns` where the mask is positive."""
    for j in range(PATCH):
        i0 = np.uintp(at + j * pixel_pitch)
        i1 = i0 + np.uintp(row_pitch)
        i2 = i1 + np.uintp(row_pitch)
        i3 = i2 + np.uintp(row_pitch)
        i4 = i3 + np.uintp(row_pitch)
        i5 = i4 + np.uintp(row_pitch)
        o = np.uintp(j * CHANNELS)
        for channel in range(count):
            c = np.uintp(channel)
            t0, t1, t2, t3, t4, t5 = _transform_six(
                _where_positive(values[i0 + c], mask[i0 + c]),
                _where_positive(values[i1 + c], mask[i1 + c]),
                _where_positive(values[i2 + c], mask[i2 + c]),
                _where_positive(values[i3 + c], mask[i3 + c]),
                _where_positive(values[i4 + c], mask[i4 + c]),
                _where_positive(values[i5 + c], mask[i5 + c]),
            )
            half[o + c] = t0
            half[o + c + np.uintp(1 * ROW)] = t1
            half[o + c + np.uintp(2 * ROW)] = t2
            half[o + c + np.uintp(3 * ROW)] = t3
            half[o + c + np.uintp(4 * ROW)] = t4
            half[o + c + np.uintp(5 * ROW)] = t5


@njit(inline="always", fastmath=True)
def _where_positive(value, open_):
    return value if open_ > np.float32(0) else np.float32(0)


@njit(fastmath=True, **INNER)
def _transform_rows(half, out, at, pitch, count):
    for i in range(PATCH):
        o0 = np.uintp(at + i * PATCH * pitch)
        o1 = o0 + np.uintp(pitch)
        o2 = o1 + np.uintp(pitch)
        o3 = o2 + np.uintp(pitch)
        o4 = o3 + np.uintp(pitch)
        o5 = o4 + np.uintp(pitch)
        d = np.uintp(i * ROW)
        for channel in range(count):
            c = np.uintp(channel)
            t0, t1, t2, t3, t4, t5 = _transform_six(
                half[d + c],
                half[d + c + np.uintp(1 * CHANNELS)],
                half[d + c + np.uintp(2 * CHANNELS)],
                half[d + c + np.uintp(3 * CHANNELS)],
                half[d + c + np.uintp(4 * CHANNELS)],
                half[d + c + np.uintp(5 * CHANNELS)],
            )
            out[o0 + c], out[o1 + c], out[o2 + c] = t0, t1, t2
            out[o3 + c], out[o4 + c], out[o5 + c] = t3, t4, t5


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


@njit(fastmath=True, **INNER)
def _inverse_columns(products, at, pitch, count, half):
    for j in range(PATCH):
        i0 = np.uintp(at + j * pitch)
        i1 = i0 + np.uintp(PATCH * pitch)
        i2 = i1 + np.uintp(PATCH * pitch)
        i3 = i2 + np.uintp(PATCH * pitch)
        i4 = i3 + np.uintp(PATCH * pitch)
        i5 = i4 + np.uintp(PATCH * pitch)
        o = np.uintp(j * CHANNELS)
        for channel in range(count):
            c = np.uintp(channel)
            t0, t1, t2, t3 = _inverse_six(
                products[i0 + c],
                products[i1 + c],
                products[i2 + c],
                products[i3 + c],
                products[i4 + c],
                products[i5 + c],
            )
            half[o + c] = t0
            half[o + c + np.uintp(1 * ROW)] = t1
            half[o + c + np.uintp(2 * ROW)] = t2
            half[o + c + np.uintp(3 * ROW)] = t3


@njit(fastmath=True, **INNER)
def _inverse_rows(half, count, patch):
    for i in range(TILE):
        d = np.uintp(i * ROW)
        for channel in range(count):
            c = np.uintp(channel)
            t0, t1, t2, t3 = _inverse_six(
                half[d + c],
                half[d + c + np.uintp(1 * CHANNELS)],
                half[d + c + np.uintp(2 * CHANNELS)],
                half[d + c + np.uintp(3 * CHANNELS)],
                half[d + c + np.uintp(4 * CHANNELS)],
                half[d + c + np.uintp(5 * CHANNELS)],
            )
            patch[d + c] = t0
            patch[d + c + np.uintp(1 * CHANNELS)] = t1
            patch[d + c + np.uintp(2 * CHANNELS)] = t2
            patch[d + c + np.uintp(3 * CHANNELS)] = t3


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


@njit(fastmath=True, **INNER)
def _scatter(patch, bias, is_clipped, floor, top, left, first, count, out):
    """Write the pixels of a tile that lie in the map, after bias and perhaps clipping."""
    height, width, channels = out.shape
    values = out.reshape(out.size)
    for i in range(min(TILE, height - top)):
        for j in range(min(TILE, width - left)):
            at = np.uintp(i * ROW + j * CHANNELS)
            to = np.uintp(((top + i) * width + left + j) * channels + first)
            if not is_clipped:
                _copy_biased(patch, at, bias, np.uintp(first), count, values, to)
            else:
                _copy_clipped(patch, at, bias, floor, np.uintp(first), count, values, to)


@njit(fastmath=True, **INNER)
def _copy_biased(values, at, bias, first, count, out, to):
    for channel in range(count):
        c = np.uintp(channel)
        out[to + c] = values[at + c] + bias[first + c]


@njit(fastmath=True, **INNER)
def _copy_clipped(values, at, bias, floor, first, count, out, to):
    for channel in range(count):
        c = np.uintp(channel)
        out[to + c] = max(values[at + c] + bias[first + c], floor)
