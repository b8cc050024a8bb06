import numpy as np
import pytest

from analogy.method.poses import UPRIGHT, Pose
from analogy.method.sheets import level_shape, sheets_of

POSES = (UPRIGHT, Pose(True), Pose(turn=90), Pose(turn=30))


@pytest.fixture
def image(random):
    return random.integers(0, 256, (40, 60, 3)).astype(np.uint8)


@pytest.fixture
def sheets(image):
    return sheets_of(image, POSES)


def test_each_sheet_has_a_copy_in_its_corner(image, sheets):
    height, _ = sheets.shape
    for index, copy in enumerate(sheets.copies):
        sheet = sheets.image[index * height : (index + 1) * height]
        rows, columns = copy.image.shape[:2]
        np.testing.assert_array_equal(sheet[:rows, :columns], copy.image)
        # Below and beside it the border goes on.
        np.testing.assert_array_equal(sheet[-1, :columns], copy.image[-1])


def test_places_lead_to_every_sheet_and_back(image, sheets, random):
    places = random.uniform(0, 39, (9, 2))
    for index in range(len(POSES)):
        there = sheets.places_on_sheet(places, index)
        back, on = sheets.places_in_original(there)
        np.testing.assert_allclose(back, places, atol=1e-9)
        assert (on == index).all()


def test_only_what_shows_the_image_is_shown(sheets):
    shown = sheets.is_shown(sheets.image.shape[:2])

    height, _ = sheets.shape
    # The copies as they are, and of the turned ones as much: no pixel of the image is lost.
    for index in range(len(POSES)):
        area = shown[index * height : (index + 1) * height].sum()
        assert area == pytest.approx(40 * 60, rel=0.02)


def test_all_levels_divide_several_sheets_alike(sheets):
    for scale in (0.31, 0.5, 1.0):
        height, _ = sheets.matched_shape(scale)
        assert height % (16 * len(POSES)) == 0


def test_one_copy_is_matched_at_its_own_size(image):
    one = sheets_of(image, [Pose(True)])

    assert one.matched_shape(0.5) == (20, 30)
    assert one.is_whole
    assert not sheets_of(image, [Pose(turn=10)]).is_whole


def test_the_record_tells_the_share_of_each(sheets):
    poses = np.array([[0, 0], [1, 3]], np.uint8)

    record = sheets.record(poses)

    assert [one["share"] for one in record] == [0.5, 0.25, 0, 0.25]
    assert record[1]["mirrored"]
    assert record[3]["turn"] == 30


def test_a_level_is_half_of_the_one_before_rounded_up():
    assert level_shape((37, 48), 3) == (10, 12)
