"""Tiles of Winograd's F(4x4, 3x3) on the CPU: read from a map, transformed, and written to one.

A tile is read as its pixels lie, where a mask is positive, or out of windows that were pooled; it
is written as it is, or pooled. It is worked on in vectors over the channels, and where a map's
channels are no whole vectors or the border cuts a tile, it is fetched to scratch first.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from analogy_kernels.simd import (
    WIDTH,
    load,
    load_first,
    repeated,
    store,
    store_first,
    where_equal,
    where_larger,
)
from analogy_kernels.target import INNER

TILE = 4
PATCH = TILE + 2

# Channels that are transformed at a time: a tile of them stays in the first cache.
CHANNELS = 64
ROW = PATCH * CHANNELS

# How a tile is read: as it is, where a mask is positive, or as the gradient of what was pooled.
PLAIN, MASKED, UNPOOLED = 0, 1, 2

# How it is written, after bias and clipping: as it is, or pooled.
WHOLE, POOLED = 0, 1

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
    channels, depth = source.shape[2], spectra.shape[2]
    direct = channels % WIDTH == 0
    direct &= top >= 0 and top + PATCH <= height and left >= 0 and left + PATCH <= width
    values, masks = source.reshape(source.size), mask.reshape(mask.size)
    out = spectra.reshape(spectra.size)
    pitch = spectra.shape[1] * depth
    for first in range(0, channels, CHANNELS):
        count = min(CHANNELS, channels - first)
        at = (top * width + left) * channels + first
        if direct and reading == PLAIN:
            _transform_columns(values, at, width * channels, channels, count, half)
        elif direct and reading == MASKED:
            _transform_masked(values, masks, at, width * channels, channels, count, half)
        elif reading == UNPOOLED:
            _gather_unpooled(source, mask, argmax, top, left, first, count, patch)
            _transform_columns(patch, _SECOND, _ROW_OF_WINDOWS, CHANNELS, count, half)
        else:
            _gather(source, mask, reading, top, left, first, count, patch)
            _transform_columns(patch, 0, ROW, CHANNELS, count, half)
        _transform_rows(half, out, tile * depth + first, pitch, count)


@njit(fastmath=True, **INNER)
def inverse_transform_tile(
    products, tile, half, bias, writing, lowest, height, width, top, left, out, argmax
):
    """Turn row `tile` of the products into the 4x4 pixels from (top, left) on.

    `out` has the height and width of the map; written as `POOLED`, it and `argmax` are of its
    windows.
    """
    channels, columns = out.shape[2], products.shape[2]
    rows, across = min(TILE, height - top), min(TILE, width - left)
    values, results, positions = products.reshape(-1), out.reshape(-1), argmax.reshape(-1)
    pitch = products.shape[1] * columns
    for first in range(0, channels, CHANNELS):
        count = min(CHANNELS, channels - first)
        _inverse_columns(values, tile * columns + first, pitch, count, half)
        if writing == POOLED:
            to = (top // _WINDOW * out.shape[1] + left // _WINDOW) * channels + first
            row = out.shape[1] * channels
            _write_pooled(
                half,
                bias,
                first,
                count,
                lowest,
                rows,
                across,
                results,
                positions,
                to,
                row,
                channels,
            )
        else:
            to = (top * width + left) * channels + first
            row = width * channels
            _write(half, bias, first, count, lowest, rows, across, results, to, row, channels)


@njit(fastmath=True, **INNER)
def transform_taps(taps, at, pitch, count, out, to, out_pitch):
    """Transform the first `count` of `WIDTH` filters of nine taps, zeros in place of the others."""
    columns = (
        _filtered(taps, at, 3 * pitch, count),
        _filtered(taps, at + pitch, 3 * pitch, count),
        _filtered(taps, at + 2 * pitch, 3 * pitch, count),
    )
    for i in range(PATCH):
        row = _filter_three(columns[0][i], columns[1][i], columns[2][i])
        _store_six(row, out, np.uintp(to + i * PATCH * out_pitch), np.uintp(out_pitch))


@njit(fastmath=True, **INNER)
def _filtered(taps, at, pitch, count):
    return _filter_three(
        load_first(taps, np.uintp(at), count),
        load_first(taps, np.uintp(at + pitch), count),
        load_first(taps, np.uintp(at + 2 * pitch), count),
    )


@njit(fastmath=True, **INNER)
def _filter_three(g0, g1, g2):
    quarter, sixth = np.float32(1 / 4), np.float32(1 / 6)
    even, odd = sixth * (g0 + g2), sixth * g1
    far_even, far_odd = np.float32(1 / 24) * g0 + sixth * g2, np.float32(1 / 12) * g1
    return (
        quarter * g0,
        np.float32(-1) * (even + odd),
        odd - even,
        far_even + far_odd,
        far_even - far_odd,
        g2,
    )


# Places in memory are unsigned below, as for signed ones Numba would test each for a negative
# index.


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
                _unpool(values, maxima, positions, at, count, patch, to)
            else:
                _clear_window(count, patch, to)


@njit(fastmath=True, **INNER)
def _unpool(values, maxima, positions, at, count, out, to):
    """Write the four pixels of a window."""
    zero = repeated(0)
    beside, below = np.uintp(CHANNELS), np.uintp(_ROW_OF_WINDOWS)
    for channel in range(0, count, WIDTH):
        c, rest = np.uintp(channel), count - channel
        value = load_first(values, at + c, rest)
        value = where_larger(load_first(maxima, at + c, rest), zero, value, zero)
        position = load_first(positions, at + c, rest)
        store(where_equal(position, zero, value, zero), out, to + c)
        store(where_equal(position, repeated(1), value, zero), out, to + beside + c)
        store(where_equal(position, repeated(2), value, zero), out, to + below + c)
        store(where_equal(position, repeated(3), value, zero), out, to + below + beside + c)


@njit(fastmath=True, **INNER)
def _clear_window(count, out, to):
    for down in range(_WINDOW):
        for right in range(_WINDOW):
            _clear(count, out, to + np.uintp(down * _ROW_OF_WINDOWS + right * CHANNELS))


@njit(fastmath=True, **INNER)
def _clear(count, out, to):
    for channel in range(0, count, WIDTH):
        store(repeated(0), out, to + np.uintp(channel))


@njit(fastmath=True, **INNER)
def _copy(values, at, count, out, to):
    for channel in range(0, count, WIDTH):
        c = np.uintp(channel)
        store(load_first(values, at + c, count - channel), out, to + c)


@njit(fastmath=True, **INNER)
def _copy_masked(values, masks, at, count, out, to):
    for channel in range(0, count, WIDTH):
        c, rest = np.uintp(channel), count - channel
        value, mask = load_first(values, at + c, rest), load_first(masks, at + c, rest)
        store(_where_positive(value, mask), out, to + c)


@njit(fastmath=True, **INNER)
def _transform_columns(values, at, row_pitch, pixel_pitch, count, half):
    for j in range(PATCH):
        for channel in range(0, count, WIDTH):
            place = np.uintp(at + j * pixel_pitch + channel)
            column = _transform_six(_load_six(values, place, np.uintp(row_pitch)))
            _store_six(column, half, np.uintp(j * CHANNELS + channel), np.uintp(ROW))


@njit(fastmath=True, **INNER)
def _transform_masked(values, masks, at, row_pitch, pixel_pitch, count, half):
    """As :func:`_transform_columns` where the mask is positive."""
    for j in range(PATCH):
        for channel in range(0, count, WIDTH):
            place = np.uintp(at + j * pixel_pitch + channel)
            d0, d1, d2, d3, d4, d5 = _load_six(values, place, np.uintp(row_pitch))
            m0, m1, m2, m3, m4, m5 = _load_six(masks, place, np.uintp(row_pitch))
            column = (
                _where_positive(d0, m0),
                _where_positive(d1, m1),
                _where_positive(d2, m2),
                _where_positive(d3, m3),
                _where_positive(d4, m4),
                _where_positive(d5, m5),
            )
            column = _transform_six(column)
            _store_six(column, half, np.uintp(j * CHANNELS + channel), np.uintp(ROW))


@njit(fastmath=True, **INNER)
def _where_positive(value, mask):
    return where_larger(mask, repeated(0), value, repeated(0))


@njit(fastmath=True, **INNER)
def _transform_rows(half, out, at, pitch, count):
    for i in range(PATCH):
        for channel in range(0, count, WIDTH):
            c = np.uintp(channel)
            row = _transform_six(_load_six(half, np.uintp(i * ROW) + c, np.uintp(CHANNELS)))
            _store_six(row, out, np.uintp(at + i * PATCH * pitch) + c, np.uintp(pitch))


@njit(fastmath=True, **INNER)
def _load_six(values, at, pitch):
    second, third = at + pitch, at + np.uintp(2) * pitch
    return (
        load(values, at),
        load(values, second),
        load(values, third),
        load(values, third + pitch),
        load(values, second + np.uintp(3) * pitch),
        load(values, third + np.uintp(3) * pitch),
    )


@njit(fastmath=True, **INNER)
def _store_six(vectors, out, at, pitch):
    second, third = at + pitch, at + np.uintp(2) * pitch
    store(vectors[0], out, at)
    store(vectors[1], out, second)
    store(vectors[2], out, third)
    store(vectors[3], out, third + pitch)
    store(vectors[4], out, second + np.uintp(3) * pitch)
    store(vectors[5], out, third + np.uintp(3) * pitch)


@njit(inline="always", fastmath=True)
def _transform_six(six):
    d0, d1, d2, d3, d4, d5 = six
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
        for channel in range(0, count, WIDTH):
            c = np.uintp(channel)
            first = np.uintp(at + j * pitch) + c
            t0, t1, t2, t3 = _inverse_six(_load_six(products, first, np.uintp(PATCH * pitch)))
            o = np.uintp(j * CHANNELS) + c
            store(t0, half, o)
            store(t1, half, o + np.uintp(1 * ROW))
            store(t2, half, o + np.uintp(2 * ROW))
            store(t3, half, o + np.uintp(3 * ROW))


@njit(inline="always", fastmath=True)
def _inverse_six(six):
    m0, m1, m2, m3, m4, m5 = six
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
def _write(half, bias, first, count, lowest, rows, across, out, to, row, pixel):
    """Write the pixels of a tile that lie in the map, after bias and clipping."""
    for i in range(rows):
        for channel in range(0, count, WIDTH):
            c, rest = np.uintp(channel), count - channel
            t0, t1, t2, t3 = _row_of_pixels(half, i, channel, bias, first, rest, lowest)
            o, step = np.uintp(to + i * row) + c, np.uintp(pixel)
            store_first(t0, out, o, rest)
            if across > 1:
                store_first(t1, out, o + step, rest)
            if across > 2:
                store_first(t2, out, o + np.uintp(2) * step, rest)
            if across > 3:
                store_first(t3, out, o + np.uintp(3) * step, rest)


@njit(fastmath=True, **INNER)
def _row_of_pixels(half, i, channel, bias, first, rest, lowest):
    """Four pixels of a row of a tile, a vector of channels of each."""
    c = np.uintp(channel)
    six = _load_six(half, np.uintp(i * ROW) + c, np.uintp(CHANNELS))
    t0, t1, t2, t3 = _inverse_six(six)
    own, low = load_first(bias, np.uintp(first) + c, rest), repeated(lowest)
    return (
        _clipped(t0 + own, low),
        _clipped(t1 + own, low),
        _clipped(t2 + own, low),
        _clipped(t3 + own, low),
    )


@njit(fastmath=False, **INNER)
def _clipped(value, lowest):
    """What is no number stays none, which fast arithmetic would not see to."""
    return where_larger(lowest, value, lowest, value)


@njit(fastmath=True, **INNER)
def _write_pooled(half, bias, first, count, lowest, rows, across, out, positions, to, row, pixel):
    """Write the windows of a tile that lie in the map: the maxima after clipping, and where."""
    for i in range(0, rows, _WINDOW):
        # Of a window that the border cuts, what is inside stands for the rest.
        below = i + 1 if i + 1 < rows else i
        for channel in range(0, count, WIDTH):
            rest = count - channel
            a0, a1, a2, a3 = _row_of_pixels(half, i, channel, bias, first, rest, lowest)
            b0, b1, b2, b3 = _row_of_pixels(half, below, channel, bias, first, rest, lowest)
            if across < 2:
                a1, b1 = a0, b0
            if across < 4:
                a3, b3 = a2, b2
            o = np.uintp(to + i // _WINDOW * row + channel)
            _write_window(a0, a1, b0, b1, out, positions, o, rest)
            if across > _WINDOW:
                _write_window(a2, a3, b2, b3, out, positions, o + np.uintp(pixel), rest)


@njit(fastmath=True, **INNER)
def _write_window(v0, v1, v2, v3, out, positions, to, rest):
    above, below = _larger(v1, v0), _larger(v3, v2)
    upper = where_larger(v1, v0, repeated(1), repeated(0))
    lower = where_larger(v3, v2, repeated(3), repeated(2))
    store_first(_larger(below, above), out, to, rest)
    store_first(where_larger(below, above, lower, upper), positions, to, rest)


@njit(fastmath=True, **INNER)
def _larger(left, right):
    return where_larger(left, right, left, right)
