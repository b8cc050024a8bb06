"""Patch aggregation: the vote of overlapping patches for a pixel (section 4.5 of the paper)."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import ANY_MAP, FLOATS, UINT8, as_map, checked, odd, positive
from analogy_kernels.geometry import place_in_row
from analogy_kernels.half import as_float32, storage, store
from analogy_kernels.imaging.bilinear import bilinear
from analogy_kernels.imaging.vote_colours import COLOURS, vote_alike_of_colours
from analogy_kernels.imaging.vote_weights import (
    MOST_WEIGHT,
    is_inside,
    largest_weight,
    likeness,
    relative_weight,
    weight_of,
)
from analogy_kernels.positions import checked_field, checked_nnf, inside
from analogy_kernels.target import (
    COUNTED,
    UNCOUNTED,
    Array,
    Kernel,
    Result,
    Stream,
    cuda,
    element_launch,
    on_target,
)

_DTYPES = (*FLOATS, UINT8)

# Of votes that are told apart; its square has an inverse in float32.
_LEAST_WIDTH = 1e-15


def vote(
    source: Array,
    nnf: Array,
    patch_side: int,
    out: Array | None = None,
    *,
    weights: Array | None = None,
    stream: Stream = None,
) -> Result:
    """Rebuild a map from the patches of `source` that `nnf` points at.

    ``out[p]`` is the mean, over the pixels x of the patch around p, of ``source[nnf[x] + p - x]``:
    what the patch matched to x has where x's patch has p. Pixels x outside the map and positions
    outside `source` are left out of the mean.

    Parameters
    ----------
    source : float32, float16 or uint8 array, (source height, source width[, channels])
    nnf : int32 array, (height, width, 2)
        Positions (y, x) in `source`, all inside it.
    patch_side : int
        Odd, in pixels. Section 4.5 has 5.
    out : array of the dtype of `source`, (height, width[, channels]), optional
        Written and returned; made anew when absent. Apart from the others.
    weights : float32 array, (height, width), optional
        Weights of the pixels of `nnf`, not negative: a patch counts by that of the pixel that it is
        matched with, and the mean is a weighted one. Where all weights of a pixel's votes are 0 it
        is the plain mean, as without weights.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    array of the dtype of `source`, (height, width[, channels])
        The mean is taken in float32; for uint8 it is rounded to the nearest, halves upwards.

    Raises
    ------
    TypeError
        If something is no array, or the patch side no whole number.
    ValueError
        If the arrays do not fit each other, the patch side is even, a position is outside `source`,
        or a weight negative or not finite. A device does not say so: such votes are left out there,
        where none is left the mean is no number, and the nearest right weight is taken.

    Notes
    -----
    height * width * channels * patch_side^2 additions, each of a value of `source`; neighbours
    share them, so that memory sees little more than one reading of `source` and `nnf`. Allocates
    nothing but the result and a row of sums for each row of the map on the CPU; does not wait for a
    device. Weights take a division and a multiplication for each vote, and are looked through for
    the largest before. Section 4.5 of the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import identity_nnf, vote
    >>> source = np.arange(9, dtype=np.float32).reshape(3, 3, 1)
    >>> np.array_equal(vote(source, identity_nnf((3, 3), (3, 3)), 3), source)
    True

    A middle that nothing is known of is left to its neighbours:

    >>> weights = np.array([[1, 0, 1]], np.float32)
    >>> nnf = np.array([[[0, 0], [2, 0], [0, 2]]], np.int32)
    >>> vote(source, nnf, 3, weights=weights).ravel().tolist()
    [0.0, 1.0, 2.0]
    """
    on, source, nnf, weights, out = on_target(
        source=source, nnf=nnf, weights=weights, out=out, stream=stream
    )
    source = checked("source", source, ANY_MAP, _DTYPES)
    nnf = checked_nnf("nnf", nnf, "source", source.shape)
    if weights is None:
        return _collect(on, vote_kernel, source, "nnf", nnf, patch_side, out)
    weights = _checked_weights(weights, nnf.shape[:2])
    apart = {"weights": weights}
    return _collect(
        on, weighted_vote_kernel, source, "nnf", nnf, patch_side, out, weights, apart=apart
    )


def vote_alike(
    source: Array,
    nnf: Array,
    patch_side: int,
    width: float,
    out: Array | None = None,
    *,
    stream: Stream = None,
) -> Result:
    """Rebuild a map as :func:`vote` does, by votes that are like the pixel's own match.

    A vote that differs by the distance d from what the pixel's own match fetches has the weight
    ``(1 - (d / width)**2)**2``, and none from `width` on (Tukey's biweight). Where patches agree
    they are averaged, and seams between them vanish; where they do not, the pixel's own match
    decides, and what is sharp in `source` stays sharp.

    Parameters
    ----------
    source : float32, float16 or uint8 array, (source height, source width, channels)
    nnf : int32 array, (height, width, 2)
        Positions (y, x) in `source`, all inside it.
    patch_side : int
        Side of the patches that vote, odd, in pixels.
    width : float
        Euclidean distance between values of `source`, over all channels; more than 0.
    out : array of the dtype of `source`, (height, width, channels), optional
        Written and returned; made anew when absent.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    array of the dtype of `source`, (height, width, channels)
        The mean is taken in float32; for uint8 it is rounded to the nearest, halves upwards.

    Raises
    ------
    TypeError
        If something is no array, or a number none.
    ValueError
        If the arrays do not fit each other, the patch side is even, a position is outside `source`,
        or `width` is not above 0. A device does not say so of a position: the nearest pixel is
        taken there.

    Notes
    -----
    Five operations for each of height * width * channels * patch_side^2 votes on the CPU; on a
    device each channel has a thread, which compares all channels by itself. Allocates nothing but
    the result and a row of sums for each row of the map on the CPU; does not wait for a device. The
    weights are those of bilateral filtering (Tomasi and Manduchi, ICCV 1998), by Tukey's function.

    Examples
    --------
    A grey that is off by two is evened out, a black that is far off is not:

    >>> import numpy as np
    >>> from analogy_kernels import identity_nnf, vote_alike
    >>> source = np.array([[[0], [200], [202], [200]]], np.float32)
    >>> nnf = np.array([[[0, 1], [0, 3], [0, 0]]], np.int32)
    >>> [round(float(value), 1) for value in vote_alike(source, nnf, 3, 60.0).ravel()]
    [201.0, 201.0, 0.0]
    """
    on, source, nnf, out = on_target(source=source, nnf=nnf, out=out, stream=stream)
    source = checked("source", source, ANY_MAP, _DTYPES)
    nnf = checked_nnf("nnf", nnf, "source", source.shape)
    falloff = np.float32(1 / max(positive("width", width), _LEAST_WIDTH) ** 2)
    is_of_colours = source.ndim == 3 and source.shape[2] == COLOURS
    kernel = vote_alike_colours_kernel if is_of_colours else vote_alike_kernel
    return _collect(on, kernel, source, "nnf", nnf, patch_side, out, falloff)


def vote_field(
    source: Array,
    field: Array,
    patch_side: int,
    out: Array | None = None,
    *,
    stream: Stream = None,
) -> Result:
    """Rebuild a map as :func:`vote` does, from positions with fractions.

    What lies between the pixels of `source` is interpolated bilinearly. Where every vote for a
    pixel lies outside `source`, the nearest place on its border is taken.

    Parameters
    ----------
    source : float32, float16 or uint8 array, (source height, source width[, channels])
    field : float32 array, (height, width, 2)
        Positions (y, x) in `source`; they may lie outside it.
    patch_side : int
        Odd, in pixels.
    out : array of the dtype of `source`, (height, width[, channels]), optional
        Written and returned; made anew when absent. Apart from the others.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    array of the dtype of `source`, (height, width[, channels])
        The mean is taken in float32; for uint8 it is rounded to the nearest, halves upwards.

    Raises
    ------
    TypeError
        If something is no array, or the patch side no whole number.
    ValueError
        If the arrays do not fit each other, the patch side is even, or a position is not finite.
        A device does not say so: 0 is taken for what is no number there.

    Notes
    -----
    About ten operations for each of height * width * channels * patch_side^2 votes, each of four
    values of `source`. Allocates nothing but the result and does not wait for a device. Section 4.5
    of the paper, by bilinear interpolation.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import vote_field
    >>> source = np.array([[[0], [1], [2]]], np.float32)
    >>> field = np.array([[[0, 0.5], [0, 1.5]]], np.float32)
    >>> vote_field(source, field, 3).tolist()
    [[[0.5], [1.5]]]
    """
    on, source, field, out = on_target(source=source, field=field, out=out, stream=stream)
    source = checked("source", source, ANY_MAP, _DTYPES)
    field = checked_field("field", field)
    return _collect(on, vote_field_kernel, source, "field", field, patch_side, out)


def _checked_weights(weights, shape):
    """Weights of votes, if those on the host are some."""
    weights = checked("weights", weights, shape)
    if isinstance(weights, np.ndarray):
        least, largest = weights.min(), weights.max()
        if not (least >= 0 and largest <= MOST_WEIGHT):
            raise ValueError(
                f"weights are from {least} to {largest}; they have to be finite and 0 or more"
            )
    return weights


def _collect(on, kernel, source, name, positions, patch_side, out, *more, apart=None):
    radius = odd("patch_side", patch_side) // 2
    shape = *positions.shape[:2], *source.shape[2:]
    out = on.out(
        out, shape, source.dtype, apart_from={"source": source, name: positions, **(apart or {})}
    )
    # Storing a float in an integer array truncates it, so one half rounds.
    rounding = np.float32(0.5 if source.dtype == UINT8 else 0)
    from_map, to_map = as_map(source), as_map(out)
    extents = shape[0], shape[1] * to_map.shape[2]
    on.run(kernel, extents, storage(from_map), positions, radius, *more, rounding, storage(to_map))
    return out


@njit(parallel=True, **COUNTED)
def _vote_cpu(source, nnf, radius, rounding, out):
    height, width, channels = out.shape
    for y in prange(height):
        total = np.empty(channels, np.float32)
        for x in range(width):
            total[:] = 0
            count = 0
            for near_y in range(max(y - radius, 0), min(y + radius + 1, height)):
                for near_x in range(max(x - radius, 0), min(x + radius + 1, width)):
                    source_y = nnf[near_y, near_x, 0] + (y - near_y)
                    source_x = nnf[near_y, near_x, 1] + (x - near_x)
                    if is_inside(source, source_y, source_x):
                        count += 1
                        for c in range(channels):
                            total[c] += as_float32(source[source_y, source_x, c])
            for c in range(channels):
                store(out, y, x, c, _mean(total[c], count) + rounding)


@cuda.jit(cache=True)
def _vote_cuda(source, nnf, radius, rounding, out):
    index, y = cuda.grid(2)
    height, width, channels = out.shape
    if y < height and index < width * channels:
        x, c = place_in_row(index, channels)
        total = np.float32(0)
        count = 0
        for near_y in range(max(y - radius, 0), min(y + radius + 1, height)):
            for near_x in range(max(x - radius, 0), min(x + radius + 1, width)):
                source_y = nnf[near_y, near_x, 0] + (y - near_y)
                source_x = nnf[near_y, near_x, 1] + (x - near_x)
                if is_inside(source, source_y, source_x):
                    count += 1
                    total += as_float32(source[source_y, source_x, c])
        store(out, y, x, c, _mean(total, count) + rounding)


@njit(parallel=True, **COUNTED)
def _weighted_vote_cpu(source, nnf, radius, weights, rounding, out):
    height, width, channels = out.shape
    for y in prange(height):
        total = np.empty(channels, np.float32)
        for x in range(width):
            largest = largest_weight(source, nnf, weights, radius, y, x)
            total[:] = 0
            sum_of_weights = np.float32(0)
            for near_y in range(max(y - radius, 0), min(y + radius + 1, height)):
                for near_x in range(max(x - radius, 0), min(x + radius + 1, width)):
                    source_y = nnf[near_y, near_x, 0] + (y - near_y)
                    source_x = nnf[near_y, near_x, 1] + (x - near_x)
                    if is_inside(source, source_y, source_x):
                        weight = relative_weight(weight_of(weights, near_y, near_x), largest)
                        sum_of_weights += weight
                        for c in range(channels):
                            total[c] += weight * as_float32(source[source_y, source_x, c])
            for c in range(channels):
                store(out, y, x, c, total[c] / sum_of_weights + rounding)


@cuda.jit(cache=True)
def _weighted_vote_cuda(source, nnf, radius, weights, rounding, out):
    index, y = cuda.grid(2)
    height, width, channels = out.shape
    if y < height and index < width * channels:
        x, c = place_in_row(index, channels)
        largest = largest_weight(source, nnf, weights, radius, y, x)
        total, sum_of_weights = np.float32(0), np.float32(0)
        for near_y in range(max(y - radius, 0), min(y + radius + 1, height)):
            for near_x in range(max(x - radius, 0), min(x + radius + 1, width)):
                source_y = nnf[near_y, near_x, 0] + (y - near_y)
                source_x = nnf[near_y, near_x, 1] + (x - near_x)
                if is_inside(source, source_y, source_x):
                    weight = relative_weight(weight_of(weights, near_y, near_x), largest)
                    sum_of_weights += weight
                    total += weight * as_float32(source[source_y, source_x, c])
        store(out, y, x, c, total / sum_of_weights + rounding)


@njit(parallel=True, **COUNTED)
def _vote_alike_cpu(source, nnf, radius, falloff, rounding, out):
    height, width, channels = out.shape
    for y in prange(height):
        total = np.empty(channels, np.float32)
        for x in range(width):
            own_y, own_x = inside(nnf, y, x, source.shape)
            total[:] = 0
            weights = np.float32(0)
            for near_y in range(max(y - radius, 0), min(y + radius + 1, height)):
                for near_x in range(max(x - radius, 0), min(x + radius + 1, width)):
                    source_y = nnf[near_y, near_x, 0] + (y - near_y)
                    source_x = nnf[near_y, near_x, 1] + (x - near_x)
                    if is_inside(source, source_y, source_x):
                        weight = likeness(source, own_y, own_x, source_y, source_x, falloff)
                        weights += weight
                        for c in range(channels):
                            total[c] += weight * as_float32(source[source_y, source_x, c])
            for c in range(channels):
                store(out, y, x, c, total[c] / weights + rounding)


@cuda.jit(cache=True)
def _vote_alike_cuda(source, nnf, radius, falloff, rounding, out):
    index, y = cuda.grid(2)
    height, width, channels = out.shape
    if y < height and index < width * channels:
        x, c = place_in_row(index, channels)
        own_y, own_x = inside(nnf, y, x, source.shape)
        total, weights = np.float32(0), np.float32(0)
        for near_y in range(max(y - radius, 0), min(y + radius + 1, height)):
            for near_x in range(max(x - radius, 0), min(x + radius + 1, width)):
                source_y = nnf[near_y, near_x, 0] + (y - near_y)
                source_x = nnf[near_y, near_x, 1] + (x - near_x)
                if is_inside(source, source_y, source_x):
                    weight = likeness(source, own_y, own_x, source_y, source_x, falloff)
                    weights += weight
                    total += weight * as_float32(source[source_y, source_x, c])
        store(out, y, x, c, total / weights + rounding)


@njit(parallel=True, **UNCOUNTED)
def _vote_field_cpu(source, field, radius, rounding, out):
    height, width, channels = out.shape
    for y in prange(height):
        for x in range(width):
            for c in range(channels):
                value = _interpolated_vote(source, field, radius, np.int64(y), x, c)
                store(out, y, x, c, value + rounding)


@cuda.jit(cache=True)
def _vote_field_cuda(source, field, radius, rounding, out):
    index, y = cuda.grid(2)
    height, width, channels = out.shape
    if y < height and index < width * channels:
        x, c = place_in_row(index, channels)
        store(out, y, x, c, _interpolated_vote(source, field, radius, y, x, c) + rounding)


@register_jitable
def _interpolated_vote(source, field, radius, y, x, c):
    last_y, last_x = np.float32(source.shape[0] - 1), np.float32(source.shape[1] - 1)
    total, count = np.float32(0), 0
    for near_y in range(max(y - radius, 0), min(y + radius + 1, field.shape[0])):
        for near_x in range(max(x - radius, 0), min(x + radius + 1, field.shape[1])):
            source_y = field[near_y, near_x, 0] + np.float32(y - near_y)
            source_x = field[near_y, near_x, 1] + np.float32(x - near_x)
            if np.float32(0) <= source_y <= last_y and np.float32(0) <= source_x <= last_x:
                count += 1
                total += bilinear(source, source_y, source_x, c)
    if count == 0:
        return bilinear(source, field[y, x, 0], field[y, x, 1], c)
    return _mean(total, count)


@register_jitable
def _mean(total, count):
    return total / np.float32(count)


#: Kernel of :func:`analogy_kernels.vote`. Extents: height, width * channels.
vote_kernel = Kernel(_vote_cpu, _vote_cuda, element_launch)
#: Kernel of :func:`analogy_kernels.vote` with weights. Extents: height, width * channels.
weighted_vote_kernel = Kernel(_weighted_vote_cpu, _weighted_vote_cuda, element_launch)
#: Kernel of :func:`analogy_kernels.vote_alike`. Extents: height, width * channels.
vote_alike_kernel = Kernel(_vote_alike_cpu, _vote_alike_cuda, element_launch)
#: The same for three channels. Extents: height, width * 3.
vote_alike_colours_kernel = Kernel(vote_alike_of_colours, _vote_alike_cuda, element_launch)
#: Kernel of :func:`analogy_kernels.vote_field`. Extents: height, width * channels.
vote_field_kernel = Kernel(_vote_field_cpu, _vote_field_cuda, element_launch)
