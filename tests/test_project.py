"""That what the project says of itself in several places is the same."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import analogy
import analogy_kernels

ROOT = Path(__file__).parents[1]
PROJECT, KERNELS = (
    tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    for folder in (ROOT, ROOT / "kernels")
)


def requirements(project):
    """What a project needs, with its extras; peers and lint may be of any versions."""
    extras = project["optional-dependencies"] | {"peers": [], "lint": []}
    texts = [text for group in (project["dependencies"], *extras.values()) for text in group]
    return [Requirement(text) for text in texts]


OWN = [one for one in requirements(PROJECT) if one.name == KERNELS["name"]]
REQUIREMENTS = [
    one for one in requirements(PROJECT) + requirements(KERNELS) if one.name != KERNELS["name"]
]


def bounds(requirement):
    """The one version that a requirement begins at."""
    (lowest,) = (one.version for one in requirement.specifier if one.operator in (">=", "=="))
    return canonicalize_name(requirement.name), Version(lowest)


def pins(name):
    lines = (ROOT / "constraints" / name).read_text("utf-8").splitlines()
    return [bounds(Requirement(line)) for line in lines if line and not line.startswith("#")]


def test_the_oldest_versions_are_the_lower_bounds():
    assert sorted(pins("oldest.txt")) == sorted({bounds(one) for one in REQUIREMENTS})


def test_the_newest_versions_are_of_the_same_packages_and_in_bounds():
    newest, oldest = pins("newest.txt"), dict(pins("oldest.txt"))

    assert {name for name, _ in newest} == oldest.keys()
    for name, version in newest:
        assert version >= oldest[name]
        for requirement in REQUIREMENTS:
            if canonicalize_name(requirement.name) == name:
                assert version in requirement.specifier


def test_the_citation_is_of_this_version():
    citation = (ROOT / "CITATION.cff").read_text("utf-8")

    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == analogy.__version__


def test_the_program_asks_for_the_kernels_that_come_with_it():
    (own,) = OWN

    assert analogy_kernels.__version__ in own.specifier
