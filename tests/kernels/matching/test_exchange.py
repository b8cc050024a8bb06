import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analogy_kernels.matching.exchange import offers_scratch, take_offers
from analogy_kernels.matching.labels import no_labels
from analogy_kernels.target import CPU
from tests import oracles


def fields(random, shape, other_shape):
    """Two fields with costs of few values, so that some are equal."""
    made = []
    for size, to in ((shape, other_shape), (other_shape, shape)):
        nnf = random.integers(0, to, (*size, 2)).astype(np.int32)
        made.append((nnf, random.integers(-4, 3, size).astype(np.float32)))
    return made


def taken(target, field, other, labels=None):
    if labels is None:
        labels = (no_labels(array.shape[0], CPU) for _, array in (field, other))
    labels = map(target.asarray, labels)
    nnf, cost = map(target.asarray, field)
    stamps = target.asarray(np.zeros(field[1].shape, np.int32))
    scratch = offers_scratch(cost.shape, target)
    take_offers(target, nnf, cost, stamps, *map(target.asarray, other), *labels, 7, scratch)
    return [target.to_host(array) for array in (nnf, cost, stamps)]


def check(target, random, shape, other_shape, labels=None):
    (nnf, cost), (other_nnf, other_cost) = fields(random, shape, other_shape)
    expected_nnf, expected_cost = nnf.copy(), cost.copy()
    oracles.take_offers(expected_nnf, other_nnf, expected_cost, other_cost, labels)

    found_nnf, found_cost, stamps = taken(
        target, (nnf.copy(), cost.copy()), (other_nnf, other_cost), labels
    )

    np.testing.assert_array_equal(found_nnf, expected_nnf)
    np.testing.assert_array_equal(found_cost, expected_cost)
    np.testing.assert_array_equal(stamps, np.where(expected_cost < cost, 7, 0))


def test_takes_the_cheapest_offer_as_the_oracle_does(target, random):
    check(target, random, (4, 5), (6, 3))


def test_takes_no_offer_that_a_label_forbids(target, random):
    shapes = (4, 5), (6, 3)
    labels = [random.integers(0, 3, shape).astype(np.int32) for shape in shapes]

    check(target, random, *shapes, labels)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_takes_the_cheapest_offer_at_any_size(height, width, other_height, seed):
    check(CPU, np.random.default_rng(seed), (height, width), (other_height, width + 2))


def test_an_offer_of_equal_cost_is_not_taken(target):
    nnf, other_nnf = np.zeros((1, 1, 2), np.int32), np.zeros((1, 2, 2), np.int32)
    cost, other_cost = np.full((1, 1), -1, np.float32), np.full((1, 2), -1, np.float32)

    found, _, stamps = taken(target, (nnf, cost), (other_nnf, other_cost))

    assert found.ravel().tolist() == [0, 0]
    assert stamps[0, 0] == 0


@pytest.mark.parametrize("costs", [(-2, -1, -3), (0.0, -0.0), (-0.0, 0.0), (2e-42, 1e-42), (5, 7)])
def test_offers_are_compared_as_the_numbers_that_they_are(target, costs):
    """Negative ones, both zeros, which are equal, and those near zero."""
    count = len(costs)
    nnf, other_nnf = np.zeros((1, 1, 2), np.int32), np.zeros((1, count, 2), np.int32)
    cost, other_cost = np.full((1, 1), 9, np.float32), np.float32([costs])

    found, found_cost, _ = taken(target, (nnf, cost), (other_nnf, other_cost))

    first = int(np.argmin(other_cost))
    assert found.ravel().tolist() == [0, first]
    assert found_cost.tobytes() == other_cost[0, first].tobytes()


def test_nothing_is_taken_of_what_costs_no_number(target):
    nnf, other_nnf = np.ones((1, 1, 2), np.int32), np.zeros((1, 2, 2), np.int32)
    nothing = np.copysign(np.float32(np.nan), np.float32([[1, -1]]))

    found, _, stamps = taken(target, (nnf, np.ones((1, 1), np.float32)), (other_nnf, nothing))

    assert found.ravel().tolist() == [1, 1]
    assert stamps[0, 0] == 0


def test_scratch_serves_again(target, random):
    """What one call finds in it is what the one before has left."""
    (nnf, cost), (other_nnf, other_cost) = fields(random, (4, 5), (6, 3))
    scratch = offers_scratch(cost.shape, target)
    labels = [target.asarray(no_labels(array.shape[0], CPU)) for array in (cost, other_cost)]
    results = []
    for _ in range(2):
        arrays = [target.asarray(array.copy()) for array in (nnf, cost)]
        stamps = target.asarray(np.zeros(cost.shape, np.int32))
        other = [target.asarray(array) for array in (other_nnf, other_cost)]
        take_offers(target, *arrays, stamps, *other, *labels, 7, scratch)
        results.append([target.to_host(array) for array in (*arrays, stamps)])

    for first, again in zip(*results, strict=True):
        np.testing.assert_array_equal(first, again)
