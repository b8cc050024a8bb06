"""PatchMatch against a straightforward one.

Our search is that of the preset `matches`, whose directions exchange what they find. The baseline
searches either direction for itself, with the iterations of the authors' program, and compares
every candidate in full: nothing is passed over, nothing given up early, every element of both
patches is fetched for itself.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numba import njit, prange

from analogy.method.algorithm import FeaturePair, carry_down, upsampled
from analogy.method.masks import MatchingMasks
from analogy.method.plan import plan_levels
from analogy.method.progress import Progress
from analogy.method.search import (
    _FORWARD,
    _REVERSE,
    _SEEDS_PER_LEVEL,
    _SEEDS_PER_RUN,
    Matches,
    initial_matches,
    search_matches,
    side_by_side,
)
from analogy.model import bundled_path
from analogy.network.features import FeatureExtractor
from analogy.network.layers import Network
from analogy.parameters import PRESETS
from analogy_kernels.hashing import hash_random, random_below
from analogy_kernels.matching.patchmatch import JUMPS, PASSES_PER_ITERATION
from analogy_kernels.target import CPU
from benchmarks.images import example_pair
from benchmarks.table import Figure, at_least, at_most
from benchmarks.timing import take_turns

_SPEED = 3.0

_OWN, _BASELINE = PRESETS["matches"], PRESETS["authors"]

# What the order of float32 sums may change of a mean cost, which lies in [-2, 0]: eight ulps.
_COST_ROUNDING = 1e-6


def measure(limits, *, side, rounds):
    """Times and mean costs at all levels, both directions together, of images of `side` pixels.

    Returns
    -------
    list of Figure
    """
    figures, times, excesses, total_flops = [], [], [], 0
    for problem in problems(side, _OWN):
        level = problem[2]
        plain = *problem[:-1], replace(_OWN, search_iterations=_BASELINE.search_iterations)
        own, baseline = partial(search_matches, *problem), partial(baseline_matches, *plain)
        excesses += _cost_excesses(problem, own(), baseline())
        times.append(take_turns(baseline, own, rounds=rounds))
        total_flops += baseline_flops(*plain)
        baseline_seconds, own_seconds = np.median(times[-1], axis=0)
        figures += [
            Figure("PatchMatch", f"level {level}", own_seconds, "s"),
            Figure("PatchMatch", f"level {level}, baseline", baseline_seconds, "s"),
        ]
    baseline_seconds, own_seconds = np.median(np.sum(times, axis=0), axis=0)
    share = limits.share(total_flops, 0, baseline_seconds)
    return [
        *figures,
        Figure(
            "PatchMatch",
            "all levels: speed / baseline's",
            baseline_seconds / own_seconds,
            "",
            at_least(_SPEED),
        ),
        Figure(
            "PatchMatch",
            "worst mean cost, less baseline's",
            max(excesses),
            "",
            at_most(_COST_ROUNDING),
        ),
        Figure("PatchMatch", "baseline: share of the limit", 100 * share, "%"),
        Figure(
            "PatchMatch",
            "equivalent to the baseline at",
            total_flops / own_seconds / 1e9,
            "GFLOP/s",
        ),
    ]


def problems(side, parameters):
    """What a transfer of the example pair searches at each level.

    Yields
    ------
    tuple
        Arguments of :func:`analogy.method.search.search_matches`.
    """
    network = Network.load(bundled_path())
    extractor = FeatureExtractor(bundled_path(), "cpu")
    a, b_prime = (extractor(image) for image in example_pair(side, side))
    pair = FeaturePair(a, b_prime, network, parameters, MatchingMasks(None))
    matches, carried = initial_matches(*pair.shapes(5), parameters, CPU), None
    for plan in plan_levels(replace(parameters, coarse_matching="patchmatch"), is_led=False):
        problem = pair.level_features(plan.level, carried), matches, plan.level, parameters
        yield problem
        if plan.level == 1:
            return
        found = search_matches(*problem)
        carried, _ = carry_down(plan, pair, {}, found, Progress(None, {}))
        matches = upsampled(found, *pair.shapes(plan.level - 1))


def baseline_matches(features, matches, level, parameters):
    """Improve both fields of a level; see :func:`analogy.method.search.search_matches`."""
    a, a_prime, b, b_prime = features
    side_a, side_b = side_by_side(a, a_prime), side_by_side(b, b_prime)
    seed = parameters.seed * _SEEDS_PER_RUN + level * _SEEDS_PER_LEVEL
    patch_side, iterations = parameters.patch_side(level), parameters.iterations(level)
    radius_b, radius_a = (
        parameters.search_radius(level, features.shape[:2]) for features in (side_b, side_a)
    )
    ab, cost_ab = patchmatch(
        side_a, side_b, matches.ab, patch_side, radius_b, iterations, seed + _FORWARD
    )
    ba, cost_ba = patchmatch(
        side_b, side_a, matches.ba, patch_side, radius_a, iterations, seed + _REVERSE
    )
    return Matches(ab, ba, cost_ab, cost_ba)


def baseline_flops(features, matches, level, parameters):
    """Operations of :func:`baseline_matches`, patches that the border cuts counted in full."""
    a, _, b, _ = features
    per_patch = 2 * parameters.patch_side(level) ** 2 * 2 * a.shape[2]
    total = 0
    for source, target in ((a, b), (b, a)):
        tries = parameters.search_radius(level, target.shape[:2]).bit_length()
        per_iteration = 4 * len(JUMPS) + tries
        candidates = 1 + parameters.iterations(level) * per_iteration
        total += source.shape[0] * source.shape[1] * candidates * per_patch
    return total


def _cost_excesses(problem, own, baseline):
    """Mean cost of both own fields beyond that of the baseline's, by one and the same measure."""
    (a, a_prime, b, b_prime), _, level, parameters = problem
    side_a, side_b = side_by_side(a, a_prime), side_by_side(b, b_prime)
    half = parameters.patch_side(level) // 2
    for source, target, mine, other in (
        (side_a, side_b, own.ab, baseline.ab),
        (side_b, side_a, own.ba, baseline.ba),
    ):
        costs, other_costs = (field_cost(source, target, half, nnf) for nnf in (mine, other))
        yield costs.mean(dtype=np.float64) - other_costs.mean(dtype=np.float64)


def patchmatch(source, target, nnf, patch_side, radius, iterations, seed):
    """Improve a nearest-neighbour field; see :func:`analogy_kernels.patchmatch`."""
    half, matches = patch_side // 2, nnf.copy()
    other_matches, cost = np.empty_like(matches), field_cost(source, target, half, matches)
    for iteration in range(iterations):
        for jump in JUMPS:
            _propagate(source, target, half, matches, other_matches, cost, jump)
            matches, other_matches = other_matches, matches
        launch = (iteration + 1) * PASSES_PER_ITERATION - 1
        _search(source, target, half, matches, cost, radius, seed, launch)
    return matches, cost


def field_cost(source, target, half, nnf):
    """Cost of every match of a field, float32 (height, width)."""
    cost = np.empty(nnf.shape[:2], np.float32)
    _costs(source, target, half, nnf, cost)
    return cost


@njit(parallel=True, cache=True, fastmath=True)
def _costs(source, target, half, matches, cost):
    for y in prange(cost.shape[0]):
        for x in range(cost.shape[1]):
            cost[y, x] = _cost(source, target, half, y, x, matches[y, x, 0], matches[y, x, 1])


@njit(parallel=True, cache=True, fastmath=True)
def _propagate(source, target, half, matches, new_matches, cost, jump):
    height, width = cost.shape
    target_height, target_width = target.shape[:2]
    for y in prange(height):
        for x in range(width):
            best, best_y, best_x = cost[y, x], matches[y, x, 0], matches[y, x, 1]
            for dy, dx in ((-jump, 0), (0, -jump), (0, jump), (jump, 0)):
                if not (0 <= y + dy < height and 0 <= x + dx < width):
                    continue
                match_y = matches[y + dy, x + dx, 0] - dy
                match_x = matches[y + dy, x + dx, 1] - dx
                if not (0 <= match_y < target_height and 0 <= match_x < target_width):
                    continue
                candidate = _cost(source, target, half, y, x, match_y, match_x)
                if candidate < best:
                    best, best_y, best_x = candidate, match_y, match_x
            cost[y, x], new_matches[y, x, 0], new_matches[y, x, 1] = best, best_y, best_x


# Not kept: Numba's cache would not see changes in what this calls of the kernels' files.
@njit(parallel=True, fastmath=True)
def _search(source, target, half, matches, cost, first_radius, seed, launch):
    for y in prange(cost.shape[0]):
        for x in range(cost.shape[1]):
            best, best_y, best_x = cost[y, x], matches[y, x, 0], matches[y, x, 1]
            radius, draw = first_radius, 0
            while radius >= 1:
                bits_y = hash_random(seed, launch, y, x, draw)
                bits_x = hash_random(seed, launch, y, x, draw + 1)
                match_y = _near(best_y, radius, target.shape[0], bits_y)
                match_x = _near(best_x, radius, target.shape[1], bits_x)
                candidate = _cost(source, target, half, y, x, match_y, match_x)
                if candidate < best:
                    best, best_y, best_x = candidate, match_y, match_x
                radius, draw = radius // 2, draw + 2
            cost[y, x], matches[y, x, 0], matches[y, x, 1] = best, best_y, best_x


@njit(fastmath=True)
def _cost(source, target, half, y, x, match_y, match_x):
    total, count = np.float32(0), 0
    for dy in range(-half, half + 1):
        for dx in range(-half, half + 1):
            if not (0 <= y + dy < source.shape[0] and 0 <= x + dx < source.shape[1]):
                continue
            if not (0 <= match_y + dy < target.shape[0] and 0 <= match_x + dx < target.shape[1]):
                continue
            for c in range(source.shape[2]):
                total += source[y + dy, x + dx, c] * target[match_y + dy, match_x + dx, c]
            count += 1
    return -total / np.float32(count)


@njit(fastmath=True)
def _near(position, radius, size, bits):
    low, high = max(position - radius, 0), min(position + radius, size - 1)
    return low + random_below(bits, high - low + 1)
