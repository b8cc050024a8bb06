import json

import numpy as np
import pytest
from PIL import Image

from analogy.evaluation.feature_maps import principal_colours, reconstruct_image, show_features
from analogy_kernels.target import CPU
from tests.analogy.evaluation.pictures import write_photographs
from tests.analogy.tiny import tiny_features, tiny_network


def test_colours_are_the_directions_of_most_variance(random):
    shape = (20, 30)
    strengths = np.array([0.01, 9, 3, 1])
    features = (random.standard_normal((*shape, 4)) * strengths).astype(np.float32)

    colours, share = principal_colours(features)

    for colour, channel in enumerate((1, 2, 3)):
        related = np.corrcoef(colours[..., colour].ravel(), features[..., channel].ravel())[0, 1]
        # Less than 1 by the shades that are cut off and by chance between channels.
        assert related > 0.95
    assert share == pytest.approx(1, abs=1e-4)


def test_colours_of_a_map_without_variance():
    colours, share = principal_colours(np.ones((4, 5, 8), np.float32))

    assert len(np.unique(colours.reshape(-1, 3), axis=0)) == 1
    assert share == pytest.approx(0, abs=1e-6)


def test_an_image_comes_back_from_its_first_features(random):
    network = tiny_network(random)
    image = random.integers(0, 256, (9, 12, 3)).astype(np.float32)
    features = tiny_features(network, image)

    _, few = reconstruct_image(features, network, 1, 2, CPU)
    picture, residual = reconstruct_image(features, network, 1, 60, CPU)

    assert residual < few / 10
    assert picture.shape == image.shape
    assert picture.dtype == np.uint8


def test_sheet_and_table_show_every_level(tmp_path):
    path, _ = write_photographs(tmp_path, "a.png", "b.png")

    table = show_features(path, tmp_path / "out", device="cpu", max_side=36, iterations=1)

    assert [row[:4] for row in table.rows][::4] == [[1, 32, 36, 64], [5, 2, 3, 512]]
    shares, residuals = zip(*(row[4:] for row in table.rows), strict=True)
    assert all(0 < share <= 1 for share in shares)
    assert all(residual > 0 for residual in residuals)
    # Six columns of 36 pixels and gaps of 4.
    assert Image.open(tmp_path / "out/features.png").width == 6 * (36 + 4) + 4
    assert json.loads((tmp_path / "out/features.json").read_text())["iterations"] == 1
