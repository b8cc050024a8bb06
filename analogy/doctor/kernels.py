"""Kernels compiled here and compared with plain NumPy."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from analogy.doctor.finding import Finding
from analogy.errors import brief

_COMPILE_ANEW = (
    "compile anew (NUMBA_CACHE_DIR=an-empty-folder analogy doctor); if it stays, "
    "pip install --force-reinstall numba numba-cuda numpy"
)

# Of float32 sums of a few hundred terms near one, in whatever order.
_TOLERANCE = 1e-4


def kernels(target):
    """Compile kernels and compare what they give with plain NumPy."""
    for name, (kernel, expected) in _COMPARISONS.items():
        check = f"{name} on {target.name}"
        started = time.perf_counter()
        random = np.random.default_rng(0)
        try:
            arrays = _maps(random)
            given = kernel(target, *arrays)
        # A compiler, a driver or a cache may fail in any way.
        except Exception as error:
            yield Finding(check, "broken", f"does not run ({brief(error)})", _COMPILE_ANEW)
            continue
        seconds = time.perf_counter() - started
        error = float(np.abs(given - expected(*arrays)).max())
        if not error <= _TOLERANCE:
            yield Finding(check, "broken", f"differs from NumPy by {error:.2g}", _COMPILE_ANEW)
        else:
            yield Finding(check, "ok", f"agrees with NumPy within {error:.1g}; {seconds:.2f} s")


def _maps(random):
    """Two maps of 32 channels, a field from the one to the other, and filters."""
    source, target = (random.random((12, 13, 32), np.float32) for _ in range(2))
    nnf = random.integers(0, (12, 13), (12, 13, 2)).astype(np.int32)
    filters = (random.standard_normal((3, 3, 32, 8)) / 17).astype(np.float32)
    return source, target, nnf, filters


def _vote(on, source, target, nnf, filters):
    from analogy_kernels.imaging.vote import vote

    return on.to_host(vote(on.asarray(target), on.asarray(nnf), 3))


def _plain_vote(source, target, nnf, filters):
    total, count = np.zeros((*nnf.shape[:2], target.shape[2])), np.zeros((*nnf.shape[:2], 1))
    y, x = np.indices(nnf.shape[:2])
    for dy, dx in np.ndindex(3, 3):
        near_y, near_x = y + dy - 1, x + dx - 1
        clipped = np.clip(near_y, 0, y.max()), np.clip(near_x, 0, x.max())
        inside = (clipped[0] == near_y) & (clipped[1] == near_x)
        match = nnf[clipped] - (dy - 1, dx - 1)
        inside &= ((match >= 0) & (match < target.shape[:2])).all(axis=2)
        total[inside] += target[tuple(match[inside].T)]
        count[inside] += 1
    return total / count


def _warp(on, source, target, nnf, filters):
    from analogy_kernels.imaging.warp import warp

    return on.to_host(warp(on.asarray(target), on.asarray(nnf)))


def _plain_warp(source, target, nnf, filters):
    return target[nnf[..., 0], nnf[..., 1]]


def _normalize(on, source, target, nnf, filters):
    from analogy_kernels.matching.normalize import normalize

    return on.to_host(normalize(on.asarray(source)))


def _plain_normalize(source, target, nnf, filters):
    return source / np.linalg.norm(source, axis=2, keepdims=True)


def _convolution(on, source, target, nnf, filters):
    from analogy_kernels.network.convolution import conv3x3_relu
    from analogy_kernels.network.filters import filter_bank

    bank = filter_bank(filters, np.zeros(filters.shape[3], np.float32), on)
    return on.to_host(conv3x3_relu(on.asarray(source), bank))


def _plain_convolution(source, target, nnf, filters):
    padded = np.pad(source, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    return np.maximum(np.einsum("yxcij,ijco->yxo", windows, filters), 0)


def _patch_cost(on, source, target, nnf, filters):
    from analogy_kernels.matching.patchmatch import patchmatch

    source, other = (on.asarray(_unit(features)) for features in (source, target))
    _, cost = patchmatch(source, other, 3, start=on.asarray(nnf), iterations=0)
    return on.to_host(cost)


def _plain_patch_cost(source, target, nnf, filters):
    source, target = _unit(source), _unit(target)
    total, count = np.zeros(nnf.shape[:2]), np.zeros(nnf.shape[:2])
    positions = np.moveaxis(np.indices(nnf.shape[:2]), 0, -1)
    for index in np.ndindex(3, 3):
        offset = np.array(index, np.int32) - 1
        position = positions + offset
        match = nnf + offset
        inside = ((position >= 0) & (position < source.shape[:2])).all(axis=2)
        inside &= ((match >= 0) & (match < target.shape[:2])).all(axis=2)
        pairs = source[tuple(position[inside].T)], target[tuple(match[inside].T)]
        total[inside] -= (pairs[0] * pairs[1]).sum(axis=1)
        count[inside] += 1
    return total / count


def _unit(features):
    return features / np.linalg.norm(features, axis=2, keepdims=True)


# What runs a kernel on a target, and what NumPy makes of the same maps.
_COMPARISONS: dict[str, tuple[Callable, Callable]] = {
    "vote": (_vote, _plain_vote),
    "warp": (_warp, _plain_warp),
    "normalisation": (_normalize, _plain_normalize),
    "convolution": (_convolution, _plain_convolution),
    "patch cost": (_patch_cost, _plain_patch_cost),
}
