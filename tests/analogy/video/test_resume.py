import contextlib
import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from analogy import Parameters, Session
from analogy.video import VideoParameters
from analogy.video.files import Source, frames_in, write_frames
from analogy.video.resume import REPORT, STATE, find_left, identify
from tests.analogy.video.film import QUICK, castle, church

VIDEO = VideoParameters()
SESSION = Session(device="cpu")


class Killed(BaseException):
    """Nothing that a run would catch."""


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Four frames with a cut before the last, a style, and the results of one whole run."""
    folder = tmp_path_factory.mktemp("film")
    frames = [frame[:36, :40] for frame in castle()]
    frames.append(np.ascontiguousarray(frames[0][::-1, ::-1]))
    (folder / "frames").mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / "frames" / f"{number}.png")
    Image.fromarray(church()[10:46, 6:42]).save(folder / "style.png")
    go(folder, "whole")
    return folder


@pytest.fixture(scope="module")
def begun(film, tmp_path_factory):
    """The same, and of the results only the first frame and what comes with it."""
    folder = tmp_path_factory.mktemp("begun") / "film"
    shutil.copytree(film, folder, ignore=shutil.ignore_patterns("whole"))
    go(folder, "results", 1)
    return folder


@pytest.fixture
def copy(begun, tmp_path):
    return shutil.copytree(begun, tmp_path / "film")


def go(folder, results, stop_after=None):
    """Run, and be killed after so many frames: numbers found done and made, and the record."""
    made, found, record = [], [], None

    def report(path, _):
        made.append(path.name)
        if len(made) == stop_after:
            raise Killed

    paths = frames_in(folder / "frames")
    given = Source(folder / "frames", paths, "25"), folder / "style.png", folder / results
    told = {"report": report, "found": found.append}
    with contextlib.suppress(Killed):
        record = write_frames(*given, QUICK, VIDEO, **told, device="cpu")
    return found[0], len(made), record


def found_done(folder, parameters=QUICK, video=VIDEO, device="cpu"):
    """Number of frames that a run would go on after."""
    identity = identify(folder / "style.png", None, parameters, video, SESSION, device)
    return len(find_left(folder / "results", identity, frames_in(folder / "frames")).records)


def pictures(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def test_a_run_that_was_killed_goes_on_to_the_same_bytes(film, copy):
    """Twice: before a frame that follows, and before one after a cut."""
    assert go(copy, "results", 2)[:2] == (1, 2)
    assert (copy / "results" / STATE).exists()
    found, made, record = go(copy, "results")

    assert (found, made) == (3, 1)
    assert pictures(copy / "results") == pictures(film / "whole")
    assert not (copy / "results" / STATE).exists()
    whole = json.loads((film / "whole" / REPORT).read_text())
    for one, other in zip(record["frames"], whole["frames"], strict=True):
        assert one | {"seconds": 0} == other | {"seconds": 0}


def test_a_film_that_is_done_is_found_done(film):
    before = pictures(film / "whole")
    found, made, record = go(film, "whole")

    assert (found, made) == (4, 0)
    assert pictures(film / "whole") == before
    assert len(record["frames"]) == 4


def test_a_film_that_is_begun_is_found_so(copy):
    assert found_done(copy) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": dataclasses.replace(QUICK, seed=1)},
        {"parameters": Parameters()},
        {"video": VideoParameters(least_gain=0.1)},
        {"device": "auto"},
    ],
    ids=["seed", "parameters", "gain", "device"],
)
def test_a_changed_option_begins_anew(copy, change):
    assert found_done(copy, **change) == 0


@pytest.mark.parametrize("name", ["frames/0.png", "style.png", "results/0.png"])
def test_a_changed_file_begins_anew(copy, name):
    path = copy / name
    path.write_bytes(path.read_bytes() + b"\0")

    assert found_done(copy) == 0


@pytest.mark.parametrize("name", ["frames/0.png", "results/0.png", f"results/{STATE}"])
def test_a_missing_file_begins_anew(copy, name):
    (copy / name).unlink()

    assert found_done(copy) == 0


def test_a_frame_that_is_still_to_come_may_change(copy):
    (copy / "frames/2.png").unlink()

    assert found_done(copy) == 1


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"{}", "cut"])
def test_a_damaged_state_begins_anew(copy, content):
    path = copy / "results" / STATE
    path.write_bytes(path.read_bytes()[:-9] if content == "cut" else content)

    assert found_done(copy) == 0


@pytest.mark.parametrize("record", [b'{"costs": {}}', b"[]", b'{"costs": {"1": 0}}', b"\xff"])
def test_a_state_without_what_belongs_to_it_begins_anew(copy, record):
    np.savez(copy / "results" / STATE, record=np.frombuffer(record, np.uint8))

    assert found_done(copy) == 0
