"""That what the project says of itself in several places is the same."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# The peers are measured, not built on: any version will do.
EXTRAS = {
    name: texts for name, texts in PROJECT["optional-dependencies"].items() if name != "peers"
}
REQUIREMENTS = [
    Requirement(text) for texts in (PROJECT["dependencies"], *EXTRAS.values()) for text in texts
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

    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == PROJECT["version"]
