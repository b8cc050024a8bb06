import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from analogy.errors import AnalogyError
from analogy.images import Picture, read_picture, write_picture
from analogy.images.colour_tags import ColourTags, space_of
from analogy.parameters import Parameters
from analogy.request import Extras, Inputs, Request
from analogy.run_files import transfer_files
from tests.picture_files import ADOBE_RGB, icc_gamma, icc_matrix

QUICK = Parameters(search_iterations=(1,) * 5, deconv_iterations=1)
OF_A_PAIR = {
    *("a_prime.png", "b.png", "flow_ab.npy", "flow_ba.npy"),
    *("confidence_a.png", "confidence_b.png", "report.json"),
}
PICTURES = ("a_prime", "b", "a_prime_refined", "b_refined")
OF_SEVERAL = {"a_prime.png", "choice.png", "choice.npy", "flow_ab.npy", "confidence_a.png"}


@pytest.fixture
def paths(tmp_path, random):
    """Three images of different sizes."""
    found = []
    for name, size in (("a", (48, 64)), ("first", (40, 48)), ("second", (56, 40))):
        found.append(tmp_path / f"{name}.png")
        Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)).save(found[-1])
    return found


def run(inputs, folder, extras=None):
    return transfer_files(Request(inputs, folder, QUICK, extras or Extras(), device="cpu"))


def test_a_pair_gives_its_files(paths, tmp_path):
    record, outputs = run(Inputs(paths[0], paths[1:2]), tmp_path / "out")

    assert set(outputs) == OF_A_PAIR
    assert all(path.is_file() for path in outputs.values())
    assert record["inputs"] == {"a": paths[0], "b_prime": paths[1]}


def test_several_references_give_the_best_and_each_by_itself(paths, tmp_path):
    folder = tmp_path / "out"
    extras = Extras(report=True, command="analogy run a first second")
    record, outputs = run(Inputs(paths[0], paths[1:]), folder, extras)

    folders = {"reference_1", "reference_2"}
    assert set(outputs) == OF_SEVERAL | folders | {"report.json", "report.html"}
    for name in folders:
        written = {path.name for path in (folder / name).iterdir()}
        assert written == OF_A_PAIR | {"report.html"}
    choice = np.load(folder / "choice.npy")
    assert choice.shape == (48, 64)
    assert record["shares"] == [(choice == index).mean() for index in (0, 1)]
    colours = np.asarray(Image.open(folder / "choice.png")).reshape(-1, 3)
    assert len(np.unique(colours, axis=0)) == len(np.unique(choice))
    told = json.loads((folder / "report.json").read_text())
    assert told["inputs"]["references"] == [str(path) for path in paths[1:]]
    assert [run["inputs"]["b_prime"] for run in told["runs"]] == told["inputs"]["references"]


def test_the_report_of_several_shows_the_choice_and_leads_to_each(paths, tmp_path):
    folder = tmp_path / "out"
    run(Inputs(paths[0], paths[1:]), folder, Extras(report=True, command="analogy run a <b>"))

    page = (folder / "report.html").read_text(encoding="utf-8")
    assert 'alt="Which reference gave each pixel, as colours"' in page
    for index, name in ((1, "first.png"), (2, "second.png")):
        assert f'<a href="reference_{index}/report.html">{name}</a>' in page
    assert "analogy run a &lt;b&gt;" in page


@pytest.fixture
def kept(paths, tmp_path, random):
    """A of 8 bits in Adobe RGB, bluish, and B' of 16 bits, greenish; what is red is transparent."""
    profile = icc_matrix(ADOBE_RGB, icc_gamma(563 / 256))
    space = space_of(ColourTags(profile), False, "a")
    a = random.integers(0, 100, (48, 64, 3), dtype=np.uint8)
    a[..., 2] += 120
    alpha_a = np.full((48, 64), 255, np.uint8)
    alpha_a[30:, :40] = 0
    b_prime = random.integers(0, 2**14, (40, 48, 3), dtype=np.uint16)
    b_prime[..., 1] += 2**15
    alpha_b = np.full((40, 48), 2**16 - 1, np.uint16)
    alpha_b[:, 25:] = 0
    a[alpha_a == 0] = 255, 0, 0
    b_prime[alpha_b == 0] = 2**16 - 1, 0, 0
    write_picture(paths[0], Picture(a, alpha_a, space))
    write_picture(paths[1], Picture(b_prime, alpha_b))
    return read_picture(paths[0]), read_picture(paths[1])


def test_results_keep_what_the_files_have(kept, paths, tmp_path):
    a, b_prime = kept
    folder, wanted = tmp_path / "out", replace(QUICK, refine=True)
    extras = Extras(viz=True, report=True)
    transfer_files(Request(Inputs(paths[0], paths[1:2]), folder, wanted, extras, device="cpu"))

    read = {name: read_picture(folder / f"{name}.png") for name in PICTURES}
    for name in ("a_prime", "a_prime_refined"):
        assert read[name].has_16_bits
        assert read[name].space == a.space
        np.testing.assert_array_equal(read[name].alpha, a.alpha.astype(np.uint16) * 257)
    assert len(np.unique(read["a_prime"].samples % 257)) > 100
    assert not read["b"].has_16_bits
    assert read["b_refined"].has_16_bits
    for name in ("b", "b_refined"):
        assert read[name].space is None
        np.testing.assert_array_equal(read[name].opaque, b_prime.opaque)
    # Nothing that is transparent was fetched.
    for name, channel in (("a_prime", 1), ("b", 2)):
        colours = read[name].pixels[read[name].opaque].astype(int)
        assert (colours[:, channel] > colours[:, 0]).all()
    for flow, opaque, others in (
        ("ab", a.opaque, b_prime.opaque),
        ("ba", b_prime.opaque, a.opaque),
    ):
        x, y = np.moveaxis(np.load(folder / f"flow_{flow}.npy"), -1, 0).astype(int)
        rows, columns = np.indices(opaque.shape)
        assert others[rows + y, columns + x][opaque].all()


def test_a_background_makes_them_opaque(kept, paths, tmp_path):
    wanted = replace(QUICK, background="white")
    folder = tmp_path / "out"
    transfer_files(Request(Inputs(paths[0], paths[1:2]), folder, wanted, device="cpu"))

    for name in ("a_prime", "b"):
        assert read_picture(folder / f"{name}.png").alpha is None
    assert read_picture(folder / "a_prime.png").has_16_bits


def test_of_several_the_one_of_most_bits_counts(kept, paths, tmp_path):
    folder = tmp_path / "out"
    keep = tmp_path / "keep.png"
    kept_rows = np.zeros((48, 64), np.uint8)
    kept_rows[:10] = 255
    Image.fromarray(kept_rows).save(keep)
    run(Inputs(paths[0], paths[1:], {"keep": keep}), folder)

    a, found = kept[0], read_picture(folder / "a_prime.png")
    assert found.has_16_bits
    assert found.space == a.space
    np.testing.assert_array_equal(found.opaque, a.opaque)
    np.testing.assert_array_equal(found.samples[:10], a.samples[:10].astype(np.uint16) * 257)


def test_what_is_wholly_transparent_is_named(paths, tmp_path):
    Image.new("RGBA", (48, 40)).save(paths[1])
    with pytest.raises(AnalogyError, match=r"first\.png: all of it is transparent; .*--background"):
        run(Inputs(paths[0], paths[1:2]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_left_where_an_image_is_bad(paths, tmp_path):
    paths[2].write_bytes(b"no image")
    with pytest.raises(AnalogyError, match=r"second\.png"):
        run(Inputs(paths[0], paths[1:]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_masks_of_labels_are_refused_with_several(paths, tmp_path):
    mask = tmp_path / "mask.png"
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(mask)
    other = tmp_path / "other.png"
    Image.fromarray(np.zeros((40, 48), np.uint8)).save(other)
    with pytest.raises(AnalogyError, match=r"mask\.png: labels say"):
        run(Inputs(paths[0], paths[1:], {"mask_a": mask, "mask_b": other}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_points_lead_the_matches(paths, tmp_path):
    points = tmp_path / "points.csv"
    points.write_text("10, 12, 40, 30 # here")
    record, _ = run(Inputs(*paths[:1], paths[1:2], {"points": points}), tmp_path / "out")

    assert record["inputs"]["points"] == points
    flow = np.load(tmp_path / "out" / "flow_ab.npy")
    assert np.abs(flow[12, 10] - (30, 18)).max() <= 1


def test_points_outside_are_told_by_their_line(paths, tmp_path):
    points = tmp_path / "points.csv"
    points.write_text("1,2,3,4\n64,0,1,1\n")
    with pytest.raises(AnalogyError, match=r"points\.csv: line 2: \(64, 0\) is outside A, "):
        run(Inputs(*paths[:1], paths[1:2], {"points": points}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_points_are_refused_with_several(paths, tmp_path):
    points = tmp_path / "points.csv"
    points.write_text("1,2,3,4")
    with pytest.raises(AnalogyError, match=r"points: .* one reference"):
        run(Inputs(paths[0], paths[1:], {"points": points}), tmp_path / "out")


def test_a_preview_is_there_before_the_results(paths, tmp_path):
    folder, seen = tmp_path / "out", []

    def look(fraction, text):
        if (folder / "preview.png").exists():
            seen.append((folder / "a_prime.png").exists())

    request = Request(
        Inputs(paths[0], paths[1:2]), folder, QUICK, Extras(preview=True), device="cpu"
    )
    _, outputs = transfer_files(request, progress=look)

    assert seen[0] is False
    assert set(outputs) == OF_A_PAIR
    assert Image.open(folder / "preview.png").size == (64, 48)


def test_no_preview_is_left_of_a_run_that_failed(paths, tmp_path):
    folder = tmp_path / "out"

    def fail(fraction, text):
        if (folder / "preview.png").exists():
            raise KeyboardInterrupt

    request = Request(
        Inputs(paths[0], paths[1:2]), folder, QUICK, Extras(preview=True), device="cpu"
    )
    with pytest.raises(KeyboardInterrupt):
        transfer_files(request, progress=fail)

    assert not folder.exists()


def test_a_run_goes_on_from_what_another_has_left(paths, tmp_path):
    kept = []
    (tmp_path / "points.csv").write_text("10,20,30,15\n")
    first = Request(Inputs(paths[0], paths[1:2]), tmp_path / "first", QUICK, device="cpu")
    transfer_files(first, on_remains=kept.append)
    again = Request(
        Inputs(paths[0], paths[1:2], {"points": tmp_path / "points.csv"}),
        tmp_path / "again",
        QUICK,
        Extras(report=True, command="analogy run a b"),
        device="cpu",
    )

    record, outputs = transfer_files(again, remains=kept[0])

    assert record["again"] is True
    assert set(outputs) == OF_A_PAIR | {"report.html"}
    assert np.load(tmp_path / "again" / "flow_ab.npy")[20, 10].tolist() == [20, -5]
