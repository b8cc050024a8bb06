import dataclasses
import json

import pytest

from analogy.evaluation.weights import compare_weights
from analogy.model import bundled_path
from analogy.model.graph import read_model, write_model
from tests.analogy.evaluation.pictures import QUICK, write_photographs


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    """Weights that see left for right."""
    weights, _ = read_model(bundled_path())
    turned = {
        name: (filters[..., ::-1].copy(), bias)
        for name, (filters, bias) in weights.convolutions.items()
    }
    path = tmp_path_factory.mktemp("model") / "mirrored.onnx"
    path.write_bytes(write_model(dataclasses.replace(weights, convolutions=turned)))
    return path


def compare(folder, other):
    return compare_weights(
        folder, other, folder / "out", device="cpu", max_side=36, parameters=QUICK
    )


def test_other_weights_give_other_figures(tmp_path, mirrored):
    write_photographs(tmp_path, "portrait_A.png", "portrait_B.jpg")

    name, cost, other_cost, *_, psnr_of_a_prime, _ = compare(tmp_path, mirrored).rows[0]

    assert name == "portrait"
    assert cost != other_cost
    assert psnr_of_a_prime is not None
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"weights.json", "weights.md", "weights_portrait.png"}
    record = json.loads((tmp_path / "out/weights.json").read_text())
    assert record["other"] == str(mirrored)


def test_the_same_weights_give_the_same_results(tmp_path):
    write_photographs(tmp_path, "portrait_A.png", "portrait_B.jpg")

    table = compare(tmp_path, bundled_path())

    _, cost, other_cost, consistent, other_consistent, *psnr = table.rows[0]
    assert cost == other_cost
    assert consistent == other_consistent
    # Of equal images it is infinite, which has no place in a table.
    assert psnr == [None, None]
