import pytest

from analogy.errors import AnalogyError
from analogy.method.memory_estimate import check_memory, estimate_memory, has_room

GIB = 2**30


def test_estimate_grows_with_the_matched_size():
    sizes = [estimate_memory((600, 800), (500, 500), ratio) for ratio in (0.25, 0.5, 1.0)]

    assert sizes == sorted(set(sizes))


def test_estimate_is_what_max_side_leaves():
    assert estimate_memory((400, 400), (400, 400), 0.5) == estimate_memory(
        (400, 400), (400, 400), 1.0, 200
    )


def test_refining_large_images_matched_small_takes_more():
    shapes = (4000, 6000), (400, 400)
    usual, refined = (estimate_memory(*shapes, max_side=700, refine=refine) for refine in (0, 1))

    assert refined - usual > 2 * GIB
    with pytest.raises(AnalogyError, match="not enough memory"):
        check_memory(*shapes, max_side=700, available=usual, refine=True)


def test_448_pixels_fit_into_3_gib():
    check_memory((448, 448), (448, 448), available=3 * GIB)


def test_photographs_of_12_megapixels_fit_into_8_gib():
    check_memory((3000, 4000), (3000, 4000), max_side=700, available=8 * GIB)


def test_size_of_large_images_is_estimated_as_measured():
    # What a run of two images of 12 megapixels, matched at 128 pixels, took.
    measured = 851_234_816

    estimate = estimate_memory((3000, 4000), (3000, 4000), max_side=128)

    assert measured <= estimate < 1.3 * measured


def test_too_large_names_a_ratio_that_fits():
    shapes = (3000, 4000), (2000, 2000)

    with pytest.raises(AnalogyError, match=r"--ratio 0\.\d\d fits") as raised:
        check_memory(*shapes, available=8 * GIB)

    ratio = float(str(raised.value).split("--ratio ")[1].split()[0])
    check_memory(*shapes, ratio, available=8 * GIB)
    assert estimate_memory(*shapes, ratio + 0.01) > 8 * GIB


def test_where_a_ratio_would_shrink_the_other_image_too_far_a_longest_side_is_named():
    shapes = (3000, 4000), (40, 40)

    with pytest.raises(AnalogyError, match=r"--max-side \d+ fits") as raised:
        check_memory(*shapes, available=8 * GIB)

    max_side = int(str(raised.value).split("--max-side ")[1].split()[0])
    check_memory(*shapes, max_side=max_side, available=8 * GIB)


def test_where_nothing_fits_smaller_images_are_asked_for():
    with pytest.raises(AnalogyError, match="give smaller images"):
        check_memory((448, 448), (448, 448), available=1000)


def test_there_is_room_for_what_is_estimated_and_no_more():
    shapes, matched = [(300, 400), (800, 400)], [(150, 200), (400, 200)]
    needed = estimate_memory(*shapes, ratio=0.5)

    assert has_room(shapes, matched, needed)
    assert not has_room(shapes, matched, needed - 1)
    assert not has_room(shapes, [(300, 400), (800, 400)], needed)
