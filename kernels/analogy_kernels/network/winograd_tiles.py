"""Tiles of Winograd's F(4x4, 3x3) on the CPU: read from a map, transformed, and written to one.

A tile is read as its pixels lie, where a mask is positive, or out of windows that were pooled; it
is written as it is, clipped, or pooled. Its pixels lie in scratch at a fixed distance, at which the
compiler knows that they do not overlap and makes vector code.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from analogy_kernels.target import INNER

TILE = 4
PATCH = TILE + 2

# Channels that are transformed at a time: a tile of them stays in the first cache.
CHANNELS = 64
ROW = PATCH * CHANNELS

# How a tile is read: as it is, where a mask is positive, or as the gradient of what was pooled.
PLAIN, MASKED, UNPOOLED = 0, 1, 2

# How it is written: with its bias, clipped as well, or pooled after that.
BIASED, CLIPPED, POOLED = 0, 1, 2

# Side of the windows that are pooled, how many of them a patch touches along an axis, and how far
# apart the rows of their pixels lie; a patch begins with the second pixel of the first.
_WINDOW = 2
_WINDOWS = PATCH // _WINDOW + 1
_ROW_OF_WINDOWS = _WINDOWS * _WINDOW * CHANNELS
_SECOND = _ROW_OF_WINDOWS + CHANNELS

# Of a tile's scratch: room for all windows that its patch touches.
TILE_ELEMENTS = _WINDOWS * _WINDOW * _ROW_OF_WINDOWS


@njit(fastmath=True, **INNER)
def transform_tile(
    source, mask, argmax, reading, height, width, top, left, patch, half, spectra, tile
):
    """Transform the 6x6 pixels from (top, left) on into row `tile` of the spectra.

    `source` and `mask` have the height and width of the map; read as `UNPOOLED`, they and `argmax`
    are of its windows.
    """
    channels = source.shape[2]
    inside = top >= 0 and top + PATCH <= height and left >= 0 and left + PATCH <= width
    values, masks = source.reshape(source.size), mask.reshape(mask.size)
    out = spectra.reshape(spectra.size)
    pitch = spectra.shape[1] * channels
    for first in range(0, channels, CHANNELS):
        count = min(CHANNELS, channels - first)
        at = (top * width + left) * channels + first
        if inside and reading == PLAIN:
            _transform_columns(values, at, width * channels, channels, count, half)
        elif inside and reading == MASKED:
            _transform_masked(values, masks, at, width * channels, channels, count, half)
        else:
            start, row = 0, ROW
            if reading == UNPOOLED:
                _gather_unpooled(source, mask, argmax, top, left, first, count, patch)
                start, row = _SECOND, _ROW_OF_WINDOWS
            else:
                _gather(source, mask, reading, top, left, first, count, patch)
            _transform_columns(patch, start, row, CHANNELS, count, half)
        _transform_rows(half, out, tile * channels + first, pitch, count)


@njit(fastmath=True, **INNER)
def inverse_transform_tile(
    products, tile, half, patch, bias, writing, floor, height, width, top, left, out, argmax
):
    """Turn row `tile` of the products into the 4x4 pixels from (top, left) on.

    `out` has the height and width of the map; written as `POOLED`, it and `argmax` are of its
    windows.
    """
    channels, columns = out.shape[2], products.shape[2]
    values = products.reshape(products.size)
    pitch = products.shape[1] * columns
    for first in range(0, channels, CHANNELS):
        count = min(CHANNELS, channels - first)
        _inverse_columns(values, tile * columns + first, pitch, count, half)
        _inverse_rows(half, count, patch)
        if writing == POOLED:
            _scatter_pooled(patch, bias, floor, height, width, top, left, first, count, out, argmax)
        else:
            _scatter(patch, bias, writing, floor, top, left, first, count, out)


# Places in memory are unsigned below: for signed ones Numba would test each for a negative index,
# and the compiler could not make vectors of the loops.


@njit(fastmath=True, **INNER)
def _gather(source, mask, reading, top, left, first, count, patch):
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
            if reading == PLAIN:
                _copy(values, at, count, patch, to)
            else:
                _copy_masked(values, masks, at, count, patch, to)


@njit(fastmath=True, **INNER)
def _gather_unpooled(gradient, pooled, argmax, top, left, first, count, patch):
    """Fetch the gradient of the windows of a patch: at each one's maximum, if that is positive.

    Windows begin where tiles do, so that the patch begins with the second pixel of the first.
    """
    height, width, channels = gradient.shape
    values, maxima = gradient.reshape(gradient.size), pooled.reshape(pooled.size)
    positions = argmax.reshape(argmax.size)
    for i in range(_WINDOWS):
        for j in range(_WINDOWS):
            y, x = (top + 1) // _WINDOW - 1 + i, (left + 1) // _WINDOW - 1 + j
            to = np.uintp(_WINDOW * (i * _ROW_OF_WINDOWS + j * CHANNELS))
            if 0 <= y < height and 0 <= x < width:
                at = np.uintp((y * width + x) * channels + first)
                _unpool(values, maxima, positions, 0, at, count, patch, to)
                below = to + np.uintp(_ROW_OF_WINDOWS)
                _unpool(values, maxima, positions, _WINDOW, at, count, patch, below)
            else:
                _clear_window(count, patch, to)


@njit(fastmath=True, **INNER)
def _unpool(values, maxima, positions, position, at, count, out, to):
    """Write two pixels of a window side by side, at a position and the next.

    Four at a time are more than the compiler tests for overlap with what is read.
    """
    left, right = np.uint8(position), np.uint8(position + 1)
    beside, zero = to + np.uintp(CHANNELS), np.float32(0)
    for channel in range(count):
        c = np.uintp(channel)
        value = values[at + c] if maxima[at + c] > zero else zero
        out[to + c] = value if positions[at + c] == left else zero
        out[beside + c] = value if positions[at + c] == right else zero


@njit(fastmath=True, **INNER)
def _clear_window(count, out, to):
    for down in range(_WINDOW):
        for right in range(_WINDOW):
            _clear(count, out, to + np.uintp(down * _ROW_OF_WINDOWS + right * CHANNELS))


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
def _scatter(patch, bias, writing, floor, top, left, first, count, out):
    """Write the pixels of a tile that lie in the map, after bias and perhaps clipping."""
    height, width, channels = out.shape
    values = out.reshape(out.size)
    for i in range(min(TILE, height - top)):
        for j in range(min(TILE, width - left)):
            at = np.uintp(i * ROW + j * CHANNELS)
            to = np.uintp(((top + i) * width + left + j) * channels + first)
            if writing == BIASED:
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


@njit(fastmath=True, **INNER)
def _scatter_pooled(patch, bias, floor, height, width, top, left, first, count, out, argmax):
    """Write the windows of a tile that lie in the map: the maxima after clipping, and where."""
    channels = out.shape[2]
    values, positions = out.reshape(out.size), argmax.reshape(argmax.size)
    for i in range(0, min(TILE, height - top), _WINDOW):
        for j in range(0, min(TILE, width - left), _WINDOW):
            # Of a window that the border cuts, what is inside stands for the rest.
            down = ROW if top + i + 1 < height else 0
            right = CHANNELS if left + j + 1 < width else 0
            y, x = (top + i) // _WINDOW, (left + j) // _WINDOW
            to = np.uintp((y * out.shape[1] + x) * channels + first)
            at = i * ROW + j * CHANNELS
            _pool(patch, at, down, right, bias, floor, first, count, values, positions, to)


@njit(fastmath=True, **INNER)
def _pool(patch, at, down, right, bias, floor, first, count, out, positions, to):
    i0, i1 = np.uintp(at), np.uintp(at + right)
    i2, i3 = np.uintp(at + down), np.uintp(at + down + right)
    first = np.uintp(first)
    for channel in range(count):
        c = np.uintp(channel)
        own = bias[first + c]
        v0, v1 = max(patch[i0 + c] + own, floor), max(patch[i1 + c] + own, floor)
        v2, v3 = max(patch[i2 + c] + own, floor), max(patch[i3 + c] + own, floor)
        above, below = max(v0, v1), max(v2, v3)
        upper = np.uint8(1) if v1 > v0 else np.uint8(0)
        lower = np.uint8(3) if v3 > v2 else np.uint8(2)
        out[to + c] = max(above, below)
        positions[to + c] = lower if below > above else upper
