import numpy as np
import pytest

from analogy.method.confidence import confidence_map, fill_unreliable, round_trips
from analogy.method.masks import LevelMasks
from analogy.method.search import Matches
from analogy_kernels.matching.labels import label_map

SHAPE, OTHER = (12, 14), (12, 18)
SHIFT = 2


@pytest.fixture
def matches(target, random):
    """A shifted by two pixels to the right in B', but for a region of each matched by chance."""
    ab = displaced(SHAPE, SHIFT, OTHER)
    ba = displaced(OTHER, -SHIFT, SHAPE)
    for field, other in ((ab, OTHER), (ba, SHAPE)):
        field[3:8, 4:9] = (0, other[1] - 1)
    return Matches(target.asarray(ab), target.asarray(ba))


def displaced(shape, dx, other):
    field = np.stack(np.indices(shape, np.int32), axis=-1) + np.int32([0, dx])
    return np.clip(field, 0, np.subtract(other, 1)).astype(np.int32)


def filled(target, matches, limit=1.0, masks=None):
    result = fill_unreliable(matches, *round_trips(matches), limit, masks)
    return target.to_host(result.ab), target.to_host(result.ba)


def test_unreliable_pixels_move_as_their_neighbourhood(target, matches):
    ab, ba = filled(target, matches)

    np.testing.assert_array_equal(ab, displaced(SHAPE, SHIFT, OTHER))
    # What lies left of A in B' comes back to A's border and is moved like its neighbours.
    np.testing.assert_array_equal(ba, displaced(OTHER, -SHIFT, SHAPE))


def test_labels_are_not_filled_across(target, matches):
    labels = [np.zeros(shape, int) for shape in (SHAPE, OTHER)]
    # To the label of the corner where it was matched by chance, and nowhere else.
    labels[0][4, 5], labels[1][0, OTHER[1] - 1] = 1, 1
    masks = LevelMasks(*(label_map(side, target) for side in labels))

    ab, _ = filled(target, matches, masks=masks)

    expected = displaced(SHAPE, SHIFT, OTHER)
    expected[4, 5] = 0, OTHER[1] - 1
    np.testing.assert_array_equal(ab, expected)


def test_a_limit_that_trusts_all_fills_nothing(target, matches):
    ab, ba = filled(target, matches, limit=100.0)

    np.testing.assert_array_equal(ab, target.to_host(matches.ab))
    np.testing.assert_array_equal(ba, target.to_host(matches.ba))


def test_without_a_reliable_pixel_the_field_stays(target, random):
    # Where one pixel's way leads back to another's, and that one's to the first.
    ab = np.zeros((*SHAPE, 2), np.int32)
    ba = np.full((*OTHER, 2), 11, np.int32)
    ab[11, 11], ba[0, 5] = (0, 5), (0, 0)
    found_ab, found_ba = filled(target, Matches(target.asarray(ab), target.asarray(ba)), limit=0.5)

    np.testing.assert_array_equal(found_ab, ab)
    np.testing.assert_array_equal(found_ba, ba)


def test_confidence_halves_every_eight_pixels(target):
    distance = np.float32([[0, 8, 16], [24, 1000, 1]])

    confidence = confidence_map(target.asarray(distance), (2, 3))

    # 255 times 1, 1/2, 1/4, 1/8, 0 and 2 ** (-1 / 8).
    np.testing.assert_array_equal(confidence, [[255, 128, 64], [32, 0, 234]])
    assert confidence.dtype == np.uint8


def test_confidence_has_the_size_of_the_image(target):
    distance = target.asarray(np.zeros((4, 5), np.float32))

    np.testing.assert_array_equal(confidence_map(distance, (9, 12)), np.full((9, 12), 255))
