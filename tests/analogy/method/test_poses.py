import numpy as np
import pytest
from skimage import data

from analogy.images import resize
from analogy.method.poses import UPRIGHT, Pose, copy_of

RIGHT_ANGLES = {0: 0, 90: 3, 180: 2, 270: 1}


@pytest.fixture
def image(random):
    return random.integers(0, 256, (12, 17, 3)).astype(np.uint8)


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize("turn", RIGHT_ANGLES)
def test_right_angles_move_pixels_and_change_none(image, is_mirrored, turn):
    copy = copy_of(image, Pose(is_mirrored, turn))

    mirrored = image[:, ::-1] if is_mirrored else image
    # NumPy turns against the clock.
    np.testing.assert_array_equal(copy.image, np.rot90(mirrored, RIGHT_ANGLES[turn]))
    assert copy.is_inside.all()


def test_a_copy_upright_is_the_image(image):
    np.testing.assert_array_equal(copy_of(image, UPRIGHT).image, image)


@pytest.mark.parametrize("pose", [Pose(True, 30), Pose(False, 200, 0.5), Pose(True, 0, 1.7)])
def test_places_lead_to_the_copy_and_back(image, random, pose):
    copy = copy_of(image, pose)
    places = random.uniform(0, 11, (7, 2))

    there = copy.places_in_copy(places)

    np.testing.assert_allclose(copy.places_in_image(there), places, atol=1e-9)
    assert (there > -1).all()
    assert (there < copy.image.shape[:2]).all()


def test_a_turned_copy_shows_at_each_place_what_the_image_has_there():
    image = resize(data.astronaut(), (64, 64))
    copy = copy_of(image, Pose(turn=45))

    # Far enough from the border for the spline, and smooth enough that a pixel's shift shows.
    places = np.moveaxis(np.indices(copy.image.shape[:2]), 0, -1)
    there = copy.places_in_image(places)
    is_inner = ((there > 4) & (there < 59)).all(axis=-1)
    nearest = image[tuple(np.rint(there[is_inner]).astype(int).T)]
    difference = np.abs(copy.image[is_inner].astype(float) - nearest).mean()

    shifted = image[tuple((np.rint(there[is_inner]).astype(int) + 2).T)]
    assert difference < 0.5 * np.abs(copy.image[is_inner].astype(float) - shifted).mean()


def test_what_the_image_does_not_reach_is_told():
    copy = copy_of(np.full((40, 40, 3), 7, np.uint8), Pose(turn=45))

    # A square that stands on its corner in one of twice its area, but for the pixels at its edges.
    assert copy.is_inside.mean() == pytest.approx(0.5, abs=2 * 4 / 57)
    assert not copy.is_inside[0, 0]
    assert (copy.image == 7).all()


@pytest.mark.parametrize(
    ("pose", "words"),
    [
        (UPRIGHT, "upright"),
        (Pose(True, 15.0, 0.7), "mirrored, turned by 15, scaled by 0.7"),
    ],
)
def test_a_pose_is_told_in_words(pose, words):
    assert str(pose) == words


def test_the_shape_of_a_copy_is_known_before_it_is_made(image):
    pose = Pose(True, 30, 1.4)

    assert copy_of(image, pose).image.shape[:2] == pose.shape(image.shape[:2])
