import logging
from dataclasses import replace

import numpy as np
import pytest
from skimage import data

from analogy.images import resize
from analogy.method.pose_choice import choose_poses
from analogy.method.poses import UPRIGHT, Pose, copy_of
from analogy.model import bundled_path
from analogy.network.features import FeatureExtractor
from analogy.parameters import Parameters

AUTO = replace(Parameters(), pose="auto")


@pytest.fixture(scope="module")
def extractor():
    return FeatureExtractor(bundled_path(), "cpu")


@pytest.fixture(scope="module")
def cat():
    return resize(data.chelsea()[:, 60:360], (112, 112))


@pytest.fixture(scope="module")
def choice(extractor, cat):
    def chosen(b_prime, parameters=AUTO):
        return choose_poses(cat, b_prime, extractor, parameters)

    return chosen


def test_what_is_upright_stays_so(choice, cat):
    assert choice(255 - cat) == (UPRIGHT,)


def test_what_is_mirrored_is_mirrored_back(choice, cat):
    assert choice(255 - cat[:, ::-1])[0].is_mirrored


def test_what_is_turned_is_turned_back(choice, cat):
    first = choice(copy_of(cat, Pose(turn=90)).image)[0]

    # To within the finest step.
    assert not first.is_mirrored
    assert abs((first.turn - 270 + 180) % 360 - 180) <= 15


def test_two_halves_in_two_poses_take_two_copies(extractor, cat):
    cup = resize(data.coffee()[:, 100:500], (112, 112))
    a = np.concatenate([cat, cup], axis=1)
    b_prime = np.concatenate([cat, np.rot90(cup, 2)], axis=1)

    found = choose_poses(a, b_prime, extractor, AUTO)

    assert len(found) > 1


def test_copies_without_room_are_left_out(choice, cat, caplog):
    caplog.set_level(logging.INFO)

    # Compared at 44 x 371 px, of which 0.7 leaves 31 in height.
    choice(np.tile(cat, (1, 6, 1))[:80])

    assert "left out: B' scaled by 0.7 has no side of 32 px" in caplog.text


def test_of_small_images_no_pose_is_asked(choice, cat):
    assert choice(np.rot90(cat)[:79]) == (UPRIGHT,)
