from dataclasses import replace

import numpy as np
import pytest

from analogy.method.search import LevelFeatures, initial_matches, search_matches, side_by_side
from analogy.parameters import PRESETS
from analogy_kernels.target import CPU
from benchmarks.patchmatch import baseline_flops, baseline_matches, field_cost, problems
from tests import oracles

# Four sums of two patches' float32 products in different orders, as in benchmarks.patchmatch.
ROUNDING = 1e-6


@pytest.fixture
def features(random):
    """Of A, A', B and B'; smooth, so that neighbours' matches are worth a try."""
    shapes = (19, 23, 12), (19, 23, 12), (17, 26, 12), (17, 26, 12)
    walks = [random.standard_normal(shape).cumsum(axis=0).cumsum(axis=1) for shape in shapes]
    return LevelFeatures(*(walk.astype(np.float32) for walk in walks))


def start(features, parameters):
    return initial_matches(features[0].shape[:2], features[2].shape[:2], parameters, CPU)


def test_search_is_no_worse_than_the_baseline():
    parameters = PRESETS["matches"]
    plain = replace(parameters, search_iterations=PRESETS["authors"].search_iterations)
    costs = []
    for features, matches, level, _ in problems(96, parameters):
        own = search_matches(features, matches, level, parameters)
        baseline = baseline_matches(features, matches, level, plain)
        half = parameters.patch_side(level) // 2
        side_a, side_b = side_by_side(*features[:2]), side_by_side(*features[2:])
        for source, target, *fields in (
            (side_a, side_b, own.ab, baseline.ab, matches.ab),
            (side_b, side_a, own.ba, baseline.ba, matches.ba),
        ):
            costs.append([field_cost(source, target, half, nnf).mean() for nnf in fields])

    own, baseline, at_first = np.mean(costs, axis=0, dtype=np.float64)
    assert own <= baseline + ROUNDING
    assert baseline < at_first


def test_baseline_states_its_matches_cost(features):
    parameters = replace(PRESETS["matches"], search_iterations=(2,) * 5)

    found = baseline_matches(features, start(features, parameters), 2, parameters)

    source, target = side_by_side(*features[:2]), side_by_side(*features[2:])
    expected = oracles.cost_of_nnf(source, target, found.ab, 2)
    assert found.cost_ab == pytest.approx(expected, abs=ROUNDING)


def test_operations_of_the_baseline(features):
    parameters = replace(PRESETS["matches"], search_iterations=(3,) * 5)

    # Level 4: patches of 3 x 3, 24 channels side by side, a product and a sum each; four jumps in
    # four directions and windows of 6, 3 and 1 in each iteration, and the start.
    per_pixel = 2 * 9 * 24 * (1 + 3 * (16 + 3))
    assert baseline_flops(features, None, 4, parameters) == per_pixel * (19 * 23 + 17 * 26)
