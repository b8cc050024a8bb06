from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from skimage import data

from analogy.errors import AnalogyError
from analogy.evaluation.keypoints import Pair
from analogy.evaluation.posed_keypoints import evaluate_transforms, transform_of
from analogy.method.poses import UPRIGHT, Pose
from analogy.parameters import PRESETS

MATCHES = replace(PRESETS["matches"], finest_level=4)


@pytest.mark.parametrize(
    ("name", "pose"),
    [
        ("upright", UPRIGHT),
        ("mirrored", Pose(True)),
        ("turned-22.5", Pose(turn=22.5)),
        ("scaled-0.7", Pose(scale=0.7)),
    ],
)
def test_a_name_says_a_pose(name, pose):
    assert transform_of(name) == pose


@pytest.mark.parametrize("name", ["turned", "turned-x", "scaled-0", "scaled--2", "bent"])
def test_a_name_of_no_pose_is_refused(name):
    with pytest.raises(AnalogyError, match=f"--transform {name}: no such transform; give upright"):
        transform_of(name)


def test_copies_bring_back_what_a_transform_takes(tmp_path):
    path = tmp_path / "cat.png"
    Image.fromarray(data.chelsea()[:, 60:360]).resize((112, 112)).save(path)
    keypoints = np.array([[40, 40], [60, 50], [75, 80], [80, 30], [45, 90]], float)
    pair = Pair("cat", path, path, keypoints, keypoints)

    (table,) = evaluate_transforms(
        [pair], MATCHES, tmp_path, names=("upright", "mirrored"), device="cpu"
    )

    # One and the same picture: a cell of level 4 is 8 pixels, and a tenth of the box 6.
    (_, upright, mirrored), (_, upright_by_copies, mirrored_by_copies) = table.rows
    assert upright_by_copies == upright
    assert mirrored_by_copies > mirrored
    assert (tmp_path / "transforms.json").is_file()
