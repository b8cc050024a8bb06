"""3x3 convolution of maps with few channels on the CPU: patches as rows of one matrix product.

Winograd's transforms pay only where a matrix product follows that is wide enough; the network's
first layer has three input channels.
"""

from __future__ import annotations

import numpy as np
from numba import get_num_threads, get_thread_id, njit, prange

from analogy_kernels.target import INNER

TAPS = 9


def scratch_elements(height, width, channels_in, channels_out):
    """Float32 elements of scratch that a convolution needs in either direction."""
    row = width * max(TAPS * channels_in, channels_out)
    return get_num_threads() * row + height * width * TAPS * channels_in


@njit(parallel=True, cache=True, fastmath=True)
def convolve(source, filters, bias, floor, scratch, out):
    """``max(conv(source) + bias, floor)`` with `filters` of shape (9 * channels in, channels out).

    Where `floor` is None nothing is clipped.
    """
    height, width, channels_out = out.shape
    taps = filters.shape[0]
    for y in prange(height):
        first = get_thread_id() * width * taps
        patches = scratch[first : first + width * taps].reshape(width, taps)
        _gather_row(source, y, patches)
        np.dot(patches, filters, out[y])
        for x in range(width):
            for c in range(channels_out):
                value = out[y, x, c] + bias[c]
                out[y, x, c] = value if floor is None else max(value, floor)


@njit(parallel=True, cache=True, fastmath=True)
def convolve_transposed(gradient, mask, filters, scratch, out):
    """Gradient to the input, with `filters` of shape (channels out, 9 * channels in).

    It passes where `mask` is positive, everywhere where that is None.
    """
    height, width, channels_in = out.shape
    channels_out, taps = filters.shape
    rows = scratch[: height * width * taps].reshape(height, width, taps)
    thread_rows = scratch[height * width * taps :]
    for y in prange(height):
        first = get_thread_id() * width * channels_out
        masked = thread_rows[first : first + width * channels_out].reshape(width, channels_out)
        for x in range(width):
            for c in range(channels_out):
                value = gradient[y, x, c]
                passes = mask is None or mask[y, x, c] > np.float32(0)
                masked[x, c] = value if passes else np.float32(0)
        np.dot(masked, filters, rows[y])
    for y in prange(height):
        _collect_row(rows, y, channels_in, out[y])


@njit(fastmath=True, **INNER)
def _gather_row(source, y, patches):
    height, width, channels = source.shape
    for x in range(width):
        tap = 0
        for i in range(y - 1, y + 2):
            for j in range(x - 1, x + 2):
                inside = 0 <= i < height and 0 <= j < width
                for c in range(channels):
                    patches[x, tap + c] = source[i, j, c] if inside else np.float32(0)
                tap += channels


@njit(fastmath=True, **INNER)
def _collect_row(rows, y, channels, out):
    height, width = rows.shape[:2]
    for x in range(width):
        for c in range(channels):
            total = np.float32(0)
            for i in range(max(y - 1, 0), min(y + 2, height)):
                for j in range(max(x - 1, 0), min(x + 2, width)):
                    tap = (y - i + 1) * 3 + x - j + 1
                    total += rows[i, j, tap * channels + c]
            out[x, c] = total
