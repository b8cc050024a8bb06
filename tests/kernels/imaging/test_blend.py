import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analogy_kernels.imaging.blend import (
    blend,
    hard_weight,
    keep_content,
    response,
    sigmoid_weight,
    weight_map,
)
from tests import oracles
from tests.strategies import channel_counts, feature_map, generators, property_test, shapes

EPSILON = np.finfo(np.float32).eps
ORACLES = {sigmoid_weight: oracles.sigmoid_weight, hard_weight: oracles.hard_weight}


@property_test
@given(generators, shapes, channel_counts)
def test_response_is_the_squared_length(target, generator, shape, channels):
    features = feature_map(generator, shape, channels)

    out = target.to_host(response(target.asarray(features)))

    np.testing.assert_allclose(
        out, oracles.response(features), rtol=channels * EPSILON, atol=0, strict=True
    )


@pytest.mark.parametrize("weight", [sigmoid_weight, hard_weight])
@property_test
@given(generators, shapes, st.sampled_from([0.0, 0.1, 0.8, 1.0]))
def test_weight_map_follows_the_scaled_response(target, weight, generator, shape, alpha):
    values = generator.random(shape, dtype=np.float32) ** 8

    out = target.to_host(weight_map(target.asarray(values), alpha, weight))

    # The exponent, up to 285 where the weight vanishes and up to 15 where it does not, carries
    # kappa times the few roundings of the scaled response.
    expected = oracles.weight_map(values, alpha, ORACLES[weight])
    np.testing.assert_allclose(out, expected, rtol=0, atol=300 * 4 * EPSILON, strict=True)


@pytest.mark.parametrize("weight", [sigmoid_weight, hard_weight])
def test_the_strongest_response_has_weight_alpha_and_the_weakest_none(target, weight):
    values = target.asarray(np.array([[3.0, 1e6, 7e5]], np.float32))

    out = target.to_host(weight_map(values, 0.8, weight))

    np.testing.assert_allclose(out, [[0, 0.8, 0.8]], rtol=0, atol=1e-6)


@pytest.mark.parametrize("weight", [sigmoid_weight, hard_weight])
@pytest.mark.parametrize("level", [0.0, 5.0])
def test_a_constant_response_counts_as_none(target, weight, level):
    values = target.asarray(np.full((2, 3), level, np.float32))

    out = target.to_host(weight_map(values, 1.0, weight))

    np.testing.assert_allclose(out, 0, rtol=0, atol=1e-6)


def test_weight_map_in_place(target, random):
    values = random.random((4, 5), dtype=np.float32)
    array = target.asarray(values.copy())

    assert weight_map(array, 0.7, hard_weight, out=array) is array
    expected = oracles.weight_map(values, 0.7, oracles.hard_weight)
    np.testing.assert_array_equal(target.to_host(array), expected)


def test_sigmoid_is_half_of_alpha_at_tau():
    assert sigmoid_weight(np.float32(0.05), np.float32(0.8)) == np.float32(0.4)
    assert hard_weight(np.float32(0.05), np.float32(0.8)) == np.float32(0.8)


@property_test
@given(generators, shapes, channel_counts)
def test_blend_mixes_by_weight(target, generator, shape, channels):
    content = feature_map(generator, shape, channels)
    detail = feature_map(generator, shape, channels)
    weights = generator.random(shape, dtype=np.float32)

    out = blend(*map(target.asarray, (content, detail, weights)))

    size = np.abs(content).max() + np.abs(detail).max()
    np.testing.assert_allclose(
        target.to_host(out),
        oracles.blend(content, detail, weights),
        rtol=0,
        atol=2 * EPSILON * size,
        strict=True,
    )


@pytest.mark.parametrize(("weight", "which"), [(1.0, 0), (0.0, 1)])
def test_blend_at_the_ends_is_exact(target, random, weight, which):
    maps = random.standard_normal((2, 3, 4, 5), dtype=np.float32)
    content, detail = (target.asarray(m) for m in maps)
    weights = target.asarray(np.full((3, 4), weight, np.float32))

    assert blend(content, detail, weights, out=content) is content
    np.testing.assert_array_equal(target.to_host(content), maps[which])


def test_content_that_is_kept_has_all_the_weight(target, random):
    weights = random.random((3, 5), np.float32)
    keep = random.integers(0, 2, (3, 5)).astype(np.float32)

    out = target.to_host(keep_content(target.asarray(weights.copy()), target.asarray(keep)))

    np.testing.assert_array_equal(out, np.where(keep > 0, 1, weights), strict=True)
