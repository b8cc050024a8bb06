import numpy as np
import pytest

from analogy.images import resize
from analogy.method.full_size import scale_of, vote_at_full_size
from analogy_kernels.imaging.vote import vote_alike
from tests import oracles
from tests.strategies import random_nnf

MATCHED, OTHER_MATCHED = (4, 3), (5, 6)
# Of the images themselves. The first are so much larger, by scales exact in float32, that matches
# follow edges; the second keep the squares that matched pixels stand for.
GUIDED, PLAIN = ((16, 6), (10, 12)), ((5, 4), (7, 9))


def grey_levels(random, shape):
    """An image of few colours, in which matched pixels are often equally like."""
    return random.choice(np.array([0, 60, 120], np.uint8), (*shape, 3))


def scales_of(shape, other_shape):
    return scale_of(1, MATCHED, shape), scale_of(1, OTHER_MATCHED, other_shape)


def expected_field(nnf, image, other_shape):
    shape = image.shape[:2]
    scales = scales_of(shape, other_shape)
    if (shape, other_shape) == PLAIN:
        return oracles.upsample_nnf(nnf, shape, other_shape, *scales)
    return oracles.upsample_nnf_guided(nnf, resize(image, MATCHED), image, other_shape, *scales)


# Single rows, strips of which the last is shorter, and all at once.
@pytest.mark.parametrize("strip", [1, 20, 1000])
@pytest.mark.parametrize("shapes", [GUIDED, PLAIN], ids=["guided", "plain"])
def test_strips_make_the_whole(target, random, shapes, strip):
    shape, other_shape = shapes
    nnf = random_nnf(random, MATCHED, OTHER_MATCHED)
    image, other_image = (grey_levels(random, size) for size in shapes)

    result, flow = vote_at_full_size(
        target.asarray(nnf), image, other_image, *scales_of(*shapes), 5, strip=strip
    )

    field = expected_field(nnf, image, other_shape)
    np.testing.assert_array_equal(result, oracles.vote(other_image, field, 5), strict=True)
    displacement = field - np.stack(np.mgrid[: shape[0], : shape[1]], axis=-1)
    np.testing.assert_array_equal(flow, np.float32(displacement[..., ::-1]), strict=True)


def test_floats_are_fetched_as_they_are(random):
    nnf = random_nnf(random, MATCHED, OTHER_MATCHED)
    image, other_image = (grey_levels(random, size) for size in PLAIN)
    finer = other_image + random.random(other_image.shape, np.float32) / 4
    scales = scales_of(*PLAIN)

    result, flow = vote_at_full_size(nnf, image, finer, *scales, 1)
    bytes_, same_flow = vote_at_full_size(nnf, image, other_image, *scales, 1)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(np.floor(result), bytes_)
    assert (result % 1 != 0).any()
    np.testing.assert_array_equal(flow, same_flow)


def test_edges_of_the_image_are_those_of_its_matches(random):
    nnf = random_nnf(random, MATCHED, OTHER_MATCHED)
    shape, other_shape = GUIDED
    image, other_image = (grey_levels(random, size) for size in GUIDED)
    flat = np.full_like(image, 60)

    flows = [
        vote_at_full_size(nnf, each, other_image, *scales_of(shape, other_shape), 5)[1]
        for each in (image, flat)
    ]

    assert (flows[0] != flows[1]).any()


@pytest.mark.parametrize("strip", [1, 20, 1000])
def test_votes_of_a_width_count_by_their_likeness_in_every_strip(target, random, strip):
    nnf = random_nnf(random, MATCHED, OTHER_MATCHED)
    image, other_image = (grey_levels(random, size) for size in GUIDED)

    result, _ = vote_at_full_size(
        target.asarray(nnf), image, other_image, *scales_of(*GUIDED), 3, 150.0, strip
    )

    field = target.asarray(expected_field(nnf, image, GUIDED[1]))
    expected = vote_alike(target.asarray(other_image), field, 3, 150.0)
    np.testing.assert_array_equal(result, target.to_host(expected), strict=True)
    assert (result != oracles.vote(other_image, target.to_host(field), 3)).any()


def test_scale_counts_pixels_of_the_image_in_one_of_the_level():
    assert scale_of(4, (50, 30), (100, 90)) == (8, 12)
