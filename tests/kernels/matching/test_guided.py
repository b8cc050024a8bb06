import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analogy_kernels.matching.guided import upsample_nnf_guided
from analogy_kernels.matching.upsample import upsample_nnf
from analogy_kernels.target import CPU
from tests import oracles
from tests.strategies import generators, property_test, random_nnf, shapes

# Exact in float32, so that the oracle, which works in float64, never differs by a rounding at the
# border between two pixels.
exact_scales = st.sampled_from([1.0, 2.0, 4.0])


def grey_levels(generator, shape):
    # Of few levels, so that coarse pixels are often equally alike.
    return generator.choice(np.array([0, 40, 80], np.uint8), (*shape, 3))


@property_test
@given(generators, shapes, shapes, st.tuples(exact_scales, exact_scales))
def test_chooses_as_the_oracle_does(target, generator, coarse, other_coarse, scale):
    shape, other_shape = (
        tuple(np.multiply(side, scale).astype(int)) for side in (coarse, other_coarse)
    )
    nnf = random_nnf(generator, coarse, other_coarse)
    guide, image = grey_levels(generator, coarse), grey_levels(generator, shape)

    found = upsample_nnf_guided(
        *map(target.asarray, (nnf, guide, image)), other_shape, scale, scale
    )

    expected = oracles.upsample_nnf_guided(nnf, guide, image, other_shape, scale, scale)
    np.testing.assert_array_equal(target.to_host(found), expected, strict=True)


def test_an_image_of_one_colour_is_upsampled_as_without_a_guide(target, random):
    nnf = random_nnf(random, (3, 4), (5, 6))
    guide, image = (np.full((*shape, 3), 7, np.uint8) for shape in ((3, 4), (9, 12)))

    found = upsample_nnf_guided(*map(target.asarray, (nnf, guide, image)), (15, 18), (3, 3), (3, 3))

    plain = upsample_nnf(target.asarray(nnf), (9, 12), (15, 18), (3.0, 3.0), (3.0, 3.0))
    np.testing.assert_array_equal(target.to_host(found), target.to_host(plain))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
@pytest.mark.parametrize("other_scale", [1e-30, 1e20])
def test_scales_beyond_every_map_lead_to_its_border(target, random, scale, other_scale):
    nnf = random_nnf(random, (3, 4), (5, 6))
    guide, image = grey_levels(random, (3, 4)), grey_levels(random, (4, 5))

    found = target.to_host(
        upsample_nnf_guided(
            *map(target.asarray, (nnf, guide, image)), (9, 8), (scale,) * 2, (other_scale,) * 2
        )
    )

    assert (found >= 0).all()
    assert (found < (9, 8)).all()


def test_a_strip_is_a_part_of_the_whole(random):
    nnf = random_nnf(random, (3, 4), (5, 6))
    guide, image = grey_levels(random, (3, 4)), grey_levels(random, (10, 13))
    scales = (10 / 3, 13 / 4), (2.0, 2.0)

    whole = upsample_nnf_guided(nnf, guide, image, (10, 12), *scales)
    strip = np.ascontiguousarray(image[4:9])
    part = upsample_nnf_guided(nnf, guide, strip, (10, 12), *scales, first_row=4)

    np.testing.assert_array_equal(part, whole[4:9])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"guide": np.zeros((2, 4, 3), np.uint8)}, "guide is uint8"),
        ({"image": np.zeros((6, 8, 4), np.uint8)}, "image is uint8"),
        ({"image": np.zeros((6, 8, 3), np.float32)}, "image is float32"),
    ],
)
def test_refuses_pictures_that_do_not_fit(changes, message):
    arrays = {
        "nnf": CPU.zeros((3, 4, 2), np.int32),
        "guide": np.zeros((3, 4, 3), np.uint8),
        "image": np.zeros((6, 8, 3), np.uint8),
    }
    with pytest.raises(ValueError, match=message):
        upsample_nnf_guided(
            **(arrays | changes), other_shape=(5, 5), scale=(2, 2), other_scale=(2, 2)
        )
