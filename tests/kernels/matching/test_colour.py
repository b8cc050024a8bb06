import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analogy_kernels.matching.colour import COLOUR_CHANNELS, append_colour
from tests.strategies import generators, property_test, shapes


@property_test
@given(generators, shapes, st.sampled_from([0.0, 0.5, 1000.0]), st.integers(0, 3))
def test_product_is_the_weighted_distance(target, generator, shape, weight, offset):
    a, b = (generator.uniform(-0.5, 0.5, (*shape, 3)).astype(np.float32) for _ in range(2))
    maps = []
    for image, is_source in ((a, True), (b, False)):
        out = target.asarray(np.full((*shape, offset + COLOUR_CHANNELS), 7, np.float32))
        returned = append_colour(target.asarray(image), weight, is_source, out, offset)
        assert returned is out
        maps.append(target.to_host(out))

    assert all((channels[..., :offset] == 7).all() for channels in maps)
    product = np.sum(maps[0][..., offset:] * maps[1][..., offset:], axis=-1)
    expected = -weight * np.sum((a.astype(np.float64) - b) ** 2, axis=-1)
    # Each of the three terms, at most 1.5 weights large, carries a few roundings.
    tolerance = 10 * 1.5 * weight * np.finfo(np.float32).eps
    np.testing.assert_allclose(product, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("is_source", [True, False])
def test_roles_may_be_exchanged_in_place(target, random, is_source):
    image = target.asarray(random.random((3, 4, 3), np.float32))
    once, twice = (target.zeros((3, 4, COLOUR_CHANNELS)) for _ in range(2))

    append_colour(image, 2.0, is_source, once, 0)
    append_colour(image, 2.0, not is_source, twice, 0)
    append_colour(image, 2.0, is_source, twice, 0)

    np.testing.assert_array_equal(target.to_host(once), target.to_host(twice))


def test_a_result_without_room_is_refused():
    image, out = np.zeros((2, 3, 3), np.float32), np.zeros((2, 3, 7), np.float32)

    append_colour(image, 1.0, True, out, 2)
    with pytest.raises(ValueError, match=r"has to be float32 \(2, 3, 8\)"):
        append_colour(image, 1.0, True, out, 3)
