import numpy as np
import pytest
from hypothesis import given

from analogy_kernels.matching.normalize import normalize
from tests import oracles
from tests.strategies import channel_counts, feature_map, generators, property_test, shapes

pytestmark = pytest.mark.smoke


@property_test
@given(generators, shapes, channel_counts)
def test_gives_unit_vectors_and_leaves_dead_pixels(target, generator, shape, channels):
    features = feature_map(generator, shape, channels)

    out = target.to_host(normalize(target.asarray(features)))

    # The sum of c squares is off by c half-ulps at most, its root by half as many.
    tolerance = (channels / 2 + 3) * np.finfo(np.float32).eps
    np.testing.assert_allclose(
        out, oracles.normalize(features), rtol=tolerance, atol=0, strict=True
    )


@pytest.mark.parametrize("size", [1e-45, 1e-40, 1e-30, 1e-18, 1e18])
def test_extreme_vectors_stay_finite(target, size):
    features = np.full((2, 3, 4), size, np.float32)

    out = target.to_host(normalize(target.asarray(features)))

    expected = 0.5 if size > 1e-19 else 0.0
    np.testing.assert_allclose(out, np.full_like(features, expected), rtol=1e-6)


def test_two_maps_side_by_side(target, random):
    first = random.standard_normal((3, 5, 4), dtype=np.float32)
    second = random.standard_normal((3, 5, 6), dtype=np.float32)
    out = target.asarray(np.full((3, 5, 10), np.nan, np.float32))

    normalize(target.asarray(first), out)
    normalize(target.asarray(second), out, channel_offset=4)

    expected = np.concatenate([oracles.normalize(first), oracles.normalize(second)], axis=2)
    np.testing.assert_allclose(target.to_host(out), expected, rtol=1e-6)


def test_lengths_other_than_one(target, random):
    features = random.standard_normal((3, 5, 4), dtype=np.float32)

    out = target.to_host(normalize(target.asarray(features), length=0.3))

    np.testing.assert_allclose(out, 0.3 * oracles.normalize(features), rtol=1e-6)


def test_in_place(target, random):
    features = random.standard_normal((3, 5, 4), dtype=np.float32)
    array = target.asarray(features.copy())

    assert normalize(array, out=array) is array
    np.testing.assert_allclose(target.to_host(array), oracles.normalize(features), rtol=1e-6)


@pytest.mark.parametrize(
    ("out", "offset", "told"),
    [
        (np.zeros((3, 5, 5), np.float32), 2, r"has to be float32 \(3, 5, 6\)"),
        (np.zeros((3, 4, 9), np.float32), 0, r"has to be float32 \(3, 5, 9\)"),
        (np.zeros((3, 5), np.float32), 0, r"has to be float32 \(3, 5, 4\)"),
        (np.zeros((3, 5, 4)), 0, "out is float64"),
        (None, -1, "channel_offset is -1"),
    ],
)
def test_a_result_without_room_is_refused(out, offset, told):
    with pytest.raises(ValueError, match=told):
        normalize(np.ones((3, 5, 4), np.float32), out, offset)
