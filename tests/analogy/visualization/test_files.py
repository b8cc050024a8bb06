import numpy as np
from PIL import Image

from analogy.visualization.files import write_visualization
from tests.analogy.runs import small_run

PICTURES = ("flow_ab", "flow_ba", "a_prime", "b", "confidence_ab", "confidence_ba")


def write(folder, run):
    write_visualization(folder, run.a, run.b_prime, run.result, run.pictures)
    return sorted(path.name for path in folder.iterdir())


def test_every_level_has_its_files(tmp_path):
    run = small_run()

    names = write(tmp_path / "viz", run)

    levels = [f"level{level}_{name}.png" for level in range(1, 6) for name in PICTURES]
    assert names == sorted([*levels, "convergence.png", "overview.png"])
    for level, pictures in zip((5, 4, 3, 2, 1), run.pictures.levels, strict=True):
        for name, expected in (
            ("flow_ab", pictures.ab.flow),
            ("b", pictures.ba.result),
            ("confidence_ba", pictures.ba.confidence),
        ):
            written = np.asarray(Image.open(tmp_path / "viz" / f"level{level}_{name}.png"))
            np.testing.assert_array_equal(written, expected)


def test_sheet_holds_images_legends_and_all_levels(tmp_path):
    run = small_run()
    write(tmp_path, run)

    page = np.asarray(Image.open(tmp_path / "overview.png"))

    # Nothing is shrunk at this size, so each is found as it is.
    shown = [run.a, run.result.a_prime, run.result.b, run.b_prime]
    shown += [level.ab.flow for level in run.pictures.levels]
    shown += [level.ba.confidence for level in run.pictures.levels]
    for picture in shown:
        assert contains(page, picture)


def contains(page, picture):
    height, width = picture.shape[:2]
    middle = picture[height // 2, width // 2]
    y, x = np.nonzero((page == middle).all(axis=-1))
    y, x = y - height // 2, x - width // 2
    is_inside = (y >= 0) & (y <= page.shape[0] - height) & (x >= 0) & (x <= page.shape[1] - width)
    y, x = y[is_inside], x[is_inside]
    # Much of a page may be of the middle's colour: a diagonal tells more.
    for d in range(min(height, width)):
        is_alike = (page[y + d, x + d] == picture[d, d]).all(axis=-1)
        y, x = y[is_alike], x[is_alike]
    return any(
        np.array_equal(page[top : top + height, left : left + width], picture)
        for top, left in zip(y, x, strict=True)
    )


def test_without_deconvolutions_there_is_no_plot(tmp_path):
    assert "convergence.png" not in write(tmp_path, small_run(reconstruction="resampling"))
