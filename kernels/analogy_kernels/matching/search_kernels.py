"""Kernels of the passes of a search: the start, a propagation and a search at random."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import device_function, whole
from analogy_kernels.hashing import hash_random, random_below
from analogy_kernels.matching.cuda_search import kernels_by_threads, kernels_by_warps
from analogy_kernels.matching.displacements import places_within
from analogy_kernels.matching.labels import is_allowed
from analogy_kernels.matching.search_costs import (
    HUGE,
    given_cost,
    inner_product_cost,
    run_product,
    run_product_cuda,
)
from analogy_kernels.target import COUNTED, INNER, UNCOUNTED, Kernel

JUMPS = (8, 4, 2, 1)

# Propagations, a random search, and an exchange where both directions are searched.
PASSES_PER_ITERATION = len(JUMPS) + 2

MOST_PAIRS = 4

# Side, in pixels, of what a CPU thread works through at a time: few enough rows of patches that
# they stay in its cache until the next row of pixels needs them again.
_TILE = 32

# Neighbours that a pixel hears of in all propagations of an iteration.
NEIGHBOURS = 4 * len(JUMPS)

# Of a cost with charges: what rounding may make of it in all iterations.
_ROUNDING = np.float32(1e-6)

# What a cost is called with.
COST_TAKES = "sources others y x match_y match_x half best"


class SearchKernels(NamedTuple):
    """Kernels of the three kinds of pass; extents: height, width.

    Attributes
    ----------
    start, propagate, search : Kernel
    """

    start: Kernel
    propagate: Kernel
    search: Kernel


def search_kernels(
    pairs: int = 1, cost: Callable | None = None, is_confined: bool = False
) -> SearchKernels:
    """Make the kernels of a search.

    Parameters
    ----------
    pairs : int
        Number of pairs of maps.
    cost : device function, optional
        As for :func:`analogy_kernels.patchmatch`. Without one patches are compared by inner
        products, for which the threads of a warp share a pixel.
    is_confined : bool
        Whether the random search keeps to displacements. Propagation does so by itself: a
        neighbour's displacement is one that the pixel may have.

    Returns
    -------
    SearchKernels
        With `start`, `propagate` and `search`; extents: height, width.

    Raises
    ------
    TypeError
        If `pairs` is no whole number, or the cost no device function.
    ValueError
        If there are no pairs, or more than four.

    Notes
    -----
    Made once for the same arguments, and compiled when they are first run. A propagation tries four
    matches a pixel, a search floor(log2(radius)) + 1.

    Examples
    --------
    >>> from analogy_kernels.launches import search_kernels
    >>> search_kernels(pairs=2)._fields
    ('start', 'propagate', 'search')
    """
    pairs = whole("pairs", pairs, 1, MOST_PAIRS)
    if cost is not None:
        device_function("cost", cost, COST_TAKES)
    kernels = _search_kernels(pairs, cost, _places_everywhere)
    if is_confined:
        return kernels._replace(search=_search_kernels(pairs, cost, allowed_places).search)
    return kernels


@lru_cache
def _search_kernels(pairs, cost, places_of):
    if cost is None:
        of_cpu = inner_product_cost(pairs, run_product, has_sketches=True)
        of_cuda = inner_product_cost(pairs, run_product_cuda, has_sketches=False)
        # What would change if every comparison were won tells a device what is worth comparing.
        _, has_offers, _ = _pixel_functions(_always_lowest, places_of)
        on_cuda = kernels_by_warps(_pixel_functions(of_cuda, places_of), has_offers)
        cpu = _cpu_kernels(_pixel_functions(of_cpu, places_of), UNCOUNTED)
    else:
        functions = _pixel_functions(given_cost(cost), places_of)
        on_cuda, cpu = kernels_by_threads(functions), _cpu_kernels(functions, COUNTED)
    twins = zip(cpu, on_cuda, strict=True)
    return SearchKernels(*[Kernel(kernel, *twin) for kernel, twin in twins])


# As functions, of which a search is made with one: looking for bounds takes registers.
@register_jitable
def _places_everywhere(problem, y, x):
    return (0, problem.other_height - 1), (0, problem.other_width - 1)


@register_jitable
def allowed_places(problem, y, x):
    rows = places_within(y, problem.low_y, problem.high_y, problem.other_height)
    return rows, places_within(x, problem.low_x, problem.high_x, problem.other_width)


def _pixel_functions(patch_cost, places_of):
    """Work of one pixel in each pass, for a cost of patches that labels allow.

    ``places_of(problem, y, x)`` gives the first and last row and the first and last column of the
    other map that a pixel may be matched with.
    """

    @register_jitable(forceinline=True)
    def whole_cost(maps, problem, y, x, match_y, match_x, best, lane):
        """Cost of the patches and of the match itself; `best` or more if not below it."""
        charge = _charge(problem, y, x, match_y, match_x)
        limit = best - charge
        found = patch_cost(maps, problem, y, x, match_y, match_x, limit, lane)
        # By rounding, a sum may be below although its parts are not.
        return found + charge if found < limit else max(found + charge, best)

    @register_jitable
    def start(maps, problem, y, x, match_y, match_x, lane):
        """Cost of the match to start from, or `HUGE` if labels forbid it."""
        if not is_allowed(problem.labels, problem.other_labels, y, x, match_y, match_x):
            return HUGE
        return whole_cost(maps, problem, y, x, match_y, match_x, HUGE, lane)

    @register_jitable
    def propagate(maps, problem, matches, stamps, y, x, best, jump, launch, since, lane):
        """Best of a pixel's match and those of its neighbours `jump` pixels away.

        A neighbour that has not changed since the launch `since` has been heard of by now.
        """
        labels, other_labels = problem.labels, problem.other_labels
        height, width = matches.shape[0], matches.shape[1]
        match_height, match_width = problem.other_height, problem.other_width
        best_y, best_x, stamp = matches[y, x, 0], matches[y, x, 1], stamps[y, x]
        for neighbour in range(4):
            dy, dx = _neighbour_offset(neighbour, jump)
            slot = _slot(neighbour, jump)
            if not _inside(y + dy, x + dx, height, width):
                continue
            match_y = matches[y + dy, x + dx, 0] - dy
            match_x = matches[y + dy, x + dx, 1] - dx
            if match_y == best_y and match_x == best_x:
                _note_floor(problem, y, x, slot, match_y, match_x, best)
                continue
            # A neighbour's displacement is within the bounds as it is.
            if not _inside(match_y, match_x, match_height, match_width):
                continue
            was_tried = stamps[y + dy, x + dx] < since
            if was_tried and _is_dearer_still(problem, y, x, match_y, match_x, slot, best):
                continue
            if not is_allowed(labels, other_labels, y, x, match_y, match_x):
                continue
            cost = whole_cost(maps, problem, y, x, match_y, match_x, best, lane)
            _note_floor(problem, y, x, slot, match_y, match_x, cost)
            if cost < best:
                best, best_y, best_x, stamp = cost, match_y, match_x, launch
        return best, best_y, best_x, stamp

    @register_jitable
    def search(maps, problem, matches, stamps, y, x, best, radius, seed, launch, lane):
        """Best of a pixel's match and random ones in shrinking windows around it."""
        labels, other_labels = problem.labels, problem.other_labels
        rows, columns = places_of(problem, y, x)
        best_y, best_x, stamp = matches[y, x, 0], matches[y, x, 1], stamps[y, x]
        attempt = 0
        while radius >= 1:
            match_y = _random_near(best_y, radius, rows, seed, launch, y, x, 2 * attempt)
            match_x = _random_near(best_x, radius, columns, seed, launch, y, x, 2 * attempt + 1)
            is_new = match_y != best_y or match_x != best_x
            if is_new and is_allowed(labels, other_labels, y, x, match_y, match_x):
                cost = whole_cost(maps, problem, y, x, match_y, match_x, best, lane)
                if cost < best:
                    best, best_y, best_x, stamp = cost, match_y, match_x, launch
            radius //= 2
            attempt += 1
        return best, best_y, best_x, stamp

    return start, propagate, search


@register_jitable
def _always_lowest(maps, problem, y, x, match_y, match_x, best, lane):
    return np.float32(-np.inf)


def _cpu_kernels(functions, counting):
    start_pixel, propagate_pixel, search_pixel = functions

    @njit(parallel=True, fastmath=True, **counting)
    def start(sources, others, channels, problem, nnf, matches, stamps, cost):
        for tile in prange(_tile_count(cost)):
            top, bottom, left, right = _tile_bounds(np.int64(tile), cost)
            for y in range(top, bottom):
                for x in range(left, right):
                    match_y, match_x = nnf[y, x, 0], nnf[y, x, 1]
                    matches[y, x, 0], matches[y, x, 1], stamps[y, x] = match_y, match_x, 0
                    cost[y, x] = start_pixel(
                        (sources, others, channels), problem, y, x, match_y, match_x, 0
                    )

    @njit(parallel=True, fastmath=True, **counting)
    def propagate(
        sources,
        others,
        channels,
        problem,
        matches,
        stamps,
        new_matches,
        new_stamps,
        cost,
        jump,
        launch,
        since,
    ):
        for tile in prange(_tile_count(cost)):
            top, bottom, left, right = _tile_bounds(np.int64(tile), cost)
            for y in range(top, bottom):
                for x in range(left, right):
                    cost[y, x], new_matches[y, x, 0], new_matches[y, x, 1], new_stamps[y, x] = (
                        propagate_pixel(
                            (sources, others, channels),
                            problem,
                            matches,
                            stamps,
                            y,
                            x,
                            cost[y, x],
                            jump,
                            launch,
                            since,
                            0,
                        )
                    )

    @njit(parallel=True, fastmath=True, **counting)
    def search(sources, others, channels, problem, matches, stamps, cost, radius, seed, launch):
        for tile in prange(_tile_count(cost)):
            top, bottom, left, right = _tile_bounds(np.int64(tile), cost)
            for y in range(top, bottom):
                for x in range(left, right):
                    cost[y, x], matches[y, x, 0], matches[y, x, 1], stamps[y, x] = search_pixel(
                        (sources, others, channels),
                        problem,
                        matches,
                        stamps,
                        y,
                        x,
                        cost[y, x],
                        radius,
                        seed,
                        launch,
                        0,
                    )

    return start, propagate, search


@njit(**INNER)
def _tile_count(cost):
    height, width = cost.shape
    return -(-height // _TILE) * -(-width // _TILE)


@njit(**INNER)
def _tile_bounds(tile, cost):
    """Rows and columns of a tile: first, and first no more."""
    height, width = cost.shape
    across = -(-width // _TILE)
    top, left = tile // across * _TILE, tile % across * _TILE
    return top, min(top + _TILE, height), left, min(left + _TILE, width)


@register_jitable
def _neighbour_offset(neighbour, jump):
    """(dy, dx) of the neighbours above, to the left, to the right and below."""
    if neighbour == 0:
        return -jump, 0
    if neighbour == 1:
        return 0, -jump
    if neighbour == 2:
        return 0, jump
    return jump, 0


@register_jitable(forceinline=True)
def _charge(problem, y, x, match_y, match_x):
    """What a match costs whatever its patches look like."""
    charge = np.float32(0)
    if problem.charges.shape[0] > 0:
        charge += problem.charges[match_y, match_x]
    if problem.anchors.shape[0] > 0:
        dy, dx = match_y - problem.anchors[y, x, 0], match_x - problem.anchors[y, x, 1]
        share = np.float32(dy * dy + dx * dx) / problem.anchor_reach_square
        charge += problem.anchor_cost * min(share, np.float32(1))
    return charge


@register_jitable
def _is_dearer_still(problem, y, x, match_y, match_x, slot, best):
    """Whether a match that was turned down would be again, now that charges have changed."""
    if problem.charges.shape[0] == 0:
        return True
    if problem.floors.shape[0] == 0:
        return problem.own_rises[y, x] <= problem.rises[match_y, match_x]
    floor = problem.floors[y, x, slot] + problem.charges[match_y, match_x]
    return floor > best + _ROUNDING


@register_jitable
def _note_floor(problem, y, x, slot, match_y, match_x, cost):
    """Remember what a neighbour's match costs at least, whatever its place is charged."""
    if problem.floors.shape[0] > 0:
        problem.floors[y, x, slot] = cost - problem.charges[match_y, match_x]


@register_jitable
def _slot(neighbour, jump):
    return np.uintp(neighbour + 4 * ((jump > 1) + (jump > 2) + (jump > 4)))


@register_jitable
def _inside(y, x, height, width):
    return y >= 0 and y < height and x >= 0 and x < width


@register_jitable
def _random_near(position, radius, places, seed, launch, y, x, k):
    """Random position at most `radius` from `position`, from a first to a last place."""
    low, high = max(position - radius, places[0]), min(position + radius, places[1])
    return low + random_below(hash_random(seed, launch, y, x, k), high - low + 1)
