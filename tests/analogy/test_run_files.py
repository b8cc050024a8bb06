import json

import numpy as np
import pytest
from PIL import Image

from analogy.errors import AnalogyError
from analogy.parameters import Parameters
from analogy.request import Extras, Inputs, Request
from analogy.run_files import transfer_files

QUICK = Parameters(search_iterations=(1,) * 5, deconv_iterations=1)
OF_A_PAIR = {
    *("a_prime.png", "b.png", "flow_ab.npy", "flow_ba.npy"),
    *("confidence_a.png", "confidence_b.png", "report.json"),
}
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
