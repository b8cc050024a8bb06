import numpy as np
import pytest

from analogy.errors import AnalogyError
from analogy.images import Picture
from analogy.method.masks import (
    Masks,
    MatchingMasks,
    check_masks,
    hide_transparent,
    shrink_labels,
)
from analogy_kernels.target import CPU


def test_a_pixel_of_a_level_has_the_label_in_its_middle(random):
    labels = random.integers(0, 2, (9, 6))

    small = shrink_labels(labels, (9, 6), 2)

    # Each pixel covers two by two, those of the last row one by two.
    np.testing.assert_array_equal(small, labels[[1, 3, 5, 7, 8]][:, 1::2])


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_labels_have_the_shape_of_the_level(level):
    small = shrink_labels(np.ones((90, 77), int), (45, 39), level)

    assert small.shape == tuple(-(-side // 2 ** (level - 1)) for side in (45, 39))
    assert (small == 1).all()


def test_a_small_label_keeps_the_pixel_of_which_it_covers_the_most():
    labels = np.ones((32, 48), int)
    labels[15:18, 30:33] = 2

    small = shrink_labels(labels, (32, 48), 5)

    # Rows 16 and 17, columns 30 and 31: four of its nine pixels.
    assert small.tolist() == [[1, 1, 1], [1, 2, 1]]


def test_a_label_does_not_take_the_last_pixel_of_another():
    labels = np.ones((32, 16), int)
    labels[16:] = 2
    labels[20:24, 2:6], labels[4, 4] = 3, 3

    small = shrink_labels(labels, (32, 16), 5)

    assert small.tolist() == [[1], [2]]


def test_the_free_label_makes_room():
    labels = np.zeros((16, 16), int)
    labels[0, 0] = 7

    assert shrink_labels(labels, (16, 16), 5).tolist() == [[7]]


def test_at_the_images_own_size_labels_are_theirs(random):
    labels = random.integers(0, 9, (20, 30))

    np.testing.assert_array_equal(shrink_labels(labels, (20, 30), 1), labels)


def test_levels_have_what_both_images_have():
    a, b_prime = np.full((32, 32), 500), np.full((32, 32), 500)
    # B' has no room for 600 at level 5, and 700 is not in A.
    a[:, 16:], b_prime[16:], b_prime[0, 0] = 600, 700, 600
    b_prime[:16, 16:] = 500
    masks = MatchingMasks(Masks(a, b_prime))

    coarse, fine = (masks.at(level, (32, 32), (32, 32), CPU) for level in (5, 1))

    assert set(np.unique(fine.a.labels)) == {1, 2}
    assert set(np.unique(fine.b_prime.labels)) == {0, 1, 2}
    assert set(np.unique(coarse.a.labels)) <= set(np.unique(coarse.b_prime.labels)) | {0}
    assert fine.b_prime.labels[0, 0] == 2
    assert (fine.b_prime.labels[16:] == 0).all()


def test_what_cannot_be_kept_at_a_level_is_free_there():
    a, b_prime = np.ones((32, 32), int), np.ones((16, 16), int)
    a[:, 16:], b_prime[0, 0] = 2, 2

    coarse = MatchingMasks(Masks(a, b_prime)).at(5, (32, 32), (16, 16), CPU)

    assert coarse.a.labels.tolist() == [[1, 0], [1, 0]]
    assert coarse.b_prime.labels.tolist() == [[1]]


def test_what_is_kept_is_kept_at_every_level():
    keep = np.zeros((32, 32), np.uint8)
    keep[3, 4] = 200

    masks = MatchingMasks(Masks(keep=keep))

    for level in (1, 5):
        found = masks.at(level, (32, 32), (40, 40), CPU)
        assert found.keep.dtype == np.float32
        assert found.keep.sum() == 1
        assert found.a is None


def test_without_masks_levels_have_none():
    found = MatchingMasks(None).at(3, (32, 32), (40, 40), CPU)

    assert (found.a, found.b_prime, found.keep) == (None, None, None)


LABELS = np.zeros((40, 50), int)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (Masks(LABELS + 3, LABELS + 1), r"b_prime: has no pixel of label 3 .* which masks\.a has"),
        (Masks(a=LABELS), r"masks\.a: labels of one image alone; .*--mask-b"),
        (Masks(b_prime=LABELS), r"masks\.b_prime: labels of one image alone; .*--mask-a"),
        (Masks(keep=LABELS.T), r"masks\.keep: 40 x 50 px for an image of 50 x 40 px"),
        (Masks(LABELS - 1, LABELS), r"masks\.a: .* no mask"),
        (Masks(LABELS, LABELS * 0.5), r"masks\.b_prime: .* float64 is no mask"),
        (Masks(keep=np.dstack([LABELS] * 3)), r"masks\.keep: an array of shape \(40, 50, 3\)"),
    ],
)
def test_masks_that_do_not_fit_are_refused(masks, message):
    with pytest.raises(AnalogyError, match=message):
        check_masks(masks, LABELS.shape, LABELS.shape)


def test_labels_that_only_b_has_and_free_pixels_are_no_mistake():
    a = LABELS.copy()
    a[:9] = 1

    check_masks(Masks(a, LABELS + 1, LABELS > 0), LABELS.shape, LABELS.shape)


def picture(opaque=None):
    """A black picture of 4 x 6 pixels; `opaque` says which of its columns are."""
    alpha = None if opaque is None else np.tile(np.uint8(opaque) * np.uint8(255), (4, 1))
    return Picture(np.zeros((4, 6, 3), np.uint8), alpha)


LEFT, RIGHT = (1, 1, 1, 0, 0, 0), (0, 0, 0, 1, 1, 1)


def test_pictures_without_alpha_leave_masks_as_they_are():
    assert hide_transparent(None, picture(), picture()) is None
    masks = Masks(keep=np.ones((4, 6)))
    assert hide_transparent(masks, picture(), picture()) is masks


def test_what_is_opaque_is_matched_with_nothing_else():
    found = hide_transparent(None, picture(), picture(LEFT))

    assert (found.a == 1).all()
    np.testing.assert_array_equal(found.b_prime, np.tile(LEFT, (4, 1)))
    both = hide_transparent(Masks(keep=np.ones((4, 6))), picture(RIGHT), picture(LEFT))
    np.testing.assert_array_equal(both.a, np.tile(RIGHT, (4, 1)))
    assert both.keep is not None


def test_labels_stay_where_it_is_opaque():
    labels = np.full((4, 6), 7)
    labels[0] = 0
    found = hide_transparent(Masks(labels, labels), picture(LEFT), picture(RIGHT))

    np.testing.assert_array_equal(found.a, labels * LEFT)
    np.testing.assert_array_equal(found.b_prime, labels * RIGHT)
    with pytest.raises(AnalogyError, match="has no pixel of label 7"):
        check_masks(hide_transparent(found, picture(), picture(LEFT)), (4, 6), (4, 6))
