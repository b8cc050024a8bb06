import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from analogy.cli.main import main
from analogy.images import read_image
from tests.analogy.video.film import EXAMPLES, castle, church
from tests.processes import heed_interrupts

ROOT = Path(__file__).parents[3]


@pytest.fixture
def film(tmp_path, monkeypatch):
    """Two small frames in the folder `film` and a style, in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("film").mkdir()
    for name, frame in zip(("9.jpg", "10.png"), castle(), strict=False):
        Image.fromarray(frame[:36, :40]).save(Path("film", name))
    Image.fromarray(church()[10:46, 6:42]).save("church.png")
    return ["film", "church.png"]


@pytest.fixture
def command_line(capsys):
    """Call the command in this process: arguments -> exit code, stdout, stderr."""

    def call(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main(["video", *map(str, arguments)])
        return exit_.value.code, *capsys.readouterr()

    return call


def test_frames_keep_their_names_and_order(film, command_line, monkeypatch):
    monkeypatch.setenv("PATH", "")
    code, out, error = command_line(*film, "--device", "cpu", "--fps", 12)

    assert code == 0
    assert error == "note: no video.mp4, as no ffmpeg was found\n"
    folder = Path("out/film__church")
    assert sorted(os.listdir(folder)) == ["10.png", "9.png", "report.json"]
    assert read_image(folder / "10.png").shape == (36, 40, 3)
    record = json.loads((folder / "report.json").read_text())
    assert (record["film"], record["style"]) == ("film", "church.png")
    assert [one["frame"] for one in record["frames"]] == ["9.jpg", "10.png"]
    assert [one["fresh"] for one in record["frames"]] == [True, False]
    assert record["inconsistency"] == pytest.approx(record["frames"][1]["inconsistency"], abs=1e-3)
    assert record["rate"] == "12"
    lines = out.splitlines()
    assert lines[0].startswith("9.png: ")
    assert "from the one before" in lines[1]
    assert lines[-1] == "results: out/film__church"


def test_points_of_the_first_frame_are_read_and_change_the_film(film, command_line):
    Path("points.csv").write_text("ax,ay,bx,by\n12,10,20,30\n")
    few = ["--device", "cpu", "--set", "deconv_iterations=1", "--quiet"]
    pictures = []
    for name, points in (("plain", []), ("led", ["--points", "points.csv"])):
        assert command_line(*film, "--out", name, *few, *points)[0] == 0
        pictures.append(read_image(Path(name, "9.png")))

    assert (pictures[0] != pictures[1]).any()


@pytest.mark.parametrize(
    ("text", "words"),
    [("1,2,3\n", "points.csv: line 1: has 3 columns"), ("40,2,3,4\n", "is outside A")],
)
def test_points_that_cannot_be_used_are_refused(film, command_line, text, words):
    Path("points.csv").write_text(text)

    code, out, error = command_line(*film, "--points", "points.csv")

    assert (code, out) == (2, "")
    assert words in error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent", "church.png"], "absent: no such file or folder"),
        (["film", "absent.png"], "absent.png: no such file"),
        (["film", "church.png", "--out", "film"], "film: holds the frames"),
        (["film", "church.png", "--blend", "1"], "--blend"),
    ],
)
def test_bad_input_is_one_line(film, command_line, arguments, words):
    code, out, error = command_line(*arguments)

    assert (code, out) == (2, "")
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert words in error
    assert not Path("out").exists()
    assert sorted(os.listdir("film")) == ["10.png", "9.jpg"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_killed_film_goes_on_to_the_same_bytes(tmp_path, command_line, monkeypatch):
    """A shot of 8 frames of 112 pixels, matched at half of that, which is quick."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    Path("film").mkdir()
    with Image.open(EXAMPLES / "castle.png") as image:
        whole = image.convert("RGB")
    for t in range(8):
        x, y = 200 + 4 * t, 100 + 2 * t
        whole.crop((x, y, x + 112, y + 112)).save(f"film/{t}.png")
    Image.fromarray(church()).save("church.png")
    quick = [f"--set={name}" for name in ("search_iterations=(1,1,1,1,1)", "deconv_iterations=1")]
    options = ["film", "church.png", "--device", "cpu", "--max-side", "56", *quick]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), "video", *options, "--out", "killed"],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PATH": ""},
    )
    while not Path("killed/2.png").exists() and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    done = len(list(Path("killed").glob("*.png")))
    assert 3 <= done < 8

    _, out, _ = command_line(*options, "--out", "killed")
    assert out.splitlines()[0].startswith("found done: ")
    # A picture may be there of which nothing was noted yet.
    assert done - int(out.splitlines()[0].split()[-1]) in (0, 1)
    command_line(*options, "--out", "whole", "--quiet")
    for path in sorted(Path("whole").glob("*.png"), key=str):
        assert Path("killed", path.name).read_bytes() == path.read_bytes(), path.name
    # One that was killed before its folder had a lock may leave that, empty.
    left = {name for name in os.listdir("killed") if not name.startswith(".unfinished-")}
    assert left == set(os.listdir("whole"))
    assert len(os.listdir("whole")) == 9


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and named pipes")
def test_an_interrupted_run_leaves_the_finished_frames(film):
    """A named pipe in place of the second frame keeps the run waiting until it is interrupted."""
    Path("film/10.png").unlink()
    os.mkfifo("film/10.png")
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), "video", *film, "--device", "cpu", "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    # A pipe can be opened for writing without waiting only while somebody is opening it to read.
    pipe = None
    while pipe is None and process.poll() is None:
        time.sleep(0.05)
        with contextlib.suppress(OSError):
            pipe = os.open("film/10.png", os.O_WRONLY | os.O_NONBLOCK)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=120)
    os.close(pipe)

    assert (process.returncode, out) == (130, "")
    finished = "finished frames in out/film__church: 1"
    assert error == f"interrupted; {finished}; the same command goes on\n"
    assert sorted(os.listdir("out/film__church")) == ["9.png", "resume.npz"]
