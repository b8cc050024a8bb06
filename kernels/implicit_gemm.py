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
from numba import float32

from kernels.target import SIMULATED, cuda

# Output rectangle of a block (pixels), output channels of a block, input channels of a chunk, and
# output channels of a thread. The simulator runs the same kernel with blocks of a few threads.
if SIMULATED:
    ROWS, COLUMNS, GROUP, CHUNK, PER_THREAD = 2, 4, 4, 2, 2
else:
    ROWS, COLUMNS, GROUP, CHUNK, PER_THREAD = 8, 16, 64, 8, 4


def pack(weights):
    """Lay filters out as the kernels read them.

    Parameters
    ----------
    weights : float32 array, (3, 3, channels in, channels out)

    Returns
    -------
    float32 array, (9, channels in, channels out)
    """
    return weights.reshape(9, *weights.shape[2:])


def convolve(source, filters, bias, out):
    """``max(conv(source) + bias, 0)`` for device arrays; see `kernels.convolution`."""
    _convolution(_forward_value, _relu)[_launch(out)](source, source, filters, bias, out)


def convolve_masked(gradient, activation, filters, out):
    """``conv(gradient where activation is positive)`` for device arrays."""
    kernel = _convolution(_masked_value, _linear)
    kernel[_launch(out)](gradient, activation, filters, filters[0, 0], out)


def _launch(out):
    height, width, channels = out.shape
    blocks = -(-width // COLUMNS), -(-height // ROWS), -(-channels // GROUP)
    return blocks, (GROUP // PER_THREAD, COLUMNS)


@cuda.jit(device=True, inline="always")
def _forward_value(source, mask, y, x, c):
    return source[y, x, c]


@cuda.jit(device=True, inline="always")
def _masked_value(source, mask, y, x, c):
    return source[y, x, c] if mask[y, x, c] > np.float32(0) else np.float32(0)


@cuda.jit(device=True, inline="always")
def _relu(value, bias):
    return max(value + bias, np.float32(0))


@cuda.jit(device=True, inline="always")
def _linear(value, bias):
    return value


@cache
def _convolution(value_at, finish):
    """Kernel with `value_at` as the load from the source and `finish` before the store."""
    rim_rows, rim_columns = ROWS + 2, COLUMNS + 2
    input_values = CHUNK * rim_rows * rim_columns
    filter_values = 9 * CHUNK * GROUP
    threads = GROUP // PER_THREAD * COLUMNS
    inputs_per_thread = -(-input_values // threads)
    filters_per_thread = -(-filter_values // threads)

    @cuda.jit(device=True, inline="always")
    def fetch_inputs(source, mask, top, left, first_channel, thread, values):
        height, width, channels = source.shape
        for n in range(inputs_per_thread):
            index = thread + n * threads
            c = first_channel + index % CHUNK
            pixel = index // CHUNK
            y, x = top + pixel // rim_columns - 1, left + pixel % rim_columns - 1
            inside = 0 <= y and y < height and 0 <= x and x < width  # noqa: SIM300
            values[n] = np.float32(0)
            if inside and c < channels and index < input_values:
                values[n] = value_at(source, mask, y, x, c)

    @cuda.jit(device=True, inline="always")
    def fetch_filters(filters, first_channel, first_out, thread, values):
        channels_in, channels_out = filters.shape[1], filters.shape[2]
        for n in range(filters_per_thread):
            index = thread + n * threads
            k = first_out + index % GROUP
            c = first_channel + index // GROUP % CHUNK
            tap = index // (GROUP * CHUNK)
            values[n] = np.float32(0)
            if tap < 9 and c < channels_in and k < channels_out:
                values[n] = filters[tap, c, k]

    @cuda.jit(device=True, inline="always")
    def store_chunk(input_values_, filter_values_, thread, inputs, weights):
        for n in range(inputs_per_thread):
            index = thread + n * threads
            if index < input_values:
                pixel = index // CHUNK
                row, column = pixel // rim_columns, pixel % rim_columns
                inputs[index % CHUNK, row, column] = input_values_[n]
        for n in range(filters_per_thread):
            index = thread + n * threads
            tap = index // (GROUP * CHUNK)
            if tap < 9:
                weights[tap, index // GROUP % CHUNK, index % GROUP] = filter_values_[n]

    @cuda.jit(device=True, inline="always")
    def multiply_chunk(inputs, weights, lane, column, sums, pixels):
        for c in range(CHUNK):
            for j in range(3):
                for row in range(rim_rows):
                    pixels[row] = inputs[c, row, column + j]
                for i in range(3):
                    for k in range(PER_THREAD):
                        weight = weights[3 * i + j, c, lane * PER_THREAD + k]
                        for row in range(ROWS):
                            sums[row, k] += pixels[row + i] * weight

    @cuda.jit
    def kernel(source, mask, filters, bias, out):
        inputs = cuda.shared.array((2, CHUNK, rim_rows, rim_columns), float32)
        weights = cuda.shared.array((2, 9, CHUNK, GROUP), float32)
        sums = cuda.local.array((ROWS, PER_THREAD), float32)
        pixels = cuda.local.array(rim_rows, float32)
        next_inputs = cuda.local.array(inputs_per_thread, float32)
        next_filters = cuda.local.array(filters_per_thread, float32)

        lane, column = cuda.threadIdx.x, cuda.threadIdx.y
        thread = column * (GROUP // PER_THREAD) + lane
        left, top = cuda.blockIdx.x * COLUMNS, cuda.blockIdx.y * ROWS
        first_out = cuda.blockIdx.z * GROUP
        channels_in = source.shape[2]

        for row in range(ROWS):
            for k in range(PER_THREAD):
                sums[row, k] = np.float32(0)
        fetch_inputs(source, mask, top, left, 0, thread, next_inputs)
        fetch_filters(filters, 0, first_out, thread, next_filters)
        store_chunk(next_inputs, next_filters, thread, inputs[0], weights[0])
        cuda.syncthreads()

        chunks = (channels_in + CHUNK - 1) // CHUNK
        for chunk in range(chunks):
            now, other = chunk % 2, (chunk + 1) % 2
            more = chunk + 1 < chunks
            if more:
                first = (chunk + 1) * CHUNK
                fetch_inputs(source, mask, top, left, first, thread, next_inputs)
                fetch_filters(filters, first, first_out, thread, next_filters)
            multiply_chunk(inputs[now], weights[now], lane, column, sums, pixels)
            if more:
                store_chunk(next_inputs, next_filters, thread, inputs[other], weights[other])
            cuda.syncthreads()

        height, width, channels_out = out.shape
        x = left + column
        for row in range(ROWS):
            y = top + row
            for k in range(PER_THREAD):
                c = first_out + lane * PER_THREAD + k
                if y < height and x < width and c < channels_out:
                    out[y, x, c] = finish(sums[row, k], bias[c])

    return kernel
