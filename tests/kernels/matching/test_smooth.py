import numpy as np
from hypothesis import given

from analogy_kernels.matching.smooth import reliability, smooth
from analogy_kernels.target import CPU
from tests import oracles
from tests.strategies import generators, property_test, random_nnf, shapes


@property_test
@given(generators, shapes, shapes)
def test_reliability_tells_how_far_the_round_trip_leads(target, generator, shape, other_shape):
    nnf = random_nnf(generator, shape, other_shape)
    reverse = random_nnf(generator, other_shape, shape)

    out = target.to_host(reliability(target.asarray(nnf), target.asarray(reverse)))

    np.testing.assert_allclose(out, oracles.reliability(nnf, reverse), rtol=1e-5)


def test_smoothing_is_a_weighted_geometric_median(target, random):
    shape = (4, 5)
    field = random.uniform(0, 9, (*shape, 2)).astype(np.float32)
    weights = random.uniform(1e-4, 1, shape).astype(np.float32)
    guide = random.uniform(0.4, 0.6, (*shape, 3)).astype(np.float32)

    out = target.to_host(smooth(*map(target.asarray, (field, weights, guide))))

    np.testing.assert_allclose(out, oracles.smooth(field, weights, guide), atol=1e-4)


def constant_field(shape, displacement):
    grid = np.stack(np.indices(shape), axis=-1)
    return (grid + displacement).astype(np.float32)


def test_outliers_are_outvoted(random):
    shape = (31, 33)
    field = constant_field(shape, (2.5, -1.0))
    outliers = random.random(shape) < 0.2
    moved = np.where(outliers[..., np.newaxis], field + 20, field)
    guide = np.full((*shape, 3), 0.5, np.float32)

    out = smooth(moved, np.ones(shape, np.float32), guide)

    # A mean would be off by about a fifth of 20 pixels.
    assert np.abs(out - field).max() < 0.1 * 20 / 5


def test_unreliable_matches_are_filled_in_and_edges_are_kept():
    shape = (30, 40)
    left, right = constant_field(shape, (0, 3)), constant_field(shape, (0, -3))
    on_right = np.arange(40) >= 20
    field = np.where(on_right[:, np.newaxis], right, left)
    guide = np.repeat(np.where(on_right, 0.8, 0.2)[np.newaxis, :, np.newaxis], 3, axis=2)
    guide = np.ascontiguousarray(np.broadcast_to(guide, (*shape, 3)), np.float32)
    weights = np.ones(shape, np.float32)
    broken = field.copy()
    broken[10:16, 15:25] += 7
    weights[10:16, 15:25] = 1e-4

    out = CPU.to_host(smooth(broken, weights, guide))

    assert np.abs(out - field).max() < 0.05
