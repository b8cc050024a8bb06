import numpy as np
import pytest
from numba.extending import register_jitable

from analogy_kernels.device import squared_difference
from analogy_kernels.matching.nearest import nearest_patches
from analogy_kernels.matching.patchmatch import patchmatch
from analogy_kernels.target import CPU
from tests import oracles

# (source size, other size, channels, patch side, k, displacements): of some pixels all places, of
# some fewer than k, and unequal sizes either way round.
SMALL = [
    ((3, 4), (4, 3), 5, 3, 3, None),
    ((4, 5), (4, 5), 3, 3, 4, ((-1, 1), (-2, 0))),
    ((2, 4), (3, 6), 4, 1, 2, ((0, 2), (0, 3))),
    ((3, 2), (1, 2), 2, 5, 3, ((-2, 0), (-9, 9))),
]
LARGE = [((14, 11), (12, 13), 7, 5, 16, None), ((12, 19), (12, 19), 128, 3, 5, ((-3, 3), (-5, 4)))]

MAP = np.zeros((4, 5, 3), np.float32)


def unit_maps(random, *shapes):
    maps = [random.standard_normal(shape, np.float32) for shape in shapes]
    return [values / np.linalg.norm(values, axis=2, keepdims=True) for values in maps]


def check_against_oracle(on, random, case, bound):
    shape, other_shape, channels, patch_side, k, displacements = case
    maps = unit_maps(random, (*shape, channels), (*other_shape, channels))

    nnfs, costs = nearest_patches(
        *map(on.asarray, maps), patch_side, k, displacements=displacements, bound=bound
    )

    expected_nnfs, expected_costs = oracles.nearest_patches(*maps, patch_side, k, displacements)
    np.testing.assert_array_equal(on.to_host(nnfs), expected_nnfs, strict=True)
    # Means of float32 sums of a few hundred products of at most 1.
    np.testing.assert_allclose(on.to_host(costs), expected_costs, rtol=1e-6, atol=1e-5, strict=True)


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_are_those_of_the_oracle(target, random, case):
    check_against_oracle(target, random, case, bound=1.0)


@pytest.mark.parametrize("case", [*SMALL, *LARGE], ids=str)
@pytest.mark.parametrize("bound", [1.0, 1e30])
def test_shortcuts_change_nothing(random, case, bound):
    check_against_oracle(CPU, random, case, bound)


def test_of_equal_costs_the_first_in_the_order_of_rows_comes_first(target):
    ones = target.asarray(np.ones((3, 4, 2), np.float32))

    nnfs, costs = (target.to_host(found) for found in nearest_patches(ones, ones, 3, 5))

    places = np.array([[0, 0], [0, 1], [0, 2], [0, 3], [1, 0]])
    np.testing.assert_array_equal(nnfs, np.broadcast_to(places[:, None, None], nnfs.shape))
    np.testing.assert_array_equal(costs, np.full((5, 3, 4), -2, np.float32))


def test_goes_by_a_given_cost_of_several_maps(target, random):
    shapes = (3, 4, 2), (4, 3, 2)
    first, second = ([random.random(shape, np.float32) for _ in range(2)] for shape in shapes)

    nnfs, costs = nearest_patches(
        *([target.asarray(features) for features in side] for side in (first, second)),
        3,
        4,
        cost=squared_difference,
    )

    def cost(position, match):
        half = oracles.patch_offsets(position, match, shapes[0], shapes[1], 1)
        pairs = zip(first, second, strict=True)
        squares = [
            np.square(np.float64(a[tuple(position + d)]) - b[tuple(match + d)]).sum()
            for a, b in pairs
            for d in half
        ]
        return np.sum(squares) / len(half)

    expected_nnfs, expected_costs = oracles.nearest_by(cost, (3, 4), (4, 3), 4, None)
    np.testing.assert_array_equal(target.to_host(nnfs), expected_nnfs)
    # Means of float32 sums of 36 squares of at most 1.
    np.testing.assert_allclose(target.to_host(costs), expected_costs, rtol=1e-5)


@register_jitable
def by_arrays_of_its_own(sources, others, y, x, match_y, match_x, half, best):
    """The squared difference of two pixels, as no device could take it."""
    difference = sources[0][y, x] - others[0][match_y, match_x]
    return np.float32((difference * difference).sum())


@pytest.mark.compiled
def test_on_the_cpu_a_given_cost_may_make_arrays(random):
    maps = unit_maps(random, (5, 4, 3), (4, 6, 3))

    nnfs, costs = nearest_patches(*maps, 1, 2, cost=by_arrays_of_its_own)

    expected_nnfs, expected_costs = nearest_patches(*maps, 1, 2, cost=squared_difference)
    np.testing.assert_array_equal(nnfs, expected_nnfs)
    # Sums of three squares of at most 4, in another order.
    np.testing.assert_allclose(costs, expected_costs, rtol=0, atol=12 * np.finfo(np.float32).eps)


def test_none_is_nearer_than_the_first_and_each_is_there_once(random):
    maps = unit_maps(random, (9, 8, 4), (7, 10, 4))

    nnfs, costs = nearest_patches(*maps, 3, 6)

    _, searched = patchmatch(*maps, 3)
    assert (costs[0] <= searched + 1e-6).all()
    assert (np.diff(costs, axis=0) >= 0).all()
    numbers = np.sort(nnfs[..., 0] * 10 + nnfs[..., 1], axis=0)
    assert (np.diff(numbers, axis=0) > 0).all()


def test_takes_half_precision(target, random):
    source, other = (random.random((3, 4, 4)).astype(np.float16) for _ in range(2))

    nnfs, _ = nearest_patches(*map(target.asarray, (source, other)), 3, 2)

    expected, _ = oracles.nearest_patches(np.float32(source), np.float32(other), 3, 2, None)
    np.testing.assert_array_equal(target.to_host(nnfs), expected)


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"k": 0}, ValueError, "k is 0; it has to be a whole number from 1 to 16"),
        ({"k": 17}, ValueError, "k is 17"),
        ({"k": 1.5}, TypeError, "k is 1.5"),
        ({"patch_side": 2}, ValueError, "patch_side is 2; it has to be odd"),
        ({"other": MAP[..., :2].copy()}, ValueError, "other is float32"),
        ({"displacements": ((1, 2), (0, 0))}, ValueError, r"displacements\[0\] is \(1, 2\)"),
        ({"cost": len}, TypeError, "cost is len"),
    ],
)
@pytest.mark.compiled
def test_refuses_what_makes_no_search(changes, error, told):
    with pytest.raises(error, match=told):
        nearest_patches(**{"source": MAP, "other": MAP, "patch_side": 3, "k": 2} | changes)
