"""Warping a map by a nearest-neighbour field (section 4.2 of the paper)."""

from __future__ import annotations

from numba import njit, prange

from analogy_kernels.arguments import ANY_MAP, NUMBERS, as_map, checked
from analogy_kernels.geometry import place_in_row
from analogy_kernels.half import storage
from analogy_kernels.positions import checked_nnf, inside
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


def warp(source: Array, nnf: Array, out: Array | None = None, *, stream: Stream = None) -> Result:
    """Fetch from `source` the pixel that every entry of `nnf` points at.

    ``out[y, x] = source[nnf[y, x, 0], nnf[y, x, 1]]``

    Parameters
    ----------
    source : array of numbers of any kind, (source height, source width[, channels])
    nnf : int32 array, (height, width, 2)
        Positions (y, x) in `source`, all inside it.
    out : array of the dtype of `source`, (height, width[, channels]), optional
        Written and returned; made anew when absent. Apart from the others.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    array of the dtype of `source`, (height, width[, channels])

    Raises
    ------
    TypeError
        If something is no array.
    ValueError
        If the arrays do not fit each other, or a position is outside `source`. A device does not
        say so: the nearest pixel is taken there.

    Notes
    -----
    No arithmetic: reads `nnf` once and height * width pixels of `source`, in the order of their
    matches, and writes the result once. Allocates nothing but the result and does not wait for a
    device. Section 4.2 of the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import warp
    >>> source = np.array([[[1], [2]], [[3], [4]]], np.float32)
    >>> nnf = np.array([[[1, 1], [0, 0]]], np.int32)
    >>> warp(source, nnf).tolist()
    [[[4.0], [1.0]]]
    """
    on, source, nnf, out = on_target(source=source, nnf=nnf, out=out, stream=stream)
    source = checked("source", source, ANY_MAP, NUMBERS)
    nnf = checked_nnf("nnf", nnf, "source", source.shape)
    shape = *nnf.shape[:2], *source.shape[2:]
    out = on.out(out, shape, source.dtype, apart_from={"source": source, "nnf": nnf})
    from_map, to_map = as_map(source), as_map(out)
    extents = shape[0], shape[1] * to_map.shape[2]
    on.run(warp_kernel, extents, storage(from_map), nnf, storage(to_map))
    return out


@njit(parallel=True, **UNCOUNTED)
def _warp_cpu(source, nnf, out):
    height, width, channels = out.shape
    for y in prange(height):
        for x in range(width):
            match_y, match_x = nnf[y, x, 0], nnf[y, x, 1]
            for c in range(channels):
                out[y, x, c] = source[match_y, match_x, c]


@cuda.jit(cache=True)
def _warp_cuda(source, nnf, out):
    index, y = cuda.grid(2)
    height, width, channels = out.shape
    if y < height and index < width * channels:
        x, c = place_in_row(index, channels)
        match_y, match_x = inside(nnf, y, x, source.shape)
        out[y, x, c] = source[match_y, match_x, c]


#: Kernel of :func:`analogy_kernels.warp`. Extents: height, width * channels.
warp_kernel = Kernel(_warp_cpu, _warp_cuda, element_launch)
