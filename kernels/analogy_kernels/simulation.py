"""Numba's CUDA part as the kernels of this package find it, and whether a device is simulated.

Whoever decorates a kernel imports ``cuda`` from here: then the package's kernels are kept as
`analogy_kernels.cache` says, and what waits does so passively.
"""

from __future__ import annotations

from numba import config, cuda
from numba.core import caching
from numba.cuda.core import caching as cuda_caching

from analogy_kernels.cache import keep_kernels
from analogy_kernels.threads import wait_passively

__all__ = ["SIMULATED", "cuda"]

keep_kernels(caching.CacheImpl, cuda_caching.CacheImpl)
wait_passively()

SIMULATED = bool(config.ENABLE_CUDASIM)
