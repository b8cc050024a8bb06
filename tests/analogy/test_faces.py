from pathlib import Path

import numpy as np
import pytest
from skimage import data

from analogy.faces import FACE_SHARE, choose_ratio, face_share
from analogy.images import read_image, resize

PAIRS = Path(__file__).parents[3] / "shared" / "pairs"
FACES = ("demo", "p2style_face", "s2photo_3", "s2photo_9")
NO_FACES = ("p2p_4", "p2p_valley", "p2style_scene", "s2s_7", "s2s_butterfly")


@pytest.fixture
def portrait():
    """The astronaut's head, which fills the picture."""
    return np.ascontiguousarray(data.astronaut()[20:220, 130:320])


def test_a_face_that_fills_the_picture_is_found(portrait):
    assert face_share(portrait) > 0.15


def test_a_small_face_and_none_count_for_nothing():
    # The astronaut's face is a twentieth of the whole picture.
    for image in (data.astronaut(), data.chelsea(), data.coffee(), data.rocket()):
        assert face_share(image) == 0


def test_share_does_not_depend_on_the_size(portrait):
    large = resize(portrait, (600, 570))

    assert face_share(large) == pytest.approx(face_share(portrait), abs=0.1)


def test_one_face_halves_the_ratio(portrait):
    ratio, shares = choose_ratio(data.coffee(), portrait)

    assert ratio == 0.5
    assert shares["a"] == 0
    assert shares["b_prime"] >= FACE_SHARE


def test_no_face_keeps_the_ratio():
    assert choose_ratio(data.coffee(), data.chelsea()) == (1.0, {"a": 0.0, "b_prime": 0.0})


def test_images_that_would_become_too_small_keep_it(portrait):
    assert choose_ratio(portrait, resize(data.coffee(), (60, 60)))[0] == 1.0


def test_tiny_images_have_no_face():
    assert face_share(np.zeros((32, 400, 3), np.uint8)) == 0


@pytest.mark.skipif(not PAIRS.exists(), reason="no pairs beside the project")
@pytest.mark.parametrize("side", "AB")
@pytest.mark.parametrize("name", FACES + NO_FACES)
def test_faces_and_painted_faces_of_the_pairs(name, side):
    share = face_share(read_image(PAIRS / f"{name}_{side}.png"))

    assert (share >= FACE_SHARE) == (name in FACES)
