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

from analogy_kernels.network.products import COLUMNS, ROWS, multiply, panels_of
from analogy_kernels.network.winograd_tiles import (
    MASKED,
    PATCH,
    PLAIN,
    POOLED,
    TILE,
    TILE_ELEMENTS,
    UNPOOLED,
    WHOLE,
    inverse_transform_tile,
    transform_taps,
    transform_tile,
)
from analogy_kernels.simd import WIDTH, whole
from analogy_kernels.target import UNCOUNTED, aligned

FREQUENCIES = PATCH * PATCH

# Most tiles of a map that is worked on frequency by frequency.
FEW_TILES = 288

# Tiles of a block, by the channels in and out together: with few channels a block and its products
# stay in the second cache, with many each value of the filters is used often enough.
FEW_CHANNELS = 256
TILES_PER_BLOCK_OF_FEW_CHANNELS = 24
TILES_PER_BLOCK = 192


def transform_filter(weights):
    """Winograd transform of 3x3 filters.

    Parameters
    ----------
    weights : float32 array, (3, 3, channels in, channels out)

    Returns
    -------
    float32 array, (36, panels, channels in, columns of a panel)
        A matrix for each frequency, laid out as by :func:`analogy_kernels.network.products.pack`;
        channels in are filled up to whole vectors by zeros.
    """
    channels_in, channels_out = weights.shape[2:]
    out = aligned(np.empty, filter_shape(channels_in, channels_out))
    _transform_filters(weights, out)
    return out


@njit(parallel=True, fastmath=True, **UNCOUNTED)
def _transform_filters(weights, out):
    _, panels, depth, columns = out.shape
    _, _, channels_in, channels_out = weights.shape
    taps, spectra = weights.reshape(-1), out.reshape(-1)
    # New memory takes longer to get than to fill, and two threads get it in half the time.
    for group in prange(panels * depth // WIDTH):
        panel, first = group // (depth // WIDTH), group % (depth // WIDTH) * WIDTH
        for row in range(first, first + WIDTH):
            for column in range(0, columns, WIDTH):
                begin = panel * columns + column
                count = channels_out - begin if row < channels_in else 0
                at = row * channels_out + begin
                to = (panel * depth + row) * columns + column
                transform_taps(
                    taps,
                    at,
                    channels_in * channels_out,
                    count,
                    spectra,
                    to,
                    panels * depth * columns,
                )


def filter_shape(channels_in, channels_out):
    """Shape of filters that :func:`transform_filter` makes."""
    return FREQUENCIES, panels_of(channels_out), whole(channels_in), COLUMNS


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
    return FREQUENCIES * _whole_rows(tiles) * (whole(channels_in) + columns)


@register_jitable
def _whole_rows(tiles):
    """Rows of products for so many tiles: what is beyond them is worked out and left."""
    return -(-tiles // ROWS) * ROWS


def convolve(source, mask, filters, bias, floor, scratch, out):
    """Convolve `source` where `mask` is positive; add `bias` and clip at `floor`.

    Each of `mask`, `bias` and `floor` may be None: a layer's forward pass has no mask, its backward
    pass no bias and no clipping.
    """
    reading = PLAIN if mask is None else MASKED
    lowest = _LOWEST if floor is None else floor
    mask = source if mask is None else mask
    bias = np.zeros(out.shape[2], np.float32) if bias is None else bias
    read, written = (source, mask, _NOWHERE, reading), (bias, WHOLE, lowest, out, _NOWHERE)
    _convolve(read, filters, scratch, written, out.shape[:2])


def convolve_and_pool(source, filters, bias, floor, scratch, out, argmax):
    """Convolve `source`, add `bias`, clip at `floor`, and take the maximum of each 2x2 window."""
    read, written = (source, source, _NOWHERE, PLAIN), (bias, POOLED, floor, out, argmax)
    _convolve(read, filters, scratch, written, source.shape[:2])


def convolve_unpooled(gradient, pooled, argmax, filters, scratch, out):
    """Convolve the map that is zero but at the maxima of 2x2 windows, where those are positive."""
    bias = np.zeros(out.shape[2], np.float32)
    written = bias, WHOLE, _LOWEST, out, _NOWHERE
    _convolve((gradient, pooled, argmax, UNPOOLED), filters, scratch, written, out.shape[:2])


# What clips nothing: an infinity is nothing that fast arithmetic may be given.
_LOWEST = np.finfo(np.float32).min

# Stands for the maxima of maps that are not pooled.
_NOWHERE = np.zeros((0, 0, 0), np.uint8)


def _convolve(read, filters, scratch, written, shape):
    """All passes are one compiled kernel, which is told what counts: compiling takes seconds."""
    threads = get_num_threads()
    arguments = *read, filters, *written, *shape, scratch, threads
    tiles = -(-shape[0] // TILE) * -(-shape[1] // TILE)
    if tiles <= FEW_TILES:
        _convolve_few_tiles(*arguments)
        return
    most = _tiles_per_block(read[0].shape[2], written[3].shape[2])
    # A multiple of the threads, so that none idles at the end.
    _convolve_blocks(*arguments, -(-tiles // (most * threads)) * threads)


@njit(parallel=True, fastmath=True, **UNCOUNTED)
def _convolve_blocks(
    source,
    mask,
    maxima,
    reading,
    filters,
    bias,
    writing,
    lowest,
    out,
    argmax,
    height,
    width,
    scratch,
    threads,
    blocks,
):
    depth, channels_out = filters.shape[2], out.shape[2]
    columns = (width + TILE - 1) // TILE
    tiles = (height + TILE - 1) // TILE * columns
    own = scratch.size // threads
    for block in prange(blocks):
        first, last = block * tiles // blocks, (block + 1) * tiles // blocks
        begin = get_thread_id() * own
        patch, half = _tile_scratch(scratch, begin)
        spectra, products = _block_scratch(
            scratch, begin + 2 * TILE_ELEMENTS, last - first, depth, channels_out
        )
        for tile in range(first, last):
            y, x, row = tile // columns * TILE - 1, tile % columns * TILE - 1, tile - first
            transform_tile(
                source, mask, maxima, reading, height, width, y, x, patch, half, spectra, row
            )
        for frequency in range(FREQUENCIES):
            multiply(spectra[frequency], filters[frequency], products[frequency])
        for tile in range(first, last):
            y, x, row = tile // columns * TILE, tile % columns * TILE, tile - first
            inverse_transform_tile(
                products, row, half, bias, writing, lowest, height, width, y, x, out, argmax
            )


@njit(parallel=True, fastmath=True, **UNCOUNTED)
def _convolve_few_tiles(
    source,
    mask,
    maxima,
    reading,
    filters,
    bias,
    writing,
    lowest,
    out,
    argmax,
    height,
    width,
    scratch,
    threads,
):
    depth, channels_out = filters.shape[2], out.shape[2]
    columns = (width + TILE - 1) // TILE
    tiles = (height + TILE - 1) // TILE * columns
    shared = threads * 2 * TILE_ELEMENTS
    spectra, products = _block_scratch(scratch, shared, tiles, depth, channels_out)
    for tile in prange(tiles):
        patch, half = _tile_scratch(scratch, get_thread_id() * 2 * TILE_ELEMENTS)
        # As in blocks of tiles, of which the functions are then taken.
        place = np.int64(tile)
        y, x = place // columns * TILE - 1, place % columns * TILE - 1
        transform_tile(
            source, mask, maxima, reading, height, width, y, x, patch, half, spectra, place
        )
    for frequency in prange(FREQUENCIES):
        multiply(spectra[frequency], filters[frequency], products[frequency])
    for tile in prange(tiles):
        patch, half = _tile_scratch(scratch, get_thread_id() * 2 * TILE_ELEMENTS)
        place = np.int64(tile)
        y, x = place // columns * TILE, place % columns * TILE
        inverse_transform_tile(
            products, place, half, bias, writing, lowest, height, width, y, x, out, argmax
        )


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
