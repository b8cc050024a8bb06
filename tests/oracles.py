"""Slow, obvious NumPy versions of the kernels, to compare against."""

import numpy as np


def warp(source, nnf):
    out = np.empty((*nnf.shape[:2], source.shape[2]), source.dtype)
    for y, x in np.ndindex(nnf.shape[:2]):
        out[y, x] = source[nnf[y, x, 0], nnf[y, x, 1]]
    return out
