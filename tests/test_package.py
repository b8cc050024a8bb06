"""What is handed out: two wheels and sdists, in environments that have never seen the checkout.

``make package-test`` runs these; they install everything anew and compile every kernel.
"""

import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from analogy.images import resize

pytestmark = pytest.mark.package

ROOT = Path(__file__).parents[1]
PROJECTS = [ROOT, ROOT / "kernels"]
PACKAGES = [ROOT / "analogy", ROOT / "kernels" / "analogy_kernels"]
PIP = [sys.executable, "-m", "pip"]
MODEL = Path("models", "vgg19.onnx")

# Bytes of the page's pictures, which everyone installs.
MOST_OF_PICTURES = 500_000


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    """Python with what the projects say that they are built with, and nothing else."""
    projects = [tomllib.loads((path / "pyproject.toml").read_text("utf-8")) for path in PROJECTS]
    required = {name for project in projects for name in project["build-system"]["requires"]}
    folder = tmp_path_factory.mktemp("builder")
    python = environment(folder) / "python"
    run(*PIP, "--python", python, "install", "--quiet", "build", *sorted(required))
    return python


@pytest.fixture(scope="module")
def built(builder, tmp_path_factory):
    """Folder with wheels and sdists of the program and of its kernels, made from the checkout."""
    folder = tmp_path_factory.mktemp("built")
    for project in PROJECTS:
        build(builder, project, folder, "--sdist", "--wheel")
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    return only(built.glob("deep_image_analogy-*.whl"))


@pytest.fixture(scope="module")
def kernels_wheel(built):
    return only(built.glob("analogy_kernels-*.whl"))


@pytest.fixture(scope="module")
def sdist(built):
    return only(built.glob("deep_image_analogy-*.tar.gz"))


@pytest.fixture(scope="module")
def kernels_sdist(built):
    return only(built.glob("analogy_kernels-*.tar.gz"))


@pytest.fixture(scope="module")
def wheels(wheel, kernels_wheel, tmp_path_factory):
    """Folder with both wheels, with what they ask for, and with another project's package.

    Everything is fetched once, for all environments.
    """
    folder = tmp_path_factory.mktemp("wheels")
    run(*PIP, "download", "--quiet", "--dest", folder, kernels_wheel, wheel, "kernels")
    return folder


@pytest.fixture(scope="module")
def installed(wheels, wheel, kernels_wheel, tmp_path_factory):
    """Folder of a fresh environment's programs, with both wheels and what they ask for."""
    programs = environment(tmp_path_factory.mktemp("environment"))
    install(programs, wheels, kernels_wheel, wheel)
    return programs


# A package of another project has the name that the kernels' folder has here.
@pytest.fixture(scope="module")
def beside_another_kernels(wheels, kernels_wheel, tmp_path_factory):
    """Folder of programs of an environment with that package and the kernels, and nothing else."""
    programs = environment(tmp_path_factory.mktemp("beside"))
    install(programs, wheels, kernels_wheel, "kernels")
    return programs


def environment(folder):
    """Make a virtual environment; the folder of its programs."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    return folder / ("Scripts" if os.name == "nt" else "bin")


def install(programs, wheels, *what):
    """Install out of a folder of wheels; what is imported is compiled by Python when it is."""
    into = [*PIP, "--python", programs / "python", "install", "--quiet", "--no-compile"]
    run(*into, "--no-index", "--find-links", wheels, *what)


def build(python, source, destination, *kinds):
    run(python, "-m", "build", "--no-isolation", *kinds, "--outdir", destination, source)
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


def files_of(package):
    """Files of a package by their names in a wheel."""
    return {
        path.relative_to(package.parent).as_posix(): path.read_bytes()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def split(wheel):
    """What a wheel installs, the names of its metadata, and of the licences among them."""
    files = content(wheel)
    metadata = {name for name in files if name.split("/")[0].endswith(".dist-info")}
    licences = {name.split("/licenses/")[1] for name in metadata if "/licenses/" in name}
    return {name: files[name] for name in files.keys() - metadata}, licences


def test_the_wheel_holds_the_program_and_the_model(wheel):
    files, licences = split(wheel)

    model = {"analogy/model/vgg19.onnx": (ROOT / MODEL).read_bytes()}
    assert files == files_of(ROOT / "analogy") | model
    page = {f"analogy/service/{name}" for name in ("page.html", "jobs.js", "pictures/castle.jpg")}
    assert {"analogy/py.typed", "analogy/report/template.html", *page} < files.keys()
    pictures = [name for name in files if name.startswith("analogy/service/pictures/")]
    assert sum(len(files[name]) for name in pictures) < MOST_OF_PICTURES
    assert licences == {"LICENSE", "models/README.md", "analogy/service/pictures/README.md"}


def test_the_wheel_of_the_kernels_holds_them_alone(kernels_wheel):
    files, licences = split(kernels_wheel)

    assert files == files_of(ROOT / "kernels" / "analogy_kernels")
    assert "analogy_kernels/py.typed" in files
    assert licences == {"LICENSE"}


def test_both_are_under_the_same_licence():
    assert (ROOT / "LICENSE").read_bytes() == (ROOT / "kernels" / "LICENSE").read_bytes()


def test_the_sdist_holds_the_project_and_the_model_once(sdist):
    with tarfile.open(sdist) as archive:
        names = [name.split("/", 1)[1] for name in archive.getnames()]

    assert [name for name in names if name.endswith(".onnx")] == [MODEL.as_posix()]
    for name in ("LICENSE", "README.md", "Makefile", "cli.py", "tests/conftest.py"):
        assert name in names


@pytest.mark.parametrize("kind", ["", "kernels_"])
def test_the_sdist_builds_the_same_wheel(request, builder, tmp_path, kind):
    sdist, wheel = (request.getfixturevalue(f"{kind}{what}") for what in ("sdist", "wheel"))
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    source = only(tmp_path.iterdir())

    again = only(build(builder, source, tmp_path / "again", "--wheel").glob("*.whl"))

    assert again.name == wheel.name
    assert content(again) == content(wheel)


def test_the_installed_packages_are_imported(installed, tmp_path):
    program = "import analogy, analogy_kernels as k; print(k.__file__, analogy.__file__, sep='\\n')"

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


# Of another project's package: that it is imported, and is that project's.
ANOTHER = "import kernels; print(bool(kernels.get_kernel), hasattr(kernels, 'patchmatch'))"


def test_the_kernels_live_beside_another_package_of_that_name(
    beside_another_kernels, wheels, kernels_wheel, tmp_path
):
    """Whichever is installed last, neither takes the other's place."""
    (tmp_path / "example.py").write_text(first_program(ROOT / "kernels" / "README.md"), "utf-8")

    for last in (kernels_wheel, "kernels"):
        install(beside_another_kernels, wheels, "--force-reinstall", "--no-deps", last)
        python = beside_another_kernels / "python"
        assert run(python, "-c", ANOTHER, folder=tmp_path).split() == ["True", "False"]
        assert "(48, 64, 2)" in run(python, "example.py", folder=tmp_path)


def first_program(page):
    """The first block of a page that is in Python."""
    return page.read_text("utf-8").split("```python\n")[1].split("```")[0]
