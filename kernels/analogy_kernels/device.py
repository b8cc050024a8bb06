"""Device functions: what the kernels are made of, for other people's kernels.

They are compiled into ``@njit`` code as into ``@cuda.jit`` code, and run as plain Python where
neither is; but for those `ON_CUDA`, by which the threads of a block or a warp work together, and
those `ON_CPU`. They check nothing and raise nothing: an index has to lie inside its array. They
allocate nothing, and each says how many operations a call takes.

>>> from numba import njit
>>> import numpy as np
>>> from analogy_kernels.device import bilinear
>>> @njit
... def sampled(image, y, x):
...     return bilinear(image, np.float32(y), np.float32(x), 0)
>>> float(sampled(np.array([[[0.0], [1.0]]], np.float32), 0, 0.25))
0.25
"""

from analogy_kernels.half import as_float32, store
from analogy_kernels.hashing import hash_random, random_below
from analogy_kernels.imaging.bilinear import bilinear
from analogy_kernels.imaging.blend import hard_weight, sigmoid_weight
from analogy_kernels.matching.labels import is_allowed
from analogy_kernels.matching.patch_cost import (
    minus_inner_product,
    normalised_correlation,
    patch_overlap,
    squared_difference,
)
from analogy_kernels.matching.smooth import affinity
from analogy_kernels.reduction import squared_norm
from analogy_kernels.solvers.stencil import five_point
from analogy_kernels.target import load4, pixel_index, store4
from analogy_kernels.thread_sums import block_sum, lane_squared_norm, lane_sum

ON_CUDA = ("block_sum", "lane_squared_norm", "lane_sum", "load4", "pixel_index", "store4")
ON_CPU = ("squared_norm",)

__all__ = [
    "affinity",
    "as_float32",
    "bilinear",
    "block_sum",
    "five_point",
    "hard_weight",
    "hash_random",
    "is_allowed",
    "lane_squared_norm",
    "lane_sum",
    "load4",
    "minus_inner_product",
    "normalised_correlation",
    "patch_overlap",
    "pixel_index",
    "random_below",
    "sigmoid_weight",
    "squared_difference",
    "squared_norm",
    "store",
    "store4",
]
