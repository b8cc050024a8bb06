from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from skimage import data

from analogy.errors import AnalogyError
from analogy.evaluation.guided_keypoints import evaluate_points
from analogy.evaluation.keypoints import Pair
from analogy.parameters import PRESETS

MATCHES = replace(PRESETS["matches"], finest_level=4)


@pytest.fixture
def pairs(tmp_path):
    """A photograph, and a piece of it 12 pixels on; of one pair the keypoints say 40 instead."""
    image = Image.fromarray(data.chelsea()[:, 60:360]).resize((128, 128))
    a, b = tmp_path / "a.png", tmp_path / "b.png"
    image.crop((0, 0, 116, 128)).save(a)
    image.crop((12, 0, 128, 128)).save(b)
    keypoints = np.array([[50, 40], [60, 50], [80, 90], [90, 30], [50, 100]], float)
    return [Pair("cat", a, b, keypoints, keypoints - (shift, 0)) for shift in (12, 12, 40, 12)]


def test_points_raise_what_arrives_of_the_worst(pairs, tmp_path):
    (table,) = evaluate_points(pairs, MATCHES, tmp_path, counts=[1, 3], device="cpu")

    without, one, _, three = table.rows
    # The box is 70 pixels high, and what is 28 pixels away from it arrives at no share of 0.2.
    assert without[1:] == [1, 0, 0, 0, 0]
    assert three[-1] >= one[-1] > 0
    assert (tmp_path / "points.md").read_text().startswith("## PCK with points")


def test_some_keypoints_have_to_be_left(pairs, tmp_path):
    with pytest.raises(AnalogyError, match="--points 5: a pair has 5 keypoints"):
        evaluate_points(pairs, MATCHES, tmp_path, counts=[5], device="cpu")
