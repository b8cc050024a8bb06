"""What the machine itself can do: single-precision matrix products and memory bandwidth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.blas import sgemm

from analogy_kernels.solvers.vectors import add_scaled
from benchmarks.table import Figure
from benchmarks.timing import take_turns

_MATRIX_SIDE = 2048

# 128 MiB a vector: beyond the caches.
_VECTOR_LENGTH = 2**25


@dataclass(frozen=True)
class Limits:
    """Measured peaks.

    Attributes
    ----------
    flops : float
        Of single-precision matrix products by the BLAS that the kernels call, on all its threads,
        per second.
    bandwidth : float
        Bytes per second of ``out = x + s * y`` over long vectors, as the STREAM benchmark counts
        them: two vectors read and one written.
    """

    flops: float
    bandwidth: float

    def share(self, flops, moved, seconds):
        """How near work comes to the least time that either peak lets it take."""
        return max(flops / self.flops, moved / self.bandwidth) / seconds

    def figures(self):
        return [
            Figure("limits", "matrix products, float32", self.flops / 1e9, "GFLOP/s"),
            Figure("limits", "memory bandwidth", self.bandwidth / 1e9, "GB/s"),
        ]


def measure_limits(*, rounds, matrix_side=_MATRIX_SIDE, vector_length=_VECTOR_LENGTH):
    """Best of some rounds: a peak, unlike a typical time, is what noise takes away from."""
    random = np.random.default_rng(0)
    a, b = (
        np.asfortranarray(random.standard_normal((matrix_side, matrix_side), np.float32))
        for _ in range(2)
    )
    product = np.empty_like(a)
    x, y, out = (np.ones(vector_length, np.float32) for _ in range(3))

    def multiply():
        sgemm(1.0, a, b, c=product, overwrite_c=True)

    def stream():
        add_scaled(x, 0.5, y, out)

    multiply()
    stream()
    fastest = take_turns(multiply, stream, rounds=rounds).min(axis=0)
    return Limits(2 * matrix_side**3 / fastest[0], 3 * x.nbytes / fastest[1])
