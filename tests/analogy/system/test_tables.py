import json

import numpy as np
from PIL import Image

from analogy.system.tables import Table, mean, write_sheet, write_tables

TABLE = Table(
    "Flow",
    ("pair", "error", "count", "other's"),
    [("Venus", 1.23456, 3, None), ("a|b", 2.0, 4, 0.5)],
    notes=("Errors in pixels.",),
)


def test_markdown_rounds_and_marks_what_is_absent():
    lines = TABLE.markdown().splitlines()

    assert lines[0] == "## Flow"
    assert lines[4] == "| Venus | 1.23 | 3 | - |"
    assert lines[5] == r"| a\|b | 2.00 | 4 | 0.50 |"
    assert lines[-1] == "Errors in pixels."


def test_files_hold_the_same_figures(tmp_path):
    write_tables(tmp_path, "flow", [TABLE], device="cpu")

    record = json.loads((tmp_path / "flow.json").read_text())
    assert record["device"] == "cpu"
    assert record["tables"][0]["rows"][0] == {
        "pair": "Venus",
        "error": 1.23456,
        "count": 3,
        "other's": None,
    }
    assert (tmp_path / "flow.md").read_text() == TABLE.markdown()


def test_means_leave_out_what_is_absent():
    assert mean([1.0, None, 2.0]) == 1.5
    assert mean([None]) is None


def test_sheets_show_every_image_whole_under_its_label(tmp_path):
    red = np.full((20, 30, 3), (255, 0, 0), np.uint8)
    blue = np.full((10, 40, 3), (0, 0, 255), np.uint8)

    write_sheet(tmp_path / "sheet.png", [[("red", red), ("blue", blue)], [("again", blue)]])

    page = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert (page == (255, 0, 0)).all(axis=-1).sum() == 20 * 30
    assert (page == (0, 0, 255)).all(axis=-1).sum() == 2 * 10 * 40
    # The labels' ink.
    assert (page.max(axis=-1) < 128).any()
