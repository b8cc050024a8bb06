import itertools
import json

import numpy as np
import pytest
from PIL import Image

from analogy.evaluation.ablation import LEVELS_SHEET, SHEETS, VARIANTS, ablate
from tests.analogy.evaluation.pictures import QUICK, write_photographs


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ablation")
    table = ablate(
        *write_photographs(folder, "a.png", "b.png"),
        folder / "out",
        device="cpu",
        max_side=36,
        parameters=QUICK,
    )
    return folder / "out", table


def test_every_variant_has_its_figures(results):
    folder, table = results
    figures = {name: cells for name, *cells in table.rows}

    assert set(figures) == set(VARIANTS)
    for name, (residual, cost, consistent, seconds) in figures.items():
        assert (residual is None) == (name in ("resampling", "independent levels"))
        assert -1.001 < cost < 0
        assert 0 <= consistent <= 1
        assert seconds > 0
    record = json.loads((folder / "ablation.json").read_text())
    assert record["runs"]["depth 1"]["parameters"]["deconv_depth"] == 1
    assert record["runs"]["default"]["parameters"]["deconv_iterations"] == 1


def test_sheets_are_written_with_the_images_shrunk(results):
    folder, _ = results
    names = {path.name for path in folder.iterdir()}

    others = {"ablation.json", "ablation.md", "levels.png", "refinement.png"}
    assert names == others | {f"{n}.png" for n in SHEETS}
    # An image and three results, each 36 pixels wide, and gaps of 4.
    width, _ = Image.open(folder / "reconstruction.png").size
    assert width == 4 * (36 + 4) + 4


def test_each_sheet_shows_variants_that_differ(results):
    folder, _ = results
    for name, labels in SHEETS.items():
        page = np.asarray(Image.open(folder / f"{name}.png"))
        columns = [page[:, 4 + 40 * k :][:, :36] for k in range(len(labels) + 1)]
        # Images without their labels: the second row's.
        images = [column[-(4 + 32) : -4] for column in columns]
        for first, second in itertools.pairwise(images):
            assert (first != second).any(), name


def test_sheets_name_variants_that_there_are():
    shown = {name for labels in (*SHEETS.values(), LEVELS_SHEET) for name in labels}

    assert shown == set(VARIANTS)
