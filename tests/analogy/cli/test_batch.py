import builtins
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analogy.cli.main import main
from tests.analogy.batch.pictures import paint, tabulate
from tests.processes import heed_interrupts

ROOT = Path(__file__).parents[3]


@pytest.fixture
def batch(capsys):
    """Call ``analogy batch`` in this process: arguments -> exit code, stdout, stderr."""

    def call(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main(["batch", *map(str, arguments)])
        return exit_.value.code, *capsys.readouterr()

    return call


def open_once_read(pipe, process, patience=120):
    """Open a named pipe for writing as soon as `process` has opened it for reading."""
    deadline = time.monotonic() + patience
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        time.sleep(0.02)
    process.kill()
    pytest.fail(f"the pipe was never read: {process.communicate()}")


def counts(out):
    return json.loads((out / "summary.json").read_text())["counts"]


def test_a_batch_says_what_failed_and_goes_on_where_it_was(batch, tmp_path):
    paint(tmp_path, "a.png", "b.png")
    rows = ["a,b,finest-level", "a.png,b.png,5", "a.png,absent.png,5", "b.png,a.png,5"]
    path, out = tabulate(tmp_path, *rows), tmp_path / "out"

    code, shown, error = batch(path, "--out", out)
    assert (code, error) == (1, "")
    assert counts(out) == {"done": 2, "failed": 1}
    assert "absent.png" in "".join(shown.split())
    assert "3 pairs: 2 done, 1 failed" in shown

    paint(tmp_path, "absent.png")
    assert batch(path, "--out", out)[0] == 0
    assert counts(out) == {"done": 1, "found done": 2}


def test_a_folder_of_images_takes_one_look_into_a_folder_named_after_it(
    batch, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    photos = tmp_path / "photos"
    photos.mkdir()
    paint(photos, "one.png", "two.png")
    paint(tmp_path, "look.png")

    assert batch("photos", "look.png")[0] == 0

    assert counts(Path("out", "photos")) == {"done": 2}
    assert Path("out", "photos", "one__look", "a_prime.png").is_file()


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        (["a,b", "x.png,"], [], ["pairs.csv: line 2, column b"]),
        (["a,b", "x.png,y.png"], ["--jobs", 0], ["--jobs"]),
        (["a,b", "x.png,y.png"], ["--memory-share", 0], ["--memory-share"]),
        (["a,b", "x.png,y.png"], ["--memory-share", 1.1], ["--memory-share"]),
    ],
)
def test_bad_input_is_one_line(batch, tmp_path, rows, options, words):
    code, shown, error = batch(tabulate(tmp_path, *rows), "--out", tmp_path / "out", *options)

    assert (code, shown) == (2, "")
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    for word in words:
        assert word in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [["--jobs", 2], ["--scheduler", "tcp://127.0.0.1:9"]])
def test_without_dask_it_says_what_to_install(batch, tmp_path, monkeypatch, options):
    monkeypatch.setattr("analogy.cli.batch.find_spec", lambda name: None)
    path = tabulate(tmp_path, "a,b", "x.png,y.png")

    code, _, error = batch(path, "--out", tmp_path / "out", *options)
    assert code == 2
    assert options[0] in error
    assert "pip install '.[batch]'" in error
    assert not (tmp_path / "out").exists()


def test_one_job_needs_no_dask(batch, tmp_path, monkeypatch):
    real = builtins.__import__

    def importing(name, *arguments, **options):
        assert name.split(".")[0] not in ("dask", "distributed")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", importing)
    path = tabulate(tmp_path, "a,b", "x.png,y.png")
    assert batch(path, "--out", tmp_path / "out", "--jobs", 1)[0] == 1


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and named pipes")
def test_interrupt_keeps_what_is_done(tmp_path):
    """A named pipe in place of an image keeps the second pair waiting until it is interrupted."""
    paint(tmp_path, "a.png", "b.png")
    os.mkfifo(tmp_path / "pipe.png")
    rows = ["a,b,name,finest-level", "a.png,b.png,one,5", "pipe.png,b.png,two,5"]
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, ROOT / "cli.py", "batch", tabulate(tmp_path, *rows), "--out", out],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    writing_end = open_once_read(tmp_path / "pipe.png", process)
    process.send_signal(signal.SIGINT)
    shown, error = process.communicate(timeout=60)
    os.close(writing_end)

    assert process.returncode == 130
    assert error == "interrupted; what is done stays, the same command goes on\n"
    assert "2 pairs: 1 done, 1 not run" in shown
    assert counts(out) == {"done": 1, "not run": 1}
    assert sorted(path.name for path in out.iterdir()) == ["one", "summary.json"]
