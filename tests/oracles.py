"""Slow, obvious NumPy versions of the kernels, to compare against."""

import numpy as np


def warp(source, nnf):
    out = np.empty((*nnf.shape[:2], source.shape[2]), source.dtype)
    for y, x in np.ndindex(nnf.shape[:2]):
        out[y, x] = source[nnf[y, x, 0], nnf[y, x, 1]]
    return out


def hash_random(seed, stream, y, x, k):
    bits = 0x9E3779B9
    for value in (seed, stream, y, x, k):
        bits ^= value & 0xFFFFFFFF
        bits ^= bits >> 16
        bits = bits * 0x7FEB352D % 2**32
        bits ^= bits >> 15
        bits = bits * 0x846CA68B % 2**32
        bits ^= bits >> 16
    return bits
