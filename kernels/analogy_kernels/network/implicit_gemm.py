"""3x3 convolution on CUDA as a tiled matrix product that never builds its patch matrix.

A block computes a rectangle of output pixels for a group of output channels. It walks over the
input channels in chunks: a chunk of the rectangle with its one-pixel rim and of all nine filter
taps lies in shared memory, where every value is read many times. Each thread owns a column of
pixels and some output channels in registers, and keeps the input column of one tap column in
registers too, so that a value fetched once from shared memory serves three taps. The next chunk
travels from global memory into registers while the present one is worked on, and into the other
of two shared buffers afterwards: one barrier a chunk.

Channels come in fours, a chunk's and those of a thread, so that memory is read and written 16
bytes at a time; where a map's channels do not, or it starts at no multiple of 16 bytes, one by one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numba import float32, int64

from analogy_kernels.arguments import address
from analogy_kernels.target import FOUR_FLOATS, SIMULATED, cuda, launch_bounds, load4, store4

# Input channels of a chunk: what one access fetches of a pixel.
CHUNK = 4

# Bytes of such an access, of which a place has to be a multiple.
FOUR = 16


@dataclass(frozen=True)
class Tile:
    """What a block computes: a rectangle of pixels for a group of output channels.

    Attributes
    ----------
    rows, columns : int
        Size of a tile of output pixels. A thread owns one column.
    group : int
        Output channels of the block.
    per_thread : int
        Output channels of a thread, a multiple of four.
    resident : int
        Blocks that a multiprocessor is to hold at a time, which limits a thread's registers.
    """

    rows: int
    columns: int
    group: int
    per_thread: int
    resident: int

    @property
    def lanes(self):
        """Threads that share a column of pixels."""
        return self.group // self.per_thread

    @property
    def threads(self):
        return self.lanes * self.columns

    def blocks(self, height, width, channels):
        return -(-width // self.columns), -(-height // self.rows), -(-channels // self.group)


# For most layers; for maps too small to give every multiprocessor a block of those; and for a
# layer that leads to an image. The simulator runs the same kernel in blocks of a few threads.
if SIMULATED:
    LARGE, SMALL, THIN = Tile(4, 2, 8, 4, 1), Tile(2, 2, 8, 4, 1), Tile(4, 2, 4, 4, 1)
    _MANY_BLOCKS = 4
else:
    LARGE, SMALL, THIN = Tile(8, 16, 64, 8, 3), Tile(4, 16, 64, 8, 4), Tile(8, 64, 4, 4, 6)
    _MANY_BLOCKS = 128


def pack(weights):
    """Lay filters out as the kernels read them: one run of memory for each block and chunk.

    Parameters
    ----------
    weights : float32 array, (3, 3, channels in, channels out)

    Returns
    -------
    float32 array, (groups of channels out * chunks of channels in * 9 * CHUNK * group,)
        Filled up with zeros, so that the kernels load filters without a condition.
    """
    channels_in, channels_out = weights.shape[2:]
    group = _group_of(channels_out)
    chunks, groups = _counts(channels_in, channels_out)
    padded = np.zeros((9, chunks * CHUNK, groups * group), np.float32)
    padded[:, :channels_in, :channels_out] = weights.reshape(9, channels_in, channels_out)
    tiles = padded.reshape(9, chunks, CHUNK, groups, group).transpose(3, 1, 0, 2, 4)
    return np.ascontiguousarray(tiles).ravel()


def packed_shape(channels_in, channels_out):
    """Shape of filters that are laid out by :func:`pack`."""
    chunks, groups = _counts(channels_in, channels_out)
    return (groups * chunks * 9 * CHUNK * _group_of(channels_out),)


def _counts(channels_in, channels_out):
    """Chunks of input channels, and groups of output channels."""
    return -(-channels_in // CHUNK), -(-channels_out // _group_of(channels_out))


def convolve(on, source, mask, filters, bias, floor, out):
    """Convolve `source` where `mask` is positive, add `bias` and clip at `floor`, on a device.

    As :func:`analogy_kernels.network.winograd.convolve`; where there is a floor it is zero.
    """
    tile, channels_in = tile_for(out.shape), source.shape[2]
    is_aligned = channels_in % 4 == 0 and all(map(_is_aligned, (source, mask)))
    read = _read_four if is_aligned else _read_some
    write = _write_four if out.shape[2] % 4 == 0 and _is_aligned(out) else _write_some
    values_at = _unmasked(read) if mask is None else _masked(read)
    start = _no_bias if bias is None else _bias
    finish = _linear if floor is None else _relu
    # Flat, so that a thread addresses a pixel with one number. A kernel takes an array in any case;
    # it reads none that its functions have no use for.
    source = source.reshape(source.size)
    on.launch(
        _convolution(tile, values_at, start, finish, write),
        (tile.blocks(*out.shape), (tile.lanes, tile.columns)),
        source,
        source if mask is None else mask.reshape(mask.size),
        channels_in,
        filters,
        filters if bias is None else bias,
        out.reshape(out.size),
        *out.shape,
    )


def _is_aligned(array):
    """Tell whether four values may be read at once from a map; so it is where there is none."""
    return array is None or address(array) % FOUR == 0


def tile_for(shape):
    """Tile that the kernels use for a result of a shape, (height, width, channels)."""
    if _group_of(shape[2]) == THIN.group:
        return THIN
    return LARGE if math.prod(LARGE.blocks(*shape)) >= _MANY_BLOCKS else SMALL


def _group_of(channels_out):
    """Channels that a block computes, and that filters are packed by."""
    return THIN.group if channels_out <= THIN.group else LARGE.group


@cuda.jit(device=True, inline="always")
def _read_four(array, index, count):
    return load4(array, index)


@cuda.jit(device=True, inline="always")
def _read_some(array, index, count):
    """Four values, zeros beyond the first `count`."""
    zero = np.float32(0)
    first = array[index] if count > 0 else zero
    second = array[index + np.uint64(1)] if count > 1 else zero
    third = array[index + np.uint64(2)] if count > 2 else zero
    fourth = array[index + np.uint64(3)] if count > 3 else zero
    return first, second, third, fourth


@cuda.jit(device=True, inline="always")
def _write_four(array, index, count, values):
    store4(array, index, (values[0], values[1], values[2], values[3]))


@cuda.jit(device=True, inline="always")
def _write_some(array, index, count, values):
    for k in range(4):
        if k < count:
            array[index + np.uint64(k)] = values[k]


@cache
def _unmasked(read):
    @cuda.jit(device=True, inline="always")
    def plain(source, mask, index, count):
        return read(source, index, count)

    return plain


@cache
def _masked(read):
    @cuda.jit(device=True, inline="always")
    def masked(source, mask, index, count):
        value, open_ = read(source, index, count), read(mask, index, count)
        zero = np.float32(0)
        return (
            value[0] if open_[0] > zero else zero,
            value[1] if open_[1] > zero else zero,
            value[2] if open_[2] > zero else zero,
            value[3] if open_[3] > zero else zero,
        )

    return masked


@cuda.jit(device=True, inline="always")
def _bias(bias, channel):
    return bias[channel]


@cuda.jit(device=True, inline="always")
def _no_bias(bias, channel):
    return np.float32(0)


@cuda.jit(device=True, inline="always")
def _relu(value):
    return max(value, np.float32(0))


@cuda.jit(device=True, inline="always")
def _linear(value):
    return value


@cache
def _convolution(tile, values_at, start, finish, write):
    """Kernel for a tile, with the read from the source, what starts and ends a sum, and the write.

    What a thread fetches lies at fixed distances from one place, in global as in shared memory:
    an address for each of its two dozen values would not fit into the registers. Indices are
    unsigned where it matters, because Numba wraps negative ones around, each by itself.

    A thread's channels are fours, each next to those of the threads beside it, so that the eight
    threads that share a column read 128 bytes of filters at once.
    """
    rows, lanes, threads = tile.rows, tile.lanes, tile.threads
    columns, group, per_thread = tile.columns, tile.group, tile.per_thread
    quads = per_thread // 4
    rim_rows, rim_columns = rows + 2, columns + 2
    rim_pixels = rim_rows * rim_columns
    input_values, filter_values = CHUNK * rim_pixels, 9 * CHUNK * group
    two_inputs, two_filters = 2 * input_values, 2 * filter_values
    # A thread fetches every so many pixels of the rectangle with its rim, and fours of filters.
    passes = -(-rim_pixels // threads)
    filter_passes = -(-filter_values // (4 * threads))

    @cuda.jit(device=True, inline="always")
    def fetch_inputs(source, mask, places, channel, channels, values):
        for n in range(passes):
            for k in range(4):
                values[n, k] = np.float32(0)
            if places[n] >= 0:
                values[n, 0], values[n, 1], values[n, 2], values[n, 3] = values_at(
                    source, mask, np.uint64(places[n] + channel), channels - channel
                )

    @cuda.jit(device=True, inline="always")
    def fetch_filters(filters, first, thread, values):
        for n in range(filter_passes):
            place = 4 * (thread + n * threads)
            if place < filter_values:
                values[n, 0], values[n, 1], values[n, 2], values[n, 3] = load4(
                    filters, np.uint64(first + place)
                )

    @cuda.jit(device=True, inline="always")
    def store_inputs(values, thread, inputs, first):
        for n in range(passes):
            pixel = thread + n * threads
            if pixel < rim_pixels:
                for k in range(4):
                    inputs[np.uint64(first + k * rim_pixels + pixel)] = values[n, k]

    @cuda.jit(device=True, inline="always")
    def store_filters(values, thread, weights, first):
        for n in range(filter_passes):
            place = 4 * (thread + n * threads)
            if place < filter_values:
                four = values[n, 0], values[n, 1], values[n, 2], values[n, 3]
                store4(weights, np.uint64(first + place), four)

    @cuda.jit(device=True, inline="always")
    def multiply_chunk(inputs, first_input, weights, first_weight, lane, column, sums):
        pixels = cuda.local.array(rim_rows, float32)
        four = cuda.local.array(4, float32)
        for c in range(CHUNK):
            for j in range(3):
                for row in range(rim_rows):
                    place = first_input + c * rim_pixels + row * rim_columns + column + j
                    pixels[row] = inputs[np.uint64(place)]
                for i in range(3):
                    for quad in range(quads):
                        tap = (3 * i + j) * CHUNK + c
                        place = first_weight + tap * group + 4 * (quad * lanes + lane)
                        four[0], four[1], four[2], four[3] = load4(weights, np.uint64(place))
                        for k in range(4):
                            for row in range(rows):
                                sums[row, 4 * quad + k] += pixels[row + i] * four[k]

    @cuda.jit(cache=True, **launch_bounds(threads, tile.resident))
    def kernel(source, mask, channels_in, filters, bias, out, height, width, channels_out):
        inputs = cuda.shared.array(two_inputs, float32)
        weights = cuda.shared.array(two_filters, float32, alignment=FOUR_FLOATS)
        sums = cuda.local.array((rows, per_thread), float32)
        places = cuda.local.array(passes, int64)
        next_inputs = cuda.local.array((passes, 4), float32)
        next_filters = cuda.local.array((filter_passes, 4), float32)
        values = cuda.local.array(4, float32)

        lane, column = cuda.threadIdx.x, cuda.threadIdx.y
        thread = column * lanes + lane
        left, top = cuda.blockIdx.x * columns, cuda.blockIdx.y * rows
        first_channel = cuda.blockIdx.z * group

        for n in range(passes):
            pixel = thread + n * threads
            y, x = top + pixel // rim_columns - 1, left + pixel % rim_columns - 1
            inside = 0 <= y and y < height and 0 <= x and x < width  # noqa: SIM300
            places[n] = (y * width + x) * channels_in if inside and pixel < rim_pixels else -1
        for quad in range(quads):
            for k in range(4):
                c = min(first_channel + 4 * (quad * lanes + lane) + k, channels_out - 1)
                value = start(bias, np.uint64(c))
                for row in range(rows):
                    sums[row, 4 * quad + k] = value

        chunks = (channels_in + CHUNK - 1) // CHUNK
        filter_place = cuda.blockIdx.z * chunks * filter_values
        fetch_inputs(source, mask, places, 0, channels_in, next_inputs)
        fetch_filters(filters, filter_place, thread, next_filters)
        store_inputs(next_inputs, thread, inputs, 0)
        store_filters(next_filters, thread, weights, 0)
        cuda.syncthreads()

        for chunk in range(chunks):
            now, other = chunk % 2, (chunk + 1) % 2
            more = chunk + 1 < chunks
            if more:
                filter_place += filter_values
                fetch_inputs(source, mask, places, (chunk + 1) * CHUNK, channels_in, next_inputs)
                fetch_filters(filters, filter_place, thread, next_filters)
            multiply_chunk(
                inputs, now * input_values, weights, now * filter_values, lane, column, sums
            )
            if more:
                store_inputs(next_inputs, thread, inputs, other * input_values)
                store_filters(next_filters, thread, weights, other * filter_values)
            cuda.syncthreads()

        x = left + column
        for row in range(rows):
            y = top + row
            for quad in range(quads):
                c = first_channel + 4 * (quad * lanes + lane)
                if y < height and x < width and c < channels_out:
                    for k in range(4):
                        values[k] = finish(sums[row, 4 * quad + k])
                    place = np.uint64((y * width + x) * channels_out + c)
                    write(out, place, channels_out - c, values)

    return kernel
