import io
import tracemalloc
import zipfile

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data

from analogy.errors import AnalogyError
from analogy.service.files import PICTURES, SCRIPTS, shown_kind, write_shown_copy, zipped

MEGABYTE = 2**20


def test_all_files_come_in_one_in_a_folder_of_their_own(tmp_path, random):
    contents = {"a_prime.png": random.bytes(3 * MEGABYTE), "empty.npy": b"", "ü.json": b"{}"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)

    pieces = list(zipped(tmp_path, "photo__cup"))

    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        found = {name: archive.read(name) for name in archive.namelist()}
    assert found == {f"photo__cup/{name}": content for name, content in contents.items()}


def test_no_more_than_a_piece_is_held(tmp_path):
    (tmp_path / "flow.npy").write_bytes(bytes(40 * MEGABYTE))
    tracemalloc.start()
    try:
        size = sum(map(len, zipped(tmp_path, "x")))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size > 40 * MEGABYTE
    assert most < 6 * MEGABYTE


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("x.png", {}, "image/png"),
        ("x.jpg", {}, "image/jpeg"),
        ("x.webp", {}, "image/webp"),
        ("x.bmp", {}, "image/bmp"),
        ("x.gif", {}, "image/gif"),
        ("x.tif", {}, None),
        ("x.ppm", {}, None),
        # Browsers would show it move, and the first picture of it is read.
        ("x.gif", {"save_all": True, "append_images": [Image.new("RGB", (40, 40), "red")]}, None),
    ],
)
def test_what_browsers_show_is_known_by_its_content(tmp_path, name, options, kind):
    Image.new("RGB", (40, 40), "blue").save(tmp_path / name, **options)
    (tmp_path / name).rename(tmp_path / "without_ending")

    assert shown_kind(tmp_path / "without_ending") == kind


def test_no_image_is_shown(tmp_path):
    (tmp_path / "x.png").write_bytes(b"text")
    assert shown_kind(tmp_path / "x.png") is None


def test_copy_is_what_is_read(tmp_path):
    image = data.coffee()[:50, :60]
    tifffile.imwrite(tmp_path / "x.tif", image.astype(np.uint16) * 257, photometric="rgb")

    write_shown_copy(tmp_path / "x.tif", tmp_path / "shown" / "a.png")

    np.testing.assert_array_equal(Image.open(tmp_path / "shown" / "a.png"), image)
    assert [path.name for path in (tmp_path / "shown").iterdir()] == ["a.png"]
    (tmp_path / "x.tif").write_bytes(b"text")
    with pytest.raises(AnalogyError, match=r"x\.tif"):
        write_shown_copy(tmp_path / "x.tif", tmp_path / "shown" / "b.png")


def test_page_has_its_scripts_and_pictures():
    assert {"page.js", "jobs.js", "compare.js"} < SCRIPTS.keys()
    assert {"castle.jpg", "church.jpg", "photo2photo.jpg"} < PICTURES.keys()
    for path in PICTURES.values():
        with Image.open(path) as image:
            image.verify()
