"""The nearest patches of every pixel, by trying all places that its matches may have.

What averages over several matches (non-local means) or asks how clear the best one is (stereo)
wants more than one, and from a small neighbourhood, where nothing is won by searching.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import whole
from analogy_kernels.matching.displacements import Displacements
from analogy_kernels.matching.search_costs import (
    HUGE,
    given_cost,
    inner_product_cost,
    run_product,
)
from analogy_kernels.matching.search_kernels import allowed_places
from analogy_kernels.matching.search_sides import sides_of
from analogy_kernels.target import (
    COUNTED,
    UNCOUNTED,
    Array,
    Kernel,
    Result,
    Stream,
    cuda,
    element_launch,
)

# A better match moves all that are worse.
_MOST_PATCHES = 16


def nearest_patches(
    source: Array | Sequence[Array],
    other: Array | Sequence[Array],
    patch_side: int,
    k: int,
    *,
    displacements: Displacements | None = None,
    bound: float = float(HUGE),
    cost: Callable | None = None,
    stream: Stream = None,
) -> tuple[Result, Result]:
    """Find the `k` patches of the other map that are most like each patch of a map.

    The costs are those of :func:`patchmatch`, and every place that a match may have is tried.

    Parameters
    ----------
    source : float32 or float16 array, (height, width[, channels])
        Or one to four such maps of the same places, as for :func:`patchmatch`.
    other : array of the same dtype, (other height, other width[, channels])
        Or as many maps as of `source`.
    patch_side : int
        Odd, in pixels.
    k : int
        Number of patches, 1 to 16.
    displacements : two pairs of int, optional
        How far from its pixel's place a match may lie: lowest and highest y of the match less the
        pixel's, and lowest and highest x, all included. When absent the whole other map is tried.
    bound : float, optional
        Upper bound of the inner product of two channel vectors (1 for unit vectors), by which
        hopeless candidates are given up early.
    cost : device function, optional
        Another cost, made by ``numba.extending.register_jitable``: see
        :mod:`analogy_kernels.matching.patch_cost`. Its kernels are compiled the first time.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    nnfs : int32 array, (k, height, width, 2)
        Positions (y, x) in `other`, the nearest patch's first and each but once; of equal costs
        the first in the order of rows comes first. Where a pixel may have fewer than `k` matches
        the last ones are its own place, or the nearest to it that it may have.
    costs : float32 array, (k, height, width)
        Ascending; 1e30 where there are no more matches.

    Raises
    ------
    TypeError
        If something is no array, an option no number, or the cost no device function.
    ValueError
        If the arrays do not fit each other, the patch side is even, `k` is not from 1 to 16, the
        bound is negative or not finite, or `displacements` leave a pixel no place.

    Notes
    -----
    For each pixel and each place up to patch_side^2 * channels multiply-adds: with the whole other
    map as many times the pixels of either as there are, so that :func:`patchmatch` is faster for
    all but small maps. On a device one thread works on a pixel. Allocates 12 bytes for each match,
    and the sketches of :func:`patchmatch`. Does not wait for a device. The blocks of non-local
    means (Buades et al., "A non-local algorithm for image denoising", 2005) and of stereo.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import nearest_patches
    >>> from analogy_kernels.device import squared_difference
    >>> row = np.array([[0, 3, 1, 3]], np.float32)
    >>> within = (0, 0), (-2, 2)
    >>> nnfs, costs = nearest_patches(row, row, 1, 2, displacements=within, cost=squared_difference)
    >>> nnfs[:, 0, 1].tolist(), costs[:, 0, 1].tolist()
    ([[0, 1], [0, 3]], [0.0, 0.0])
    """
    k = whole("k", k, 1, _MOST_PATCHES)
    by = None, bound, cost, displacements
    sides = sides_of({"source": source, "other": other}, patch_side, *by, stream)
    on, shape = sides.on, sides.sources[0].shape[:2]
    nnfs, costs = on.empty((k, *shape, 2), np.int32), on.empty((k, *shape))
    kernel = nearest_kernel(len(sides.sources), cost)
    on.run(kernel, shape, *sides.arguments(), nnfs, costs)
    return nnfs, costs


@lru_cache
def nearest_kernel(pairs=1, cost=None):
    """Kernel for so many pairs of maps, by inner products or a cost; extents: height, width."""
    if cost is None:
        of_cpu = _pixel_function(inner_product_cost(pairs, run_product, has_sketches=True))
        of_cuda = _pixel_function(inner_product_cost(pairs, run_product, has_sketches=False))
    else:
        of_cpu = of_cuda = _pixel_function(given_cost(cost))
    counting = UNCOUNTED if cost is None else COUNTED
    return Kernel(_cpu_kernel(of_cpu, counting), _cuda_kernel(of_cuda), element_launch)


def _cpu_kernel(find_nearest, counting):
    @njit(parallel=True, fastmath=True, **counting)
    def nearest(sources, others, channels, problem, nnfs, costs):
        for row in prange(costs.shape[1]):
            y = np.int64(row)
            for x in range(costs.shape[2]):
                find_nearest((sources, others, channels), problem, y, x, nnfs, costs)

    return nearest


def _cuda_kernel(find_nearest):
    @cuda.jit(cache=True)
    def nearest(sources, others, channels, problem, nnfs, costs):
        x, y = cuda.grid(2)
        if y < costs.shape[1] and x < costs.shape[2]:
            find_nearest((sources, others, channels), problem, y, x, nnfs, costs)

    return nearest


def _pixel_function(patch_cost):
    @register_jitable
    def find_nearest(maps, problem, y, x, nnfs, costs):
        """Keep the best matches of a pixel in the results, from the best one on."""
        (first_y, last_y), (first_x, last_x) = allowed_places(problem, y, x)
        last = costs.shape[0] - 1
        for i in range(last + 1):
            costs[i, y, x] = HUGE
            nnfs[i, y, x, 0] = min(max(y, first_y), last_y)
            nnfs[i, y, x, 1] = min(max(x, first_x), last_x)
        for match_y in range(first_y, last_y + 1):
            for match_x in range(first_x, last_x + 1):
                worst = costs[last, y, x]
                cost = patch_cost(maps, problem, y, x, match_y, match_x, worst, 0)
                if cost < worst:
                    _insert(nnfs, costs, y, x, match_y, match_x, cost)

    return find_nearest


@register_jitable
def _insert(nnfs, costs, y, x, match_y, match_x, cost):
    """Put a match behind those that are as good, in place of the last."""
    i = costs.shape[0] - 1
    while i > 0 and cost < costs[i - 1, y, x]:
        costs[i, y, x] = costs[i - 1, y, x]
        nnfs[i, y, x, 0], nnfs[i, y, x, 1] = nnfs[i - 1, y, x, 0], nnfs[i - 1, y, x, 1]
        i -= 1
    costs[i, y, x], nnfs[i, y, x, 0], nnfs[i, y, x, 1] = cost, match_y, match_x
