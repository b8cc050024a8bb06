import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analogy.errors import AnalogyError
from analogy.outputs import (
    make_folder,
    staged,
    write_array,
    write_image,
    write_json,
    write_text,
)


def test_files_appear_together_when_all_are_written(tmp_path, random):
    image = random.integers(0, 256, (8, 9, 3), dtype=np.uint8)
    flow = random.standard_normal((8, 9, 2), dtype=np.float32)
    folder = tmp_path / "deep" / "out"

    with staged(folder) as staging:
        write_image(staging / "a.png", image)
        write_array(staging / "flow.npy", flow)
        write_json(staging / "report.json", {"text": "é", "path": tmp_path, "x": np.float32(0.5)})
        assert not (folder / "a.png").exists()

    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "flow.npy", "report.json"]
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "a.png")), image)
    np.testing.assert_array_equal(np.load(folder / "flow.npy"), flow)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report == {"text": "é", "path": str(tmp_path), "x": 0.5}


def test_old_files_are_replaced_and_others_kept(tmp_path):
    (tmp_path / "report.json").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")

    with staged(tmp_path) as staging:
        write_json(staging / "report.json", {})

    assert (tmp_path / "report.json").read_text() == "{}\n"
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_folders_are_published_with_their_files(tmp_path):
    (tmp_path / "viz").mkdir()
    (tmp_path / "viz" / "old.json").write_text("mine")

    with staged(tmp_path) as staging:
        write_json(make_folder(staging / "viz") / "new.json", {})
        write_json(make_folder(staging / "deep" / "er") / "new.json", {})

    written = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.json"))
    assert written == [os.path.join(*parts) for parts in _PUBLISHED]


_PUBLISHED = [("deep", "er", "new.json"), ("viz", "new.json"), ("viz", "old.json")]


def test_file_in_the_place_of_a_folder_is_refused_before_anything_is_replaced(tmp_path):
    (tmp_path / "a.json").write_text("old")
    (tmp_path / "viz").write_text("in the way")

    def work():
        with staged(tmp_path) as staging:
            write_json(staging / "a.json", {})
            write_json(make_folder(staging / "viz") / "new.json", {})

    with pytest.raises(AnalogyError, match="viz is a file"):
        work()

    assert (tmp_path / "a.json").read_text() == "old"


def test_names_that_are_no_text_are_written_by_their_escapes(tmp_path):
    name = b"caf\xe9".decode("utf-8", "surrogateescape")

    write_json(tmp_path / "report.json", {"a": Path(name)})
    write_text(tmp_path / "report.html", name)

    assert json.loads((tmp_path / "report.json").read_text()) == {"a": name}
    assert (tmp_path / "report.html").read_text() == r"caf\udce9"


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
def test_failure_leaves_the_folder_as_it_was(tmp_path, error):
    (tmp_path / "report.json").write_text("old")

    def work():
        with staged(tmp_path) as staging:
            write_json(staging / "report.json", {})
            raise error

    with pytest.raises(error):
        work()

    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
    assert (tmp_path / "report.json").read_text() == "old"


def test_failure_removes_the_folders_it_made(tmp_path):
    def work():
        with staged(tmp_path / "deep" / "out") as staging:
            write_json(staging / "report.json", {})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()

    assert list(tmp_path.iterdir()) == []


def test_file_under_construction_failing_leaves_nothing(tmp_path):
    def work():
        with staged(tmp_path / "out") as staging:
            write_json(staging / "report.json", {"x": object()})

    with pytest.raises(TypeError, match="object has no JSON form"):
        work()

    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made_is_found_out_on_entry(tmp_path):
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "out"

    with pytest.raises(AnalogyError, match="cannot be written") as raised, staged(folder):
        pytest.fail("entered")

    assert str(raised.value).startswith(f"{folder}: ")


def test_folder_in_the_place_of_a_result_is_refused_before_anything_is_replaced(tmp_path):
    (tmp_path / "a.json").write_text("old")
    (tmp_path / "b.json").mkdir()

    def work():
        with staged(tmp_path) as staging:
            write_json(staging / "a.json", {})
            write_json(staging / "b.json", {})

    with pytest.raises(AnalogyError, match=r"b\.json is a folder"):
        work()

    assert (tmp_path / "a.json").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"]


def test_failing_to_write_names_the_file(tmp_path):
    with pytest.raises(AnalogyError, match=r"^a\.png: cannot be written"):
        write_image(tmp_path / "absent" / "a.png", np.zeros((4, 4, 3), np.uint8))
