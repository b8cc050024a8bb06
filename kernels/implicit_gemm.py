"""3x3 convolution on CUDA as a tiled matrix product that never builds its patch matrix.

A block computes a rectangle of output pixels for a group of output channels. It walks over the
input channels in chunks: a chunk of the rectangle with its one-pixel rim and of all nine filter
taps lies in shared memory, where every value is read many times. Each thread owns a column of
pixels and a few output channels in registers, and keeps the input column of one tap column in
registers too, so that a value fetched once from shared memory serves three taps. The next chunk
travels from global memory into registers while the present one is worked on, and into the other
of two shared buffers afterwards: one barrier a chunk.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import float32, int64

from kernels.target import SIMULATED, cuda

# Output rectangle of a block (pixels), output channels of a block, input channels of a chunk, and
# output channels of a thread. The simulator runs the same kernel with blocks of a few threads.
if SIMULATED:
    ROWS, COLUMNS, GROUP, CHUNK, PER_THREAD = 2, 4, 4, 2, 2
else:
    ROWS, COLUMNS, GROUP, CHUNK, PER_THREAD = 8, 16, 64, 8, 4


def pack(weights):
    """Lay filters out as the kernels read them: one run of memory for each block and chunk.

    Parameters
    ----------
    weights : float32 array, (3, 3, channels in, channels out)

    Returns
    -------
    float32 array, (groups of channels out, chunks of channels in, 9 * CHUNK * GROUP)
        Filled up with zeros, so that the kernels load filters without a condition.
    """
    channels_in, channels_out = weights.shape[2:]
    chunks, groups = -(-channels_in // CHUNK), -(-channels_out // GROUP)
    padded = np.zeros((9, chunks * CHUNK, groups * GROUP), np.float32)
    padded[:, :channels_in, :channels_out] = weights.reshape(9, channels_in, channels_out)
    tiles = padded.reshape(9, chunks, CHUNK, groups, GROUP).transpose(3, 1, 0, 2, 4)
    return np.ascontiguousarray(tiles).reshape(groups, chunks, 9 * CHUNK * GROUP)


def convolve(source, filters, bias, out):
    """``max(conv(source) + bias, 0)`` for device arrays; see `kernels.convolution`."""
    _launch(_convolution(_forward_value, _relu), source, source, filters, bias, out)


def convolve_masked(gradient, activation, filters, out):
    """``conv(gradient where activation is positive)`` for device arrays."""
    kernel = _convolution(_masked_value, _linear)
    _launch(kernel, gradient, activation, filters, filters[0, 0], out)


def _launch(kernel, source, mask, filters, bias, out):
    height, width, channels = out.shape
    blocks = -(-width // COLUMNS), -(-height // ROWS), -(-channels // GROUP)
    # Flat, so that a thread addresses a pixel with one number.
    flat, flat_mask = source.reshape(source.size), mask.reshape(mask.size)
    kernel[blocks, (GROUP // PER_THREAD, COLUMNS)](
        flat, flat_mask, source.shape[2], filters, bias, out
    )


@cuda.jit(device=True, inline="always")
def _forward_value(source, mask, index):
    return source[index]


@cuda.jit(device=True, inline="always")
def _masked_value(source, mask, index):
    return source[index] if mask[index] > np.float32(0) else np.float32(0)


@cuda.jit(device=True, inline="always")
def _relu(value, bias, channel):
    return max(value + bias[channel], np.float32(0))


@cuda.jit(device=True, inline="always")
def _linear(value, bias, channel):
    return value


@cache
def _convolution(value_at, finish):
    """Kernel with `value_at` as the load from the source and `finish` before the store.

    What a thread fetches lies at fixed distances from one place, in global as in shared memory:
    an address for each of its two dozen values would not fit into the registers. Indices are
    unsigned where it matters, because Numba wraps negative ones around, each by itself.
    """
    lanes = GROUP // PER_THREAD
    threads = lanes * COLUMNS
    rim_rows, rim_columns = ROWS + 2, COLUMNS + 2
    rim_pixels = rim_rows * rim_columns
    # A thread fetches one channel of every so many pixels of the rectangle with its rim.
    pixels_per_pass = threads // CHUNK
    passes = -(-rim_pixels // pixels_per_pass)
    filter_values = 9 * CHUNK * GROUP
    filters_per_thread = filter_values // threads

    @cuda.jit(device=True, inline="always")
    def fetch_inputs(source, mask, places, channel, channels, values):
        for n in range(passes):
            values[n] = np.float32(0)
            if places[n] >= 0 and channel < channels:
                values[n] = value_at(source, mask, np.uint64(places[n] + channel))

    @cuda.jit(device=True, inline="always")
    def fetch_filters(tile, thread, values):
        for n in range(filters_per_thread):
            values[n] = tile[np.uint64(thread + n * threads)]

    @cuda.jit(device=True, inline="always")
    def store_chunk(fetched_inputs, fetched_filters, thread, inputs, weights):
        channel, pixel = np.uint64(thread % CHUNK), thread // CHUNK
        for n in range(passes):
            place = np.uint64(pixel + n * pixels_per_pass)
            if place < rim_pixels:
                inputs[channel, place] = fetched_inputs[n]
        for n in range(filters_per_thread):
            weights[np.uint64(thread + n * threads)] = fetched_filters[n]

    @cuda.jit(device=True, inline="always")
    def multiply_chunk(inputs, weights, lane, column, sums, pixels):
        for c in range(CHUNK):
            for j in range(3):
                for row in range(rim_rows):
                    pixels[row] = inputs[c, np.uint64(row * rim_columns + column + j)]
                for i in range(3):
                    for k in range(PER_THREAD):
                        tap = (3 * i + j) * CHUNK + c
                        weight = weights[np.uint64(tap * GROUP + k * lanes + lane)]
                        for row in range(ROWS):
                            sums[row, k] += pixels[row + i] * weight

    @cuda.jit
    def kernel(source, mask, channels_in, filters, bias, out):
        inputs = cuda.shared.array((2, CHUNK, rim_pixels), float32)
        weights = cuda.shared.array((2, filter_values), float32)
        sums = cuda.local.array((ROWS, PER_THREAD), float32)
        pixels = cuda.local.array(rim_rows, float32)
        places = cuda.local.array(passes, int64)
        next_inputs = cuda.local.array(passes, float32)
        next_filters = cuda.local.array(filters_per_thread, float32)

        height, width, channels_out = out.shape
        lane, column = cuda.threadIdx.x, cuda.threadIdx.y
        thread = column * lanes + lane
        left, top = cuda.blockIdx.x * COLUMNS, cuda.blockIdx.y * ROWS
        group = cuda.blockIdx.z

        for n in range(passes):
            pixel = thread // CHUNK + n * pixels_per_pass
            y, x = top + pixel // rim_columns - 1, left + pixel % rim_columns - 1
            inside = 0 <= y and y < height and 0 <= x and x < width  # noqa: SIM300
            places[n] = (y * width + x) * channels_in if inside and pixel < rim_pixels else -1
        for row in range(ROWS):
            for k in range(PER_THREAD):
                sums[row, k] = np.float32(0)

        channel = thread % CHUNK
        fetch_inputs(source, mask, places, channel, channels_in, next_inputs)
        fetch_filters(filters[group, 0], thread, next_filters)
        store_chunk(next_inputs, next_filters, thread, inputs[0], weights[0])
        cuda.syncthreads()

        chunks = filters.shape[1]
        for chunk in range(chunks):
            now, other = chunk % 2, (chunk + 1) % 2
            more = chunk + 1 < chunks
            if more:
                channel += CHUNK
                fetch_inputs(source, mask, places, channel, channels_in, next_inputs)
                fetch_filters(filters[group, chunk + 1], thread, next_filters)
            multiply_chunk(inputs[now], weights[now], lane, column, sums, pixels)
            if more:
                store_chunk(next_inputs, next_filters, thread, inputs[other], weights[other])
            cuda.syncthreads()

        x = left + column
        for row in range(ROWS):
            y = top + row
            for k in range(PER_THREAD):
                c = group * GROUP + k * lanes + lane
                if y < height and x < width and c < channels_out:
                    out[y, x, c] = finish(sums[row, k], bias, c)

    return kernel
