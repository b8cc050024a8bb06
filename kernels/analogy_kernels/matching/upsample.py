"""Nearest-neighbour upsampling of a nearest-neighbour field (section 4.4 of the paper)."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import FIELD, INT32, checked, extents, items, positive, whole
from analogy_kernels.target import (
    UNCOUNTED,
    Array,
    Kernel,
    Result,
    Stream,
    cuda,
    element_launch,
    on_target,
)

_HALF = np.float32(0.5)

# Beyond every map, and a whole number that processors can tell.
FAR = np.float32(2**31)


def upsample_nnf(
    nnf: Array,
    shape: tuple[int, int],
    other_shape: tuple[int, int],
    scale: tuple[float, float] = (2.0, 2.0),
    other_scale: tuple[float, float] = (2.0, 2.0),
    out: Array | None = None,
    *,
    first_row: int = 0,
    stream: Stream = None,
) -> Result:
    """Carry a field over to finer maps: every fine pixel takes its coarse pixel's match.

    The position of a fine pixel within its coarse pixel is kept within the match, so that the
    identity stays the identity. With ``scale == other_scale == 2``,
    ``out[y, x] = 2 * nnf[y // 2, x // 2] + (y % 2, x % 2)``. Matches are clamped to the other map.

    Parameters
    ----------
    nnf : int32 array, (coarse height, coarse width, 2)
        Positions (y, x) in the other coarse map.
    shape : (int, int)
        Height and width of the fine map.
    other_shape : (int, int)
        Height and width of the other fine map.
    scale : (float, float)
        Fine pixels in one coarse pixel, (y, x). May be fractional, as between an image and its
        resized copy; a fine pixel beyond the last coarse one takes that one's match, moved on.
    other_scale : (float, float)
        The same for the other map.
    out : int32 array, (height, width, 2), optional
        Written and returned; made anew when absent. Apart from `nnf`.
    first_row : int, optional
        Row of the fine map that the result starts with, where `shape` is that of a strip of it.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    int32 array, (height, width, 2)
        Positions (y, x) in the other fine map, all inside it.

    Raises
    ------
    TypeError
        If something is no array, or a size, a scale or the first row no number.
    ValueError
        If the arrays do not fit each other, a map is empty, or a scale is not above 0.

    Notes
    -----
    Ten operations a fine pixel; reads the coarse field once, from caches, and writes the fine one.
    Allocates nothing but the result and does not wait for a device. Section 4.4 of the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import upsample_nnf
    >>> upsample_nnf(np.array([[[0, 1]]], np.int32), (2, 2), (2, 4)).tolist()
    [[[0, 2], [0, 3]], [[1, 2], [1, 3]]]
    """
    on, nnf, out = on_target(nnf=nnf, out=out, stream=stream)
    nnf = checked("nnf", nnf, FIELD, INT32)
    shape, other_shape = extents("shape", shape), extents("other_shape", other_shape)
    scale, other_scale = (
        items(name, pair, 2, positive)
        for name, pair in (("scale", scale), ("other_scale", other_scale))
    )
    first_row = whole("first_row", first_row)
    out = on.out(out, (*shape, 2), np.int32, apart_from={"nnf": nnf})
    scales = map(np.float32, (*scale, *other_scale))
    on.run(upsample_nnf_kernel, shape, nnf, first_row, *other_shape, *scales, out)
    return out


@njit(parallel=True, **UNCOUNTED)
def _upsample_nnf_cpu(
    nnf, first_row, other_height, other_width, scale_y, scale_x, other_scale_y, other_scale_x, out
):
    for y in prange(out.shape[0]):
        coarse_y, residual_y = _coarse_pixel(first_row + y, scale_y, nnf.shape[0])
        for x in range(out.shape[1]):
            coarse_x, residual_x = _coarse_pixel(x, scale_x, nnf.shape[1])
            match_y, match_x = nnf[coarse_y, coarse_x, 0], nnf[coarse_y, coarse_x, 1]
            out[y, x, 0] = fine_match(match_y, residual_y, other_scale_y, other_height)
            out[y, x, 1] = fine_match(match_x, residual_x, other_scale_x, other_width)


@cuda.jit(cache=True)
def _upsample_nnf_cuda(
    nnf, first_row, other_height, other_width, scale_y, scale_x, other_scale_y, other_scale_x, out
):
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        coarse_y, residual_y = _coarse_pixel(first_row + y, scale_y, nnf.shape[0])
        coarse_x, residual_x = _coarse_pixel(x, scale_x, nnf.shape[1])
        match_y, match_x = nnf[coarse_y, coarse_x, 0], nnf[coarse_y, coarse_x, 1]
        out[y, x, 0] = fine_match(match_y, residual_y, other_scale_y, other_height)
        out[y, x, 1] = fine_match(match_x, residual_x, other_scale_x, other_width)


@register_jitable
def _coarse_pixel(fine, scale, coarse_extent):
    """Coarse coordinate of the centre of a fine pixel, and the rest of the way, in coarse pixels.

    The rest is below one, but beyond the last coarse pixel.
    """
    centre = (np.float32(fine) + _HALF) / scale
    coarse = min(int(min(centre, FAR)), coarse_extent - 1)
    return coarse, centre - np.float32(coarse)


@register_jitable
def fine_match(coarse_match, residual, scale, extent):
    """Where a coarse match leads a position that lies so far from its coarse pixel."""
    # The product comes last: no sum follows that a device could fuse with it, so every target
    # rounds alike.
    fine = max((np.float32(coarse_match) + residual) * scale, np.float32(0))
    return min(int(min(fine, FAR)), extent - 1)


#: Kernel of :func:`analogy_kernels.upsample_nnf`. Extents: height, width.
upsample_nnf_kernel = Kernel(_upsample_nnf_cpu, _upsample_nnf_cuda, element_launch)
