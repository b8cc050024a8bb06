import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analogy_kernels.matching.upsample import upsample_nnf
from tests import oracles
from tests.strategies import generators, property_test, random_nnf, shapes

# Quotients by the first and products with the second are exact in float32, so that the oracle,
# which works in float64, never differs by a rounding at the border between two pixels.
exact_divisors = st.sampled_from([0.5, 1.0, 2.0, 4.0])
exact_factors = st.sampled_from([0.5, 1.0, 1.25, 1.5, 2.0, 2.75, 4.0])


def identity(shape):
    return np.stack(np.indices(shape, np.int32), axis=-1)


@property_test
@given(generators, shapes, shapes, st.integers(0, 1), st.integers(0, 1))
def test_doubling_is_the_integer_rule(target, generator, coarse, other_coarse, cut_y, cut_x):
    shape = (2 * coarse[0] - cut_y, 2 * coarse[1] - cut_x)
    other_shape = (2 * other_coarse[0] - cut_y, 2 * other_coarse[1] - cut_x)
    nnf = random_nnf(generator, coarse, other_coarse)

    out = target.to_host(upsample_nnf(target.asarray(nnf), shape, other_shape))

    fine = identity(shape)
    expected = 2 * nnf[fine[..., 0] // 2, fine[..., 1] // 2] + fine % 2
    np.testing.assert_array_equal(
        out, np.minimum(expected, np.subtract(other_shape, 1)).astype(np.int32), strict=True
    )


@property_test
@given(
    generators,
    shapes,
    shapes,
    st.tuples(exact_divisors, exact_divisors),
    st.tuples(exact_factors, exact_factors),
)
def test_keeps_the_place_within_the_pixel(
    target, generator, coarse, other_coarse, scale, other_scale
):
    shape = tuple(np.ceil(np.multiply(coarse, scale)).astype(int))
    other_shape = tuple(np.ceil(np.multiply(other_coarse, other_scale)).astype(int))
    nnf = random_nnf(generator, coarse, other_coarse)

    out = upsample_nnf(target.asarray(nnf), shape, other_shape, scale, other_scale)

    expected = oracles.upsample_nnf(nnf, shape, other_shape, scale, other_scale)
    np.testing.assert_array_equal(target.to_host(out), expected, strict=True)


@pytest.mark.parametrize("scale", [1.0, 2.0, 3.3, 1.7])
@pytest.mark.parametrize("fine", [7, 10, 13])
def test_identity_stays_identity(target, scale, fine):
    # A coarse map a pixel too small included: what lies beyond it moves on with the fine pixels.
    coarse = (int(np.ceil(fine / scale)), max(int(fine / scale) - 1, 1))
    nnf = target.asarray(identity(coarse))

    out = upsample_nnf(nnf, (fine, fine), (fine, fine), (scale, scale), (scale, scale))

    np.testing.assert_array_equal(target.to_host(out), identity((fine, fine)), strict=True)


def test_stays_inside_a_smaller_map(target):
    nnf = target.asarray(np.full((3, 4, 2), 1, np.int32))

    out = target.to_host(upsample_nnf(nnf, (6, 8), (3, 3)))

    assert out.min() == 2
    assert out.max() == 2


def test_writes_to_out(target):
    nnf = target.asarray(identity((2, 3)))
    out = target.asarray(np.full((4, 6, 2), -1, np.int32))

    assert upsample_nnf(nnf, (4, 6), (4, 6), out=out) is out
    np.testing.assert_array_equal(target.to_host(out), identity((4, 6)))


@pytest.mark.compiled
def test_large_images_keep_their_identity():
    shape = (3001, 4003)
    coarse = (701, 935)
    scale = np.divide(shape, coarse)

    out = upsample_nnf(identity(coarse), shape, shape, scale, scale)

    np.testing.assert_array_equal(out, identity(shape))


def test_a_strip_is_a_part_of_the_whole(target, random):
    nnf = target.asarray(random_nnf(random, (4, 3), (5, 6)))
    scales = {"scale": (2.7, 2.0), "other_scale": (1.6, 2.5)}
    whole = target.to_host(upsample_nnf(nnf, (11, 6), (8, 15), **scales))

    strip = target.to_host(upsample_nnf(nnf, (5, 6), (8, 15), **scales, first_row=4))

    np.testing.assert_array_equal(strip, whole[4:9])
