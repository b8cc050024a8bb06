"""The tutorial's commands and its Python run, in order, on small copies of its images."""

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from analogy.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"

# Twice the least that can be matched, for --ratio 0.5.
SIDE = 64

_BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks():
    return _BLOCK.findall(TUTORIAL.read_text())


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    (tmp_path / "examples").mkdir()
    for name in ("castle.png", "church.png"):
        image = Image.open(ROOT / "examples" / name).convert("RGB").resize((SIDE, SIDE))
        image.save(tmp_path / "examples" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_command(line, more):
    program, *arguments = shlex.split(line)
    assert program == "analogy"
    with pytest.raises(SystemExit) as ended:
        main(arguments + more)
    assert ended.value.code == 0, line


def shrink_points(path):
    """Turn points of the images as they are into those of their small copies."""
    header, *lines = path.read_text().splitlines()
    sizes = [Image.open(ROOT / "examples" / name).size for name in ("castle.png", "church.png")]
    shares = [SIDE / side for size in sizes for side in size]
    points = [line.partition("#")[0].split(",") for line in lines]
    scaled = [
        ",".join(str(float(value) * share) for value, share in zip(point, shares, strict=True))
        for point in points
    ]
    path.write_text("\n".join([header, *scaled]))


def test_the_tutorial_runs(checkout):
    # One transfer runs in full, from Python. What the commands show hangs neither on the finer
    # levels nor, for the report, which has all of them, on deconvolutions: both would take minutes.
    shortened, all_levels = ["--finest-level", "5"], ["--resample"]
    names = {}
    for language, text in blocks():
        if language == "python":
            exec(compile(text, str(TUTORIAL), "exec"), names)
            if "points.csv" in text:
                shrink_points(checkout / "points.csv")
        else:
            for line in text.replace("\\\n", " ").splitlines():
                run_command(line, all_levels if "--report" in line else shortened)

    folders = {path.name for path in (checkout / "out").iterdir()}
    assert folders == {
        "castle__church",
        "seen",
        "weight-3",
        "preset",
        "masked",
        "kept",
        "points",
        "several",
    }
    assert (checkout / "out" / "seen" / "report.html").exists()
    assert (checkout / "out" / "several" / "choice.png").exists()
    assert (checkout / "rebuilt_by_colour.png").exists()


def test_each_block_of_the_tutorial_is_of_a_kind_that_is_known():
    languages = re.findall(r"^```(\w+)$", TUTORIAL.read_text(), re.MULTILINE)

    assert set(languages) == {"python", "sh", "text"}
    assert len(blocks()) == languages.count("python") + languages.count("sh")
