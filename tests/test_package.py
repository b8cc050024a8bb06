"""What is handed out: the wheel and the sdist, in an environment that has never seen the checkout.

``make package-test`` runs these; they install everything anew and compile every kernel.
"""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from analogy.images import resize

pytestmark = pytest.mark.package

ROOT = Path(__file__).parents[1]
PACKAGES = ["analogy", "kernels"]
MODEL = Path("models", "vgg19.onnx")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder with both, made from the checkout."""
    return build(ROOT, tmp_path_factory.mktemp("built"), "--sdist", "--wheel")


@pytest.fixture(scope="module")
def wheel(built):
    return only(built.glob("*.whl"))


@pytest.fixture(scope="module")
def sdist(built):
    return only(built.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Folder of a fresh virtual environment's programs, with the wheel and what it asks for."""
    environment = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", environment)
    programs = environment / ("Scripts" if os.name == "nt" else "bin")
    run(programs / "python", "-m", "pip", "install", "--quiet", wheel)
    return programs


def build(source, destination, *kinds):
    run(sys.executable, "-m", "build", *kinds, "--outdir", destination, source)
    return destination


def run(*command, folder=None):
    """Run a command as a user's shell would, and give what it prints."""
    # The tests' choice of the simulator, and whatever leads Python back to the checkout.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NUMBA", "PYTHON"))
    }
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def only(found):
    (one,) = found
    return one


def content(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_both_packages_and_the_model(wheel):
    files = content(wheel)

    expected = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    } | {"analogy/model/vgg19.onnx": (ROOT / MODEL).read_bytes()}
    metadata = {name for name in files if name.split("/")[0].endswith(".dist-info")}
    assert {name: files[name] for name in files.keys() - metadata} == expected
    for name in ("analogy/py.typed", "kernels/py.typed", "analogy/report/template.html"):
        assert name in expected
    licences = {name.split("/licenses/")[1] for name in metadata if "/licenses/" in name}
    assert licences == {"LICENSE", "models/README.md"}


def test_the_sdist_holds_the_project_and_the_model_once(sdist):
    with tarfile.open(sdist) as archive:
        names = [name.split("/", 1)[1] for name in archive.getnames()]

    assert [name for name in names if name.endswith(".onnx")] == [MODEL.as_posix()]
    for name in ("LICENSE", "README.md", "Makefile", "cli.py", "tests/conftest.py"):
        assert name in names


def test_the_sdist_builds_the_same_wheel(sdist, wheel, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    source = only(tmp_path.iterdir())

    again = only(build(source, tmp_path / "again", "--wheel").glob("*.whl"))

    assert again.name == wheel.name
    assert content(again) == content(wheel)


def test_the_installed_packages_are_imported(installed, tmp_path):
    program = "import kernels, analogy; print(kernels.__file__, analogy.__file__, sep='\\n')"

    places = run(installed / "python", "-c", program, folder=tmp_path).splitlines()

    assert len(places) == len(PACKAGES)
    for place in places:
        assert Path(place).is_relative_to(installed.parent)


def test_the_installed_command_runs(installed, tmp_path):
    shapes = {"photo.png": (72, 64), "cup.png": (48, 70)}
    for (name, shape), image in zip(shapes.items(), (data.astronaut(), data.coffee()), strict=True):
        Image.fromarray(resize(image, shape)).save(tmp_path / name)

    assert "run" in run(installed / "analogy", "--help", folder=tmp_path)
    run(installed / "analogy", "run", *shapes, "--report", "--quiet", folder=tmp_path)

    results = tmp_path / "out" / "photo__cup"
    record = json.loads((results / "report.json").read_text("utf-8"))
    assert Path(record["model"]["path"]).is_relative_to(installed.parent)
    for name, source in (("a_prime.png", "photo.png"), ("b.png", "cup.png")):
        result = np.asarray(Image.open(results / name))
        assert result.shape == (*shapes[source], 3)
        assert result.std() > 10
    assert "<script" in (results / "report.html").read_text("utf-8")


def test_the_installed_doctor_finds_nothing_broken(installed, tmp_path):
    found = json.loads(run(installed / "analogy", "doctor", "--json", folder=tmp_path))

    assert found["healthy"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("embed_in_your_kernel", []),
        ("feature_inversion", ["--levels", "2", "--side", "48", "--iterations", "3"]),
        ("inpainting", ["--box", "20", "20", "16", "16", "--reach", "40"]),
        ("texture_synthesis", ["--box", "0", "0", "40", "40"]),
    ],
)
def test_the_examples_run_with_what_is_installed(installed, tmp_path, name, options):
    Image.fromarray(resize(data.coffee(), (64, 72))).save(tmp_path / "in.png")
    program = tmp_path / f"{name}.py"
    program.write_bytes((ROOT / "examples" / program.name).read_bytes())

    run(installed / "python", program, "in.png", "out.png", *options, folder=tmp_path)

    assert np.asarray(Image.open(tmp_path / "out.png")).std() > 10
