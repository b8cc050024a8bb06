from dataclasses import replace

import numpy as np
import pytest

from analogy.method.masks import LevelMasks
from analogy.method.search import (
    LevelFeatures,
    Matches,
    evaluate_matches,
    initial_matches,
    search_matches,
    side_by_side,
)
from analogy.parameters import PRESETS, Parameters
from analogy_kernels.matching.labels import label_map
from analogy_kernels.matching.occurrence import occurrence
from analogy_kernels.target import CPU
from tests import oracles

SIZE_A, SIZE_B = (9, 12), (10, 8)

# Directions that exchange what they find, and directions apart; nothing charged for.
MATCHES = PRESETS["matches"]
APART = replace(MATCHES, exchange_matches=False)


@pytest.fixture
def maps(random):
    """Features of A, A', B and B'."""
    sizes = (SIZE_A, SIZE_A, SIZE_B, SIZE_B)
    return LevelFeatures(*(random.standard_normal((*size, 5), np.float32) for size in sizes))


def search(maps, parameters, level=5):
    start = initial_matches(SIZE_A, SIZE_B, parameters, CPU)
    return start, search_matches(maps, start, level, parameters)


def unit(features):
    return features / np.linalg.norm(features, axis=-1, keepdims=True)


def test_initial_matches_are_random_or_in_place():
    drawn = initial_matches((20, 20), (20, 20), Parameters(seed=1), CPU)
    again = initial_matches((20, 20), (20, 20), Parameters(seed=1), CPU)
    other = initial_matches((20, 20), (20, 20), Parameters(seed=2), CPU)
    in_place = initial_matches((20, 20), (20, 20), Parameters(initialization="identity"), CPU)

    np.testing.assert_array_equal(drawn.ab, again.ab)
    assert (drawn.ab != other.ab).any()
    assert (drawn.ab != drawn.ba).any()
    np.testing.assert_array_equal(in_place.ab, np.stack(np.mgrid[:20, :20], axis=-1))


@pytest.mark.parametrize("parameters", [MATCHES, APART], ids=["together", "apart"])
def test_both_terms_of_the_energy_count(maps, parameters):
    a, a_prime, b, b_prime = maps
    _, found = search(maps, parameters)

    first, second = (
        oracles.cost_of_nnf(unit(source), unit(target), found.ab, 1)
        for source, target in ((a, b), (a_prime, b_prime))
    )
    np.testing.assert_allclose(found.cost_ab, first + second, atol=1e-5)
    first, second = (
        oracles.cost_of_nnf(unit(source), unit(target), found.ba, 1)
        for source, target in ((b, a), (b_prime, a_prime))
    )
    np.testing.assert_allclose(found.cost_ba, first + second, atol=1e-5)


def test_single_direction_sees_one_term_each(maps):
    a, a_prime, b, b_prime = maps
    _, found = search(maps, replace(MATCHES, single_direction=True))

    expected_ab = oracles.cost_of_nnf(unit(a_prime), unit(b_prime), found.ab, 1)
    expected_ba = oracles.cost_of_nnf(unit(b), unit(a), found.ba, 1)
    np.testing.assert_allclose(found.cost_ab, expected_ab, atol=1e-5)
    np.testing.assert_allclose(found.cost_ba, expected_ba, atol=1e-5)


@pytest.mark.parametrize("parameters", [MATCHES, APART], ids=["together", "apart"])
def test_matches_only_improve(maps, parameters):
    start, found = search(maps, parameters)
    a, a_prime, b, b_prime = map(unit, maps)
    before = oracles.cost_of_nnf(a, b, start.ab, 1) + oracles.cost_of_nnf(
        a_prime, b_prime, start.ab, 1
    )
    assert (found.cost_ab <= before + 1e-5).all()
    assert found.cost_ab.mean() < before.mean()


def test_patch_side_is_the_levels(maps):
    parameters = replace(MATCHES, search_iterations=(0,) * 5, patch_sides=(3, 3, 3, 3, 5))
    start = initial_matches(SIZE_A, SIZE_B, parameters, CPU)
    found = search_matches(maps, start, 1, parameters)
    a, a_prime, b, b_prime = map(unit, maps)
    expected = oracles.cost_of_nnf(a, b, start.ab, 2) + oracles.cost_of_nnf(
        a_prime, b_prime, start.ab, 2
    )
    np.testing.assert_allclose(found.cost_ab, expected, atol=1e-5)


def test_exchange_gives_both_directions_the_better_match(maps):
    few = replace(MATCHES, search_iterations=(1,) * 5)
    _, together = search(maps, few)
    _, apart = search(maps, replace(few, exchange_matches=False))

    assert (together.cost_ab <= apart.cost_ab).all()
    assert (together.cost_ba <= apart.cost_ba).all()
    assert (together.cost_ab < apart.cost_ab).any()
    # No pixel keeps a match that is worse than what its match pays for it.
    for y, x in np.ndindex(SIZE_B):
        match = tuple(together.ba[y, x])
        assert together.cost_ab[match] <= together.cost_ba[y, x]


@pytest.mark.parametrize("single_direction", [False, True])
def test_colours_count_by_their_weight(maps, random, single_direction):
    parameters = replace(APART, colour_weight=20.0, single_direction=single_direction)
    images = [random.uniform(-128, 128, (*size, 3)).astype(np.float32) for size in (SIZE_A, SIZE_B)]
    start = initial_matches(SIZE_A, SIZE_B, parameters, CPU)
    found = search_matches(maps, start, 1, parameters, colours=images)
    a, a_prime, b, b_prime = map(unit, maps)
    terms = {"ab": [(a_prime, b_prime), (a, b)], "ba": [(b, a), (b_prime, a_prime)]}

    for name, pair, cost in (("ab", images, found.cost_ab), ("ba", images[::-1], found.cost_ba)):
        nnf = getattr(found, name)
        expected = 20 * colour_distance(*pair, nnf, 2)
        for source, target in terms[name][: 1 if single_direction else 2]:
            expected += oracles.cost_of_nnf(source, target, nnf, 2)
        # The squares of colours, at most 0.75 by the weight, lose digits before they cancel.
        np.testing.assert_allclose(cost, expected, atol=1e-3)


def colour_distance(source, target, nnf, half):
    """Mean squared distance over the patches, of colours in [0, 1]."""
    squares = [
        np.sum(image.astype(np.float64) ** 2, axis=-1, keepdims=True) for image in (source, target)
    ]
    one = [np.ones_like(square) for square in squares]
    pair = (
        np.concatenate([2 * source, -squares[0], -one[0]], axis=-1),
        np.concatenate([target, one[1], squares[1]], axis=-1),
    )
    return oracles.cost_of_nnf(*pair, nnf, half).astype(np.float64) / 255**2


@pytest.mark.parametrize("parameters", [MATCHES, APART], ids=["together", "apart"])
@pytest.mark.parametrize("reach", [1, 3])
def test_matches_are_held_to_their_starts(maps, reach, parameters):
    start = initial_matches(SIZE_A, SIZE_B, parameters, CPU)
    free = search_matches(maps, start, 1, parameters)
    held = search_matches(maps, start, 1, parameters, reach=reach)

    for name in ("ab", "ba"):
        begun, found, kept = (getattr(matches, name) for matches in (start, free, held))
        near = np.abs(found - begun).max(axis=-1, keepdims=True) <= reach
        np.testing.assert_array_equal(kept, np.where(near, found, begun))
        assert 0 < near.sum() < near.size
    priced = evaluate_matches(maps, held, 1, parameters)
    np.testing.assert_array_equal(held.cost_ab, priced.cost_ab)


def at_level_1(value):
    return (0.0,) * 4 + (value,)


def test_evenness_spreads_the_matches_of_its_level(maps):
    even = replace(APART, evenness=at_level_1(0.05))
    plain, spread = (search(maps, parameters, 1)[1] for parameters in (APART, even))
    _, coarser = search(maps, even, 2)

    for name, other_shape in (("ab", SIZE_B), ("ba", SIZE_A)):
        unevenness = [
            occurrence(getattr(matches, name), other_shape, even.patch_side(1)).std()
            for matches in (plain, spread)
        ]
        assert unevenness[1] < 0.7 * unevenness[0]
        np.testing.assert_array_equal(
            getattr(coarser, name), getattr(search(maps, APART, 2)[1], name)
        )


def test_costs_are_those_of_the_patches_whatever_matches_were_charged(maps):
    charged = replace(APART, evenness=at_level_1(0.2))
    _, found = search(maps, charged, 1)
    a, a_prime, b, b_prime = map(unit, maps)

    expected = oracles.cost_of_nnf(a, b, found.ab, 2) + oracles.cost_of_nnf(
        a_prime, b_prime, found.ab, 2
    )
    np.testing.assert_allclose(found.cost_ab, expected, atol=1e-5)


def test_nothing_is_charged_where_matches_are_exchanged(maps):
    charged = replace(MATCHES, evenness=(0.5,) * 5)
    (_, plain), (_, found) = search(maps, MATCHES, 1), search(maps, charged, 1)

    np.testing.assert_array_equal(found.ab, plain.ab)
    np.testing.assert_array_equal(found.ba, plain.ba)


def test_side_by_side_is_unit_vectors_in_a_row(random):
    first, second = (random.standard_normal((3, 4, 6), np.float32) for _ in range(2))
    both = side_by_side(first, second)
    np.testing.assert_allclose(both[..., :6], unit(first), rtol=1e-5)
    np.testing.assert_allclose(both[..., 6:], unit(second), rtol=1e-5)


def test_matches_know_no_cost_before_a_search():
    matches = initial_matches((3, 3), (3, 3), Parameters(), CPU)
    assert isinstance(matches, Matches)
    assert matches.cost_ab is None


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"exchange_matches": False},
        {"exchange_matches": False, "evenness": (0.5,) * 5},
        {"single_direction": True},
        {"search_iterations": (0,) * 5},
    ],
    ids=str,
)
@pytest.mark.parametrize("initialization", ["random", "identity"])
def test_matches_keep_to_labels_from_any_start(maps, random, change, initialization):
    labels = [random.integers(0, 3, size) for size in (SIZE_A, SIZE_B)]
    parameters = replace(MATCHES, initialization=initialization, **change)
    start = initial_matches(SIZE_A, SIZE_B, parameters, CPU)
    masks = LevelMasks(*map(label_map, labels))

    found = search_matches(maps, start, 5, parameters, masks=masks)

    for nnf, own, other in ((found.ab, *labels), (found.ba, *labels[::-1])):
        matched = other[nnf[..., 0], nnf[..., 1]]
        assert ((own == 0) | (own == matched)).all()
        assert (own != matched).any()


def test_legal_starts_are_drawn_apart_in_both_directions(maps):
    parameters = Parameters(search_iterations=(0,) * 5)
    start = Matches(np.zeros((9, 9, 2), np.int32), np.zeros((9, 9, 2), np.int32))
    labels = np.ones((9, 9), int)
    labels[0, 0] = 2
    features = LevelFeatures(*[maps.a[:, :9].copy()] * 4)

    masks = LevelMasks(label_map(labels), label_map(labels))
    found = search_matches(features, start, 5, parameters, masks=masks)

    assert (found.ab != found.ba).any()
