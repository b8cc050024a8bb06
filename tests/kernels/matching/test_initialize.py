import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from analogy_kernels.matching.initialize import identity_nnf, random_map, random_nnf
from analogy_kernels.target import CPU
from tests import oracles
from tests.strategies import property_test, shapes


@property_test
@given(shapes, shapes)
def test_identity_scales_with_the_map(target, shape, other_shape):
    out = target.to_host(identity_nnf(shape, other_shape, target))

    np.testing.assert_array_equal(out, oracles.identity_nnf(shape, other_shape), strict=True)


def test_identity_of_equal_sizes(target):
    out = target.to_host(identity_nnf((5, 7), (5, 7), target))

    np.testing.assert_array_equal(out, np.moveaxis(np.indices((5, 7)), 0, -1))


@pytest.mark.parametrize(
    ("shape", "other_shape", "seed"), [((5, 7), (4, 9), 0), ((9, 3), (1, 1), 2**40 + 3)]
)
def test_random_is_the_same_on_every_target(target, shape, other_shape, seed):
    out = target.to_host(random_nnf(shape, other_shape, seed, target))

    np.testing.assert_array_equal(out, oracles.random_nnf(shape, other_shape, seed), strict=True)


BOUNDS = [((5, 7), (4, 9), ((-2, 1), (0, 6))), ((2, 3), (9, 1), ((0, 20), (-2, 0)))]


@pytest.mark.parametrize(("shape", "other_shape", "displacements"), BOUNDS)
def test_random_within_displacements_is_the_same(target, shape, other_shape, displacements):
    out = target.to_host(random_nnf(shape, other_shape, 4, target, displacements=displacements))

    expected = oracles.random_nnf(shape, other_shape, 4, displacements)
    np.testing.assert_array_equal(out, expected, strict=True)


def test_random_depends_on_the_seed():
    first, second = (random_nnf((64, 64), (1000, 1000), seed, CPU) for seed in (0, 1))

    # Two independent draws from 1000 agree in about one of a thousand of 8192 coordinates.
    assert np.mean(first == second) < 0.005


def test_random_covers_the_other_map_evenly():
    nnf = random_nnf((300, 400), (6, 9), 0, CPU)

    counts = np.zeros((6, 9))
    np.add.at(counts, (nnf[..., 0], nnf[..., 1]), 1)
    assert stats.chisquare(counts.ravel()).pvalue > 1e-3


@pytest.mark.parametrize(("shape", "seed"), [((3, 5, 4), 0), ((1, 7, 1), 2**35 + 1)])
def test_random_map_is_the_same_on_every_target(target, shape, seed):
    out = target.to_host(random_map(shape, 2.5, seed, target))

    # The bits, their conversion to float32 and the scale are rounded once each.
    np.testing.assert_allclose(
        out, oracles.random_map(shape, 2.5, seed), rtol=2 * np.finfo(np.float32).eps, strict=True
    )


def test_random_map_has_the_strength_and_no_sign():
    out = random_map((100, 100, 16), 3.0, 0, CPU)

    assert out.min() >= 0
    # The mean square of n uniform values varies by 0.9 / sqrt(n) of itself.
    np.testing.assert_allclose(
        np.mean(out.astype(np.float64) ** 2), 9.0, rtol=4 / np.sqrt(out.size)
    )
