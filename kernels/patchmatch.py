"""PatchMatch between feature maps: the nearest-neighbour field search of section 4.2.

Each iteration propagates matches by jump flooding (neighbours 8, 4, 2 and 1 pixels away, four
directions each) and then tries random positions in shrinking windows around the present match
(Barnes et al., 2009; jump flooding after Rong and Tan, 2006, as the authors' program has it).
Every one of these passes is a launch of its own that reads one field and writes another, so no
thread sees half of a pass, and the result does not depend on the order of threads.

A neighbour's match that has not changed since it was last tried from the same distance was turned
down then and would be turned down again: each match carries the pass that made it, and such
candidates are passed over. The others are compared row by row of the patch, and no further than
the rest could still make up for, by what their pixels' sketches allow (:mod:`kernels.sketch`). The
search is the same, most of its work is not done.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from kernels.exchange import offers_scratch, take_offers
from kernels.hashing import hash_random, random_below
from kernels.labels import is_allowed, no_labels
from kernels.reduction import lane_sum
from kernels.sketch import sketches_of
from kernels.target import INNER, LANES, cuda, pixel_index, pixel_launch, target_of

JUMPS = (8, 4, 2, 1)

# Propagations, a random search, and an exchange where both directions are searched.
PASSES_PER_ITERATION = len(JUMPS) + 2

# Side, in pixels, of what a CPU thread works through at a time: few enough rows of patches that
# they stay in its cache until the next row of pixels needs them again.
_TILE = 32

# Stands for infinity in costs and bounds: finite, so that it may be multiplied by zero.
_HUGE = np.float32(1e30)

# Of a pixel's inner product: what rounding may change between a sketch's and the whole one.
_ROUNDING = np.float32(1e-5)


def patchmatch(
    source,
    target,
    nnf,
    patch_side,
    radius,
    *,
    iterations=10,
    seed=0,
    bound=_HUGE,
    labels=None,
):
    """Improve a nearest-neighbour field between two maps.

    The cost of a match is minus the mean inner product of the two patches' channel vectors, over
    the patch positions inside both maps. For maps of unit vectors that is eq. 3 of the paper up
    to a factor and a constant; the two feature pairs of eq. 2, side by side along the channels,
    are one pair here.

    Parameters
    ----------
    source : float32 array, (height, width, channels)
    target : float32 array, (target height, target width, channels)
    nnf : int32 array, (height, width, 2)
        Where to start: positions (y, x) inside `target`. Not changed.
    patch_side : int
        Odd, in pixels.
    radius : int
        Of the first random-search window, in pixels of `target`.
    iterations : int
    seed : int
        Not negative. A seed gives the same candidates on every target; independent searches want
        different seeds.
    bound : float, optional
        Upper bound of the inner product of two channel vectors (1 for unit vectors, 2 for two
        pairs of them side by side), by which hopeless candidates are given up early.
    labels : two int32 arrays, (height, width), optional
        Of `source` and of `target`: which pixels may be matched with which, see
        :mod:`kernels.labels`. A match of `nnf` that they forbid costs 1e30, so that any other
        replaces it.

    Returns
    -------
    nnf : int32 array, (height, width, 2)
    cost : float32 array, (height, width)

    Raises
    ------
    ValueError
        If the maps have different numbers of channels or the patch side is even.
    """
    sketches = sketches_of(source, target)
    labels = labels or _free(source, target)
    field = _Field(source, target, sketches, labels, nnf, patch_side, radius, seed, bound)
    for iteration in range(iterations):
        field.improve(iteration)
    return field.nnf, field.cost


def patchmatch_both_ways(
    first,
    second,
    nnfs,
    patch_side,
    radii,
    *,
    iterations=8,
    seeds=(0, 1),
    bound=_HUGE,
    labels=None,
):
    """Improve the fields of both directions between two maps together.

    As :func:`patchmatch` for either direction, but after each iteration each field takes over
    what the other has found better (:mod:`kernels.exchange`), which costs no comparison: eight
    iterations come to lower costs than ten of two searches apart.

    Parameters
    ----------
    first, second : float32 arrays, (height, width, channels)
    nnfs : two int32 arrays
        From `first` to `second` and the reverse: where to start. Not changed.
    patch_side : int
        Odd, in pixels.
    radii : two int
        Of the first random-search windows, in pixels of `second` and of `first`.
    iterations : int
    seeds : two int
        Of the two directions; they should differ.
    bound : float, optional
        As for :func:`patchmatch`.
    labels : two int32 arrays, (height, width), optional
        Of `first` and of `second`, as for :func:`patchmatch`.

    Returns
    -------
    two pairs (nnf, cost)
        Of `first` to `second` and of the reverse.

    Raises
    ------
    ValueError
        As :func:`patchmatch`.
    """
    sketches = sketches_of(first, second)
    labels = labels or _free(first, second)
    maps = (first, second, sketches, labels), (second, first, sketches[::-1], labels[::-1])
    fields = [
        _Field(*pair, nnf, patch_side, radius, seed, bound)
        for pair, nnf, radius, seed in zip(maps, nnfs, radii, seeds, strict=True)
    ]
    forward, reverse = fields
    scratch = [offers_scratch(field.cost.shape, target_of(first)) for field in fields]
    for iteration in range(iterations):
        for field in fields:
            field.improve(iteration)
        forward.take_offers(reverse, iteration, scratch[0])
        reverse.take_offers(forward, iteration, scratch[1])
    return tuple((field.nnf, field.cost) for field in fields)


class Problem(NamedTuple):
    """What a pass of the search compares; a kernel takes it as one argument.

    Attributes
    ----------
    source, target : float32 arrays, (height, width * channels)
        Rows of pixels, each with its channels together.
    source_sketch, target_sketch : float32 arrays, (height, width * sketched channels)
        See :mod:`kernels.sketch`; without channels where there are none.
    labels, target_labels : int32 arrays, (height, width)
        See :mod:`kernels.labels`.
    channels : int
    half : int
        Pixels between a patch's middle and its border.
    bound : float32
        Of the inner product of two channel vectors.
    """

    source: Any
    target: Any
    source_sketch: Any
    target_sketch: Any
    labels: Any
    target_labels: Any
    channels: int
    half: int
    bound: Any


class _Field:
    """A field that is being improved, and what its passes write.

    Attributes
    ----------
    nnf : int32 array, (height, width, 2)
    cost : float32 array, (height, width)
    """

    def __init__(self, source, target, sketches, labels, nnf, patch_side, radius, seed, bound):
        if patch_side % 2 != 1 or source.shape[2] != target.shape[2]:
            raise ValueError(
                f"the patch side ({patch_side}) must be odd and the channels of the maps "
                f"{source.shape} and {target.shape} equal"
            )
        on = target_of(source, target, nnf)
        height, width, channels = source.shape
        maps = [_rows(features) for features in (source, target, *sketches)]
        self._labels = labels
        patch = channels, patch_side // 2, np.float32(bound)
        self._problem = Problem(*maps, *labels, *patch)
        self._radius, self._seed = radius, seed

        self.nnf, self._other_nnf = (on.empty((height, width, 2), np.int32) for _ in range(2))
        self._stamps, self._other_stamps = (on.empty((height, width), np.int32) for _ in range(2))
        self.cost = on.empty((height, width))
        start, _, _ = _passes(self.cost)
        start(self._problem, nnf, self.nnf, self._stamps, self.cost)

    def improve(self, iteration):
        """Propagate from far to near, then search at random."""
        _, propagate, search = _passes(self.cost)
        launch = iteration * PASSES_PER_ITERATION
        for jump in JUMPS:
            launch += 1
            present = self.nnf, self._stamps
            new = self._other_nnf, self._other_stamps
            propagate(self._problem, *present, *new, self.cost, jump, launch)
            (self.nnf, self._stamps), (self._other_nnf, self._other_stamps) = new, present
        present = self.nnf, self._stamps, self.cost
        search(self._problem, *present, self._radius, self._seed, launch + 1)

    def take_offers(self, other, iteration, scratch):
        """Take over what the field of the reverse direction has found better."""
        launch = (iteration + 1) * PASSES_PER_ITERATION
        mine = self.nnf, self.cost, self._stamps
        take_offers(*mine, other.nnf, other.cost, *self._labels, launch, scratch)


def _free(*maps):
    return tuple(no_labels(features.shape[0], target_of(features)) for features in maps)


def _rows(features):
    return features.reshape(features.shape[0], features.shape[1] * features.shape[2])


def _passes(cost):
    """Kernels of the three kinds of pass, called with the same arguments on either target."""
    if not target_of(cost).is_cuda:
        return _start_cpu, _propagate_cpu, _search_cpu
    launch = pixel_launch(*cost.shape)
    return _start_cuda[launch], _propagate_cuda[launch], _search_cuda[launch]


def _pixel_functions(run_product):
    """Work of one pixel in each pass.

    ``run_product(a, b, lane)`` is the inner product of two runs of memory. On the CPU a pixel has
    one thread, on CUDA the threads of a warp share it, each telling its `lane`.
    """

    @register_jitable
    def row_product(source, target, channels, y, x, match_y, match_x, columns, lane):
        """Inner product of one row of two patches, from their left pixels on."""
        # Channels last and pixels side by side: the row of a patch is one run of memory.
        row = source[y, x * channels : (x + columns) * channels]
        match_row = target[match_y, match_x * channels : (match_x + columns) * channels]
        return run_product(row, match_row, lane)

    @register_jitable
    def patch_cost(problem, y, x, match_y, match_x, best, lane):
        """Cost of a match that labels allow, or `_HUGE` once it cannot be below `best`."""
        source, target, channels = problem.source, problem.target, problem.channels
        sketch, target_sketch = problem.source_sketch, problem.target_sketch
        half, bound = problem.half, problem.bound
        height, width = source.shape[0], source.shape[1] // channels
        match_height, match_width = target.shape[0], target.shape[1] // channels
        top, left = min(half, y, match_y), min(half, x, match_x)
        bottom = min(half, height - 1 - y, match_height - 1 - match_y)
        right = min(half, width - 1 - x, match_width - 1 - match_x)
        columns, first, match_first = left + right + 1, x - left, match_x - left
        count = (top + bottom + 1) * columns

        # What the rows that are not yet compared can give at most, and what they have to.
        sketched = sketch.shape[1] // width
        rest, needed = bound * np.float32(count), -best * np.float32(count)
        if sketched > 0:
            rest = _ROUNDING * np.float32(count)
            for dy in range(-top, bottom + 1):
                place = y + dy, first, match_y + dy, match_first, columns, lane
                rest += row_product(sketch, target_sketch, sketched, *place)
            if rest <= needed:
                return _HUGE

        total = np.float32(0)
        for dy in range(-top, bottom + 1):
            place = y + dy, first, match_y + dy, match_first, columns, lane
            total += row_product(source, target, channels, *place)
            if sketched > 0:
                rest -= row_product(sketch, target_sketch, sketched, *place)
            else:
                rest = bound * np.float32((bottom - dy) * columns)
            if total + rest <= needed:
                return _HUGE
        return -total / np.float32(count)

    @register_jitable
    def first_cost(problem, y, x, match_y, match_x, lane):
        """Cost of the match to start from, or `_HUGE` if labels forbid it."""
        if not is_allowed(problem.labels, problem.target_labels, y, x, match_y, match_x):
            return _HUGE
        return patch_cost(problem, y, x, match_y, match_x, _HUGE, lane)

    @register_jitable
    def propagate(problem, matches, stamps, y, x, best, jump, launch, lane):
        """Best of a pixel's match and those of its neighbours `jump` pixels away."""
        labels, target_labels = problem.labels, problem.target_labels
        height, width = matches.shape[0], matches.shape[1]
        match_height = problem.target.shape[0]
        match_width = problem.target.shape[1] // problem.channels
        best_y, best_x, stamp = matches[y, x, 0], matches[y, x, 1], stamps[y, x]
        for neighbour in range(4):
            dy, dx = _neighbour_offset(neighbour, jump)
            if not _inside(y + dy, x + dx, height, width):
                continue
            if stamps[y + dy, x + dx] < launch - PASSES_PER_ITERATION:
                continue
            match_y = matches[y + dy, x + dx, 0] - dy
            match_x = matches[y + dy, x + dx, 1] - dx
            if match_y == best_y and match_x == best_x:
                continue
            if not _inside(match_y, match_x, match_height, match_width):
                continue
            if not is_allowed(labels, target_labels, y, x, match_y, match_x):
                continue
            cost = patch_cost(problem, y, x, match_y, match_x, best, lane)
            if cost < best:
                best, best_y, best_x, stamp = cost, match_y, match_x, launch
        return best, best_y, best_x, stamp

    @register_jitable
    def search(problem, matches, stamps, y, x, best, radius, seed, launch, lane):
        """Best of a pixel's match and random ones in shrinking windows around it."""
        labels, target_labels = problem.labels, problem.target_labels
        match_height = problem.target.shape[0]
        match_width = problem.target.shape[1] // problem.channels
        best_y, best_x, stamp = matches[y, x, 0], matches[y, x, 1], stamps[y, x]
        attempt = 0
        while radius >= 1:
            match_y = _random_near(best_y, radius, match_height, seed, launch, y, x, 2 * attempt)
            match_x = _random_near(best_x, radius, match_width, seed, launch, y, x, 2 * attempt + 1)
            is_new = match_y != best_y or match_x != best_x
            if is_new and is_allowed(labels, target_labels, y, x, match_y, match_x):
                cost = patch_cost(problem, y, x, match_y, match_x, best, lane)
                if cost < best:
                    best, best_y, best_x, stamp = cost, match_y, match_x, launch
            radius //= 2
            attempt += 1
        return best, best_y, best_x, stamp

    return first_cost, propagate, search


@njit(fastmath=True, **INNER)
def _run_product_cpu(a, b, lane):
    total = np.float32(0)
    for k in range(a.size):
        total += a[k] * b[k]
    return total


@register_jitable
def _run_product_cuda(a, b, lane):
    total = np.float32(0)
    # Unsigned, so that no step and no index is asked for its sign; see `kernels.reduction`.
    k, size = np.uint64(lane), np.uint64(a.size)
    while k < size:
        total += a[k] * b[k]
        k += np.uint64(LANES)
    return lane_sum(total)


_cost_cpu, _propagate_pixel_cpu, _search_pixel_cpu = _pixel_functions(_run_product_cpu)
_cost_cuda, _propagate_pixel_cuda, _search_pixel_cuda = _pixel_functions(_run_product_cuda)


@njit(parallel=True, cache=True, fastmath=True)
def _start_cpu(problem, nnf, matches, stamps, cost):
    for tile in prange(_tile_count(cost)):
        top, bottom, left, right = _tile_bounds(tile, cost)
        for y in range(top, bottom):
            for x in range(left, right):
                match_y, match_x = nnf[y, x, 0], nnf[y, x, 1]
                matches[y, x, 0], matches[y, x, 1], stamps[y, x] = match_y, match_x, 0
                cost[y, x] = _cost_cpu(problem, y, x, match_y, match_x, 0)


@njit(parallel=True, cache=True, fastmath=True)
def _propagate_cpu(problem, matches, stamps, new_matches, new_stamps, cost, jump, launch):
    for tile in prange(_tile_count(cost)):
        top, bottom, left, right = _tile_bounds(tile, cost)
        for y in range(top, bottom):
            for x in range(left, right):
                cost[y, x], new_matches[y, x, 0], new_matches[y, x, 1], new_stamps[y, x] = (
                    _propagate_pixel_cpu(
                        problem, matches, stamps, y, x, cost[y, x], jump, launch, 0
                    )
                )


@njit(parallel=True, cache=True, fastmath=True)
def _search_cpu(problem, matches, stamps, cost, radius, seed, launch):
    for tile in prange(_tile_count(cost)):
        top, bottom, left, right = _tile_bounds(tile, cost)
        for y in range(top, bottom):
            for x in range(left, right):
                cost[y, x], matches[y, x, 0], matches[y, x, 1], stamps[y, x] = _search_pixel_cpu(
                    problem, matches, stamps, y, x, cost[y, x], radius, seed, launch, 0
                )


@cuda.jit
def _start_cuda(problem, nnf, matches, stamps, cost):
    y, x, lane = pixel_index(cost.shape[1])
    if y >= cost.shape[0]:
        return
    match_y, match_x = nnf[y, x, 0], nnf[y, x, 1]
    first = _cost_cuda(problem, y, x, match_y, match_x, lane)
    if lane == 0:
        matches[y, x, 0], matches[y, x, 1], stamps[y, x] = match_y, match_x, 0
        cost[y, x] = first


@cuda.jit
def _propagate_cuda(problem, matches, stamps, new_matches, new_stamps, cost, jump, launch):
    y, x, lane = pixel_index(cost.shape[1])
    if y >= cost.shape[0]:
        return
    best, best_y, best_x, stamp = _propagate_pixel_cuda(
        problem, matches, stamps, y, x, cost[y, x], jump, launch, lane
    )
    if lane == 0:
        cost[y, x], new_stamps[y, x] = best, stamp
        new_matches[y, x, 0], new_matches[y, x, 1] = best_y, best_x


@cuda.jit
def _search_cuda(problem, matches, stamps, cost, radius, seed, launch):
    y, x, lane = pixel_index(cost.shape[1])
    if y >= cost.shape[0]:
        return
    best, best_y, best_x, stamp = _search_pixel_cuda(
        problem, matches, stamps, y, x, cost[y, x], radius, seed, launch, lane
    )
    if lane == 0:
        cost[y, x], stamps[y, x] = best, stamp
        matches[y, x, 0], matches[y, x, 1] = best_y, best_x


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


@register_jitable
def _inside(y, x, height, width):
    return y >= 0 and y < height and x >= 0 and x < width


@register_jitable
def _random_near(position, radius, size, seed, launch, y, x, k):
    """Random position at most `radius` from `position` and inside [0, size)."""
    low, high = max(position - radius, 0), min(position + radius, size - 1)
    return low + random_below(hash_random(seed, launch, y, x, k), high - low + 1)
