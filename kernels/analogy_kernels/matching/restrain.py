"""Matches that a search may not lead far from where it set out."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import FIELD, INT32, checked, whole
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


def restrain(
    nnf: Array, start: Array, reach: int, out: Array | None = None, *, stream: Stream = None
) -> Result:
    """Take back each match that lies more than `reach` pixels, along either axis, from its start.

    Parameters
    ----------
    nnf, start : int32 arrays, (height, width, 2)
        Positions (y, x) in the other map.
    reach : int
        Not negative.
    out : int32 array, (height, width, 2), optional
        Written and returned; made anew when absent. May be `nnf` or `start`.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    int32 array, (height, width, 2)

    Raises
    ------
    TypeError
        If something is no array, or `reach` no whole number.
    ValueError
        If the arrays do not fit each other, or `reach` is negative.

    Notes
    -----
    Six operations a pixel; reads both fields once and writes one. Allocates nothing but the result
    and does not wait for a device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import restrain
    >>> start = np.zeros((1, 2, 2), np.int32)
    >>> restrain(np.array([[[2, 0], [0, 3]]], np.int32), start, 2).tolist()
    [[[2, 0], [0, 0]]]
    """
    on, nnf, start, out = on_target(nnf=nnf, start=start, out=out, stream=stream)
    nnf = checked("nnf", nnf, FIELD, INT32)
    start = checked("start", start, nnf.shape, INT32)
    reach = whole("reach", reach)
    out = on.out(out, nnf.shape, np.int32, in_place_of={"nnf": nnf, "start": start})
    on.run(restrain_kernel, nnf.shape[:2], nnf, start, reach, out)
    return out


@njit(parallel=True, **UNCOUNTED)
def _restrain_cpu(nnf, start, reach, out):
    for y in prange(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x, 0], out[y, x, 1] = _restrained(nnf, start, reach, y, x)


@cuda.jit(cache=True)
def _restrain_cuda(nnf, start, reach, out):
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        out[y, x, 0], out[y, x, 1] = _restrained(nnf, start, reach, y, x)


@register_jitable
def _restrained(nnf, start, reach, y, x):
    match_y, match_x = nnf[y, x, 0], nnf[y, x, 1]
    start_y, start_x = start[y, x, 0], start[y, x, 1]
    if max(abs(match_y - start_y), abs(match_x - start_x)) > reach:
        return start_y, start_x
    return match_y, match_x


#: Kernel of :func:`analogy_kernels.restrain`. Extents: height, width.
restrain_kernel = Kernel(_restrain_cpu, _restrain_cuda, element_launch)
