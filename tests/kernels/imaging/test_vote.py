import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analogy_kernels.imaging.vote import vote, vote_alike, vote_field
from tests import oracles
from tests.strategies import (
    channel_counts,
    feature_map,
    generators,
    property_test,
    random_nnf,
    shapes,
)

pytestmark = pytest.mark.smoke

MOST_VOTES = 25


@property_test
@given(generators, shapes, shapes, channel_counts, st.sampled_from([1, 3, 5]))
def test_is_the_mean_of_the_matched_patches(
    target, generator, shape, source_shape, channels, patch_side
):
    source = feature_map(generator, source_shape, channels)
    nnf = random_nnf(generator, shape, source_shape)

    out = target.to_host(vote(target.asarray(source), target.asarray(nnf), patch_side))

    # A float32 sum of n terms is off by at most n half-ulps of the largest partial sum.
    tolerance = MOST_VOTES * np.finfo(np.float32).eps * np.abs(source).max()
    np.testing.assert_allclose(
        out, oracles.vote(source, nnf, patch_side), rtol=0, atol=tolerance, strict=True
    )


@property_test
@given(generators, shapes, shapes, st.sampled_from([1, 3, 5]))
def test_rounds_images(target, generator, shape, source_shape, patch_side):
    source = generator.integers(0, 256, (*source_shape, 3)).astype(np.uint8)
    nnf = random_nnf(generator, shape, source_shape)

    out = target.to_host(vote(target.asarray(source), target.asarray(nnf), patch_side))

    np.testing.assert_array_equal(out, oracles.vote(source, nnf, patch_side), strict=True)


@property_test
@given(generators, shapes, shapes, channel_counts, st.sampled_from([1, 3, 5]))
def test_patches_count_by_the_weights_of_their_pixels(
    target, generator, shape, source_shape, channels, patch_side
):
    source = feature_map(generator, source_shape, channels)
    nnf = random_nnf(generator, shape, source_shape)
    # Many have none, so that some pixels have no vote with one.
    weights = np.maximum(generator.standard_normal(shape, np.float32), 0)
    weights[generator.random(shape) < 0.5] = 0

    arrays = map(target.asarray, (source, nnf))
    out = target.to_host(vote(*arrays, patch_side, weights=target.asarray(weights)))

    # As without weights, and three roundings more for each vote: its weight's share of the largest,
    # its product, and the sum of weights.
    tolerance = 4 * MOST_VOTES * np.finfo(np.float32).eps * np.abs(source).max()
    expected = oracles.vote(source, nnf, patch_side, weights)
    np.testing.assert_allclose(out, expected, rtol=0, atol=tolerance, strict=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8])
@pytest.mark.parametrize("weight", [0, 0.3, 1e-40, 3e38])
def test_weights_that_tell_nothing_change_nothing(target, random, dtype, weight):
    source = target.asarray(random.integers(0, 256, (5, 4, 3)).astype(dtype))
    nnf = target.asarray(random_nnf(random, (4, 6), (5, 4)))
    weights = target.asarray(np.full((4, 6), weight, np.float32))

    weighted = target.to_host(vote(source, nnf, 3, weights=weights))

    np.testing.assert_array_equal(weighted, target.to_host(vote(source, nnf, 3)), strict=True)


def test_a_pixel_takes_what_the_only_weight_fetches(target):
    source = np.arange(9, dtype=np.float32).reshape(3, 3, 1)
    nnf = np.array([[[0, 0], [2, 0], [1, 1]]], np.int32)
    weights = np.array([[0, 3, 0]], np.float32)

    out = vote(*map(target.asarray, (source, nnf)), 3, weights=target.asarray(weights))

    # The left pixel's would lie outside the source, so that it has no vote with a weight.
    np.testing.assert_array_equal(target.to_host(out).ravel(), [0, 6, 7])


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        (np.full((2, 2), -1, np.float32), "weights are from -1.0 to -1.0"),
        (np.full((2, 2), np.nan, np.float32), "weights are from nan to nan"),
        (np.full((2, 2), np.inf, np.float32), "weights are from inf to inf"),
        (np.ones((2, 3), np.float32), r"weights is float32 \(2, 3\)"),
        (np.ones((2, 2)), "weights is float64"),
    ],
)
def test_refuses_weights_that_are_none(weights, told):
    with pytest.raises(ValueError, match=told):
        vote(np.zeros((2, 2, 1), np.float32), np.zeros((2, 2, 2), np.int32), 3, weights=weights)


@property_test
@given(
    generators,
    shapes,
    shapes,
    channel_counts,
    st.sampled_from([1, 3, 5]),
    st.sampled_from([0.5, 2.0, 8.0]),
)
def test_votes_count_by_their_likeness_to_the_own_match(
    target, generator, shape, source_shape, channels, patch_side, width
):
    source = feature_map(generator, source_shape, channels)
    nnf = random_nnf(generator, shape, source_shape)

    out = target.to_host(vote_alike(target.asarray(source), target.asarray(nnf), patch_side, width))

    # The square of a distance is a sum of `channels` rounded terms, each at most width^2 where the
    # weight is not 0; weights and their mean add a few roundings for each vote.
    roundings = MOST_VOTES + 4 * channels + 16
    tolerance = roundings * np.finfo(np.float32).eps * max(np.abs(source).max(), width)
    expected = oracles.vote_alike(source, nnf, patch_side, width)
    np.testing.assert_allclose(out, expected, rtol=0, atol=tolerance, strict=True)


def test_a_wide_vote_is_the_plain_mean_and_a_narrow_one_the_own_match(target, random):
    source = random.integers(0, 256, (7, 8, 3)).astype(np.uint8)
    nnf = random_nnf(random, (6, 5), (7, 8))
    arrays = target.asarray(source), target.asarray(nnf)

    wide = target.to_host(vote_alike(*arrays, 3, 1e6)).astype(int)
    narrow = [target.to_host(vote_alike(*arrays, 3, width)) for width in (0.5, 1e-30)]

    # Weights of almost 1 may tip what lies half way between two grey levels.
    assert np.abs(wide - target.to_host(vote(*arrays, 3))).max() <= 1
    for out in narrow:
        np.testing.assert_array_equal(out, source[nnf[..., 0], nnf[..., 1]])


@pytest.mark.parametrize("width", [0.0, -1.0, float("nan")])
def test_refuses_a_width_that_is_none(width):
    with pytest.raises(ValueError, match="width is "):
        vote_alike(np.zeros((2, 2, 1), np.float32), np.zeros((2, 2, 2), np.int32), 3, width)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_identity_gives_the_source_back(target, random, dtype):
    source = random.integers(0, 256, (6, 9, 3)).astype(dtype)
    nnf = np.moveaxis(np.indices((6, 9), np.int32), 0, -1)

    out = target.to_host(vote(target.asarray(source), target.asarray(nnf), 5))

    np.testing.assert_array_equal(out, source, strict=True)


def test_writes_to_out(target, random):
    source = random.standard_normal((4, 3, 2), dtype=np.float32)
    nnf = random_nnf(random, (5, 2), (4, 3))
    out = target.asarray(np.full((5, 2, 2), np.nan, np.float32))

    returned = vote(target.asarray(source), target.asarray(nnf), 3, out=out)

    assert returned is out
    assert np.isfinite(target.to_host(out)).all()


def test_leaves_out_what_is_outside_and_rounds_halves_up(target):
    source = np.array([[[0], [255]]], np.uint8)
    nnf = np.zeros((1, 2, 2), np.int32)

    out = target.to_host(vote(target.asarray(source), target.asarray(nnf), 3))

    # The right pixel's patch holds nothing of the source where the left pixel is.
    np.testing.assert_array_equal(out, [[[0], [128]]])


@property_test
@given(generators, shapes, shapes, channel_counts, st.sampled_from([1, 3, 5]))
def test_fractions_are_interpolated(target, generator, shape, source_shape, channels, patch_side):
    source = feature_map(generator, source_shape, channels)
    # Some positions, and now and then all of a patch's, lie outside.
    field = generator.uniform(-2, np.add(source_shape, 2), (*shape, 2)).astype(np.float32)

    out = target.to_host(vote_field(target.asarray(source), target.asarray(field), patch_side))

    tolerance = MOST_VOTES * 4 * np.finfo(np.float32).eps * np.abs(source).max()
    np.testing.assert_allclose(
        out, oracles.vote_field(source, field, patch_side), rtol=0, atol=tolerance, strict=True
    )


@property_test
@given(generators, shapes, shapes, st.sampled_from([np.float32, np.uint8]))
def test_whole_positions_give_the_same_vote(target, generator, shape, source_shape, dtype):
    source = generator.integers(0, 256, (*source_shape, 3)).astype(dtype)
    nnf = random_nnf(generator, shape, source_shape)
    field = nnf.astype(np.float32)

    out = target.to_host(vote_field(target.asarray(source), target.asarray(field), 3))

    expected = target.to_host(vote(target.asarray(source), target.asarray(nnf), 3))
    np.testing.assert_allclose(out, expected, rtol=1e-6, strict=True)
