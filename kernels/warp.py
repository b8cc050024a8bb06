"""Warping a map by a nearest-neighbour field (section 4.2 of the paper)."""

from __future__ import annotations

from numba import njit, prange

from kernels.target import cuda, element_launch, target_of


def warp(source, nnf, out=None):
    """Fetch from `source` the pixel that every entry of `nnf` points at.

    ``out[y, x] = source[nnf[y, x, 0], nnf[y, x, 1]]``

    Parameters
    ----------
    source : float32 array, (source height, source width, channels)
    nnf : int32 array, (height, width, 2)
        Positions (y, x) in `source`, all inside it.
    out : float32 array, (height, width, channels), optional
        Written and returned; made anew when absent.

    Returns
    -------
    float32 array, (height, width, channels)

    Raises
    ------
    ValueError
        If the arrays live on different targets.
    """
    target = target_of(source, nnf)
    height, width = nnf.shape[:2]
    channels = source.shape[2]
    if out is None:
        out = target.empty((height, width, channels), source.dtype)
    if target.is_cuda:
        _warp_cuda[element_launch(height, width * channels)](source, nnf, out)
    else:
        _warp_cpu(source, nnf, out)
    return out


@njit(parallel=True, cache=True)
def _warp_cpu(source, nnf, out):
    height, width, channels = out.shape
    for y in prange(height):
        for x in range(width):
            match_y, match_x = nnf[y, x, 0], nnf[y, x, 1]
            for c in range(channels):
                out[y, x, c] = source[match_y, match_x, c]


@cuda.jit
def _warp_cuda(source, nnf, out):
    index, y = cuda.grid(2)
    height, width, channels = out.shape
    if y < height and index < width * channels:
        x, c = index // channels, index % channels
        out[y, x, c] = source[nnf[y, x, 0], nnf[y, x, 1], c]
