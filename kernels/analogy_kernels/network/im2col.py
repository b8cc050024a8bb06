"""3x3 convolution of maps with few channels on the CPU: patches as rows of one matrix product.

Winograd's transforms pay only where a matrix product follows that is wide enough; the network's
first layer has three input channels. The products are :mod:`analogy_kernels.network.products`'s, a
few pixels at a time forward and a row at a time backward, so that what goes in and comes out of
them stays in the caches.
"""

from __future__ import annotations

import numpy as np
from numba import get_num_threads, get_thread_id, njit, prange

from analogy_kernels.network.products import COLUMNS, ROWS, multiply, pack, panels_of
from analogy_kernels.target import INNER, UNCOUNTED

TAPS = 9

# Pixels whose patches are multiplied at a time.
_PIXELS = 8 * ROWS

# Rows of the map that a thread works on at a time backward; around them two more are multiplied.
_BAND = 32


def lay_out(filters):
    """Filters of shape (depth, columns) as the products read them."""
    return pack(filters[None])[0]


def filter_shape(depth, columns):
    """Shape of filters that :func:`lay_out` makes."""
    return panels_of(columns), depth, COLUMNS


def scratch_elements(width, channels_in, channels_out):
    """Float32 elements of scratch that a convolution needs in either direction."""
    taps = TAPS * channels_in
    forward = _PIXELS * (taps + COLUMNS * panels_of(channels_out))
    backward = _whole_rows(width) * (channels_out + 3 * COLUMNS * panels_of(taps))
    return get_num_threads() * max(forward, backward)


def _whole_rows(pixels):
    return -(-pixels // ROWS) * ROWS


def convolve(source, filters, bias, floor, scratch, out):
    """``max(conv(source) + bias, floor)``; where `floor` is None nothing is clipped."""
    lowest = np.float32(-np.inf if floor is None else floor)
    _convolve(source, filters, bias, lowest, scratch, out, get_num_threads())


def convolve_transposed(gradient, mask, filters, scratch, out):
    """Gradient to the input; it passes where `mask` is positive, everywhere where that is None."""
    is_masked = mask is not None
    mask = mask if is_masked else gradient
    _convolve_transposed(gradient, mask, is_masked, filters, scratch, out, get_num_threads())


# Infinities are compared with, so not all of what is called fast is allowed.
@njit(parallel=True, fastmath={"contract", "reassoc"}, **UNCOUNTED)
def _convolve(source, filters, bias, lowest, scratch, out, threads):
    height, width = out.shape[:2]
    taps, columns = filters.shape[1], filters.shape[0] * COLUMNS
    own = scratch.size // threads
    for y in prange(height):
        memory = scratch[get_thread_id() * own : (get_thread_id() + 1) * own]
        patches = memory[: _PIXELS * taps].reshape(_PIXELS, taps)
        products = memory[_PIXELS * taps : _PIXELS * (taps + columns)].reshape(_PIXELS, columns)
        for first in range(0, width, _PIXELS):
            last = min(first + _PIXELS, width)
            _gather_patches(source, np.int64(y), first, last, patches)
            multiply(patches, filters, products)
            for x in range(first, last):
                _copy_clipped(products[x - first], bias, lowest, out[y, x])


@njit(parallel=True, fastmath=True, **UNCOUNTED)
def _convolve_transposed(gradient, mask, is_masked, filters, scratch, out, threads):
    height, width, channels_in = out.shape
    channels_out, columns = filters.shape[1], filters.shape[0] * COLUMNS
    own = scratch.size // threads
    whole = (width + ROWS - 1) // ROWS * ROWS
    for band in prange((height + _BAND - 1) // _BAND):
        memory = scratch[get_thread_id() * own : (get_thread_id() + 1) * own]
        masked = memory[: whole * channels_out].reshape(whole, channels_out)
        end = whole * (channels_out + 3 * columns)
        rows = memory[whole * channels_out : end].reshape(3, whole, columns)
        first, last = band * _BAND, min((band + 1) * _BAND, height)
        for i in range(first - 1, last + 1):
            row = rows[(i + 3) % 3]
            if 0 <= i < height:
                _mask_row(gradient[i], mask[i], is_masked, masked)
                multiply(masked, filters, row)
            else:
                row[:] = np.float32(0)
            if i > first:
                _collect_row(rows, i - 1, channels_in, out[i - 1])


@njit(fastmath=True, **INNER)
def _gather_patches(source, y, first, last, patches):
    """Write the pixels around those from `first` to `last` of a row, tap by tap, with zeros."""
    height, width, channels = source.shape
    values, out = source.reshape(source.size), patches.reshape(patches.size)
    run = 3 * channels
    for i in range(3):
        row = y + i - 1
        inside = 0 <= row < height
        for x in range(first, last):
            to = (x - first) * TAPS * channels + i * run
            at = (row * width + x - 1) * channels
            if inside and 0 < x < width - 1:
                _copy(values, np.uintp(at), run, out, np.uintp(to))
            else:
                # Of the three pixels those that lie in the map.
                begin = 0 if inside and x > 0 else channels
                end = run if inside and x < width - 1 else run - channels
                for k in range(run):
                    lies = inside and begin <= k < end
                    out[to + k] = values[at + k] if lies else np.float32(0)


@njit(fastmath=True, **INNER)
def _copy(values, at, count, out, to):
    for index in range(count):
        k = np.uintp(index)
        out[to + k] = values[at + k]


@njit(**INNER)
def _copy_clipped(values, bias, lowest, out):
    for c in range(out.size):
        out[c] = max(values[c] + bias[c], lowest)


@njit(fastmath=True, **INNER)
def _mask_row(gradient, mask, is_masked, out):
    width, channels = gradient.shape
    for x in range(width):
        for c in range(channels):
            passes = (not is_masked) | (mask[x, c] > np.float32(0))
            out[x, c] = gradient[x, c] if passes else np.float32(0)


@njit(fastmath=True, **INNER)
def _collect_row(rows, y, channels, out):
    """Sum what each pixel around those of row `y` gives them; row i of the map is rows[i % 3]."""
    width, pitch = out.shape[0], rows.shape[2]
    sums = out.reshape(out.size)
    for i in range(3):
        values = rows[(y + i + 2) % 3].reshape(-1)
        # What the pixel to the right gives: that on the left of it. Then its own, and so on.
        tap = (2 - i) * 3 * channels
        for x in range(width):
            right = np.uintp((x + 1 if x < width - 1 else x) * pitch + tap)
            own = np.uintp(x * pitch + tap + channels)
            left = np.uintp((x - 1 if x > 0 else x) * pitch + tap + 2 * channels)
            with_right = np.float32(1 if x < width - 1 else 0)
            with_left = np.float32(1 if x > 0 else 0)
            to = np.uintp(x * channels)
            for channel in range(channels):
                c = np.uintp(channel)
                around = with_left * values[left + c] + with_right * values[right + c]
                total = values[own + c] + around
                sums[to + c] = total if i == 0 else sums[to + c] + total
