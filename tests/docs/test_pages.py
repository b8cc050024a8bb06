"""What the site's pages are filled with, and that they lead where they say."""

import re
import runpy

import pytest

from docs.extension import _with_lone_stars, command_line, examples, readme
from docs.extension.sources import ROOT, code_of, find, find_file

DOCS = ROOT / "docs"


def test_the_command_line_is_told_command_by_command():
    text = command_line.reference()

    for command in ("run", "doctor", "model convert", "eval middlebury"):
        assert re.search(rf"^#+ `analogy {command}`$", text, re.MULTILINE)
    assert "* `--weight <1|2|3|auto>`: Keep this much of each image's own structure" in text
    # Options of earlier versions still work, and are not shown.
    assert "* `--smoothing" not in text.partition("analogy doctor")[0]
    # In words, a placeholder would be taken for a tag of HTML.
    assert r"* `--out DIR`: Write the results into this folder.  [default: out/\<A>__\<B>]" in text


def test_links_of_the_readme_lead_to_files():
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)", readme.reference())

    assert "evaluation.md" in links
    assert "weights.md" in links
    assert [link for link in links if not (DOCS / link).exists()] == []


def test_examples_are_told_with_their_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(examples, "ROOT", tmp_path)
    (tmp_path / "examples").mkdir()
    (tmp_path / "docs" / "images").mkdir(parents=True)
    assert "none yet" in examples.reference()

    (tmp_path / "examples" / "fill_a_hole.py").write_text('"""Fill a hole.\n\nAnd why.\n"""\n')
    assert "](images/" not in examples.reference()

    (tmp_path / "docs" / "images" / "fill_a_hole.jpg").write_bytes(b"")
    text = examples.reference()
    assert "## Fill a hole\n" in text
    assert "![Fill a hole.](images/fill_a_hole.jpg)" in text
    assert "../examples/fill_a_hole.py" in text


def test_names_are_found_where_they_are():
    place = find("analogy.method.transfer.transfer")
    line = (ROOT / "analogy" / "method" / "transfer.py").read_text().splitlines()[place.line - 1]

    assert line.startswith("def transfer(")
    assert find("Session.warm_up", "analogy").module == "analogy.method.session"
    assert find("analogy.no_such_thing") is None
    # More than one module has it: no guess is made.
    assert find("main", "benchmarks") is None


def test_files_are_found_by_path_and_by_name():
    assert find_file("analogy/method/algorithm.py") == "analogy.method.algorithm"
    assert find_file("patchmatch").endswith(".patchmatch")
    with pytest.raises(ValueError, match="'nowhere' names 0 files"):
        find_file("nowhere")


def test_code_is_taken_with_its_decorators():
    text = code_of("consistency _round_trip_cpu")

    assert text.startswith("@njit")
    assert text.splitlines()[1].startswith("def _round_trip_cpu(")

    text = code_of("consistency round_trip")
    assert text.startswith("def round_trip(")
    assert '"""' not in text
    assert "Parameters" not in text
    assert text.splitlines()[-1].startswith("    return ")

    with pytest.raises(ValueError, match="has no function"):
        code_of("consistency nothing")


@pytest.mark.parametrize(
    ("line", "escaped"),
    [
        ("float32 array, (*shape, channels)", r"float32 array, (\*shape, channels)"),
        ("a *board* has a value a pixel", "a *board* has a value a pixel"),
        ("``(*shape, 3)`` and (*shape)", r"``(*shape, 3)`` and (\*shape)"),
        ("**out** : array, 2 * width", "**out** : array, 2 * width"),
    ],
)
def test_lone_stars_are_stars(line, escaped):
    lines = [line]
    _with_lone_stars(None, "function", "name", None, None, lines)

    assert lines == [escaped]


def test_the_picture_is_what_its_script_draws():
    draw = runpy.run_path(str(DOCS / "images" / "architecture.py"))["draw"]

    assert (DOCS / "images" / "architecture.svg").read_text() == draw()
