"""Bilinear interpolation of a map at another resolution."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import ANY_MAP, as_map, checked, extents, positive
from analogy_kernels.geometry import place_in_row
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


def interpolate(
    source: Array,
    shape: tuple[int, int],
    scale: float,
    out: Array | None = None,
    *,
    stream: Stream = None,
) -> Result:
    """Sample a map bilinearly at the centres of a finer or coarser map's pixels.

    At half the resolution that is the mean of four pixels. Beyond the outermost centres the values
    there are kept.

    Parameters
    ----------
    source : float32 array, (height, width[, channels])
    shape : (int, int)
        Height and width of the result.
    scale : float
        Pixels of the result in one of `source`, along either axis.
    out : float32 array, (height, width[, channels]), of the height and width of `shape`, optional
        Written and returned; made anew when absent. Apart from `source`.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, (height, width[, channels])
        A map of the height and width of `shape`.

    Raises
    ------
    TypeError
        If something is no array, or a size or the scale no number.
    ValueError
        If the arrays do not fit each other and `shape`, or the scale is not above 0.

    Notes
    -----
    Nine operations a value of the result, of four values of the source. Allocates nothing but the
    result and does not wait for a device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import interpolate
    >>> source = np.array([[[0], [1]], [[2], [3]]], np.float32)
    >>> interpolate(source, (1, 1), 0.5).tolist()
    [[[1.5]]]
    """
    on, source, out = on_target(source=source, out=out, stream=stream)
    source = checked("source", source, ANY_MAP)
    height, width = extents("shape", shape)
    scale = np.float32(positive("scale", scale))
    out = on.out(out, (height, width, *source.shape[2:]), apart_from={"source": source})
    from_map, to_map = as_map(source), as_map(out)
    on.run(interpolate_kernel, (height, width * to_map.shape[2]), from_map, scale, to_map)
    return out


@njit(parallel=True, **UNCOUNTED)
def _interpolate_cpu(source, scale, out):
    for y in prange(out.shape[0]):
        above, below, down = _neighbours(y, scale, source.shape[0])
        for x in range(out.shape[1]):
            left, right, along = _neighbours(x, scale, source.shape[1])
            for c in range(out.shape[2]):
                upper = _between(source[above, left, c], source[above, right, c], along)
                lower = _between(source[below, left, c], source[below, right, c], along)
                out[y, x, c] = _between(upper, lower, down)


@cuda.jit(cache=True)
def _interpolate_cuda(source, scale, out):
    index, y = cuda.grid(2)
    channels = out.shape[2]
    if y < out.shape[0] and index < out.shape[1] * channels:
        x, c = place_in_row(index, channels)
        above, below, down = _neighbours(y, scale, source.shape[0])
        left, right, along = _neighbours(x, scale, source.shape[1])
        upper = _between(source[above, left, c], source[above, right, c], along)
        lower = _between(source[below, left, c], source[below, right, c], along)
        out[y, x, c] = _between(upper, lower, down)


@register_jitable
def _neighbours(position, scale, extent):
    """Pixels on either side of a position, and how far it is from the first."""
    centre = max((np.float32(position) + _HALF) / scale - _HALF, np.float32(0))
    # What lies far beyond the map is no whole number that a processor could tell.
    centre = min(centre, np.float32(extent))
    first = min(int(centre), extent - 1)
    second = min(first + 1, extent - 1)
    return first, second, centre - np.float32(first)


@register_jitable
def _between(first, second, share):
    return first + (second - first) * share


#: Kernel of :func:`analogy_kernels.interpolate`. Extents: height, width * channels.
interpolate_kernel = Kernel(_interpolate_cpu, _interpolate_cuda, element_launch)
