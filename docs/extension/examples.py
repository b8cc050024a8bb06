"""The page of examples, written from the programs in ``examples/``."""

from __future__ import annotations

import ast

from docs.extension.sources import ROOT


def reference():
    """Text of the page, in Markdown: each program's docstring, its picture and its code."""
    programs = sorted((ROOT / "examples").glob("*.py"))
    if not programs:
        return "There are none yet.\n"
    return "\n".join(line for program in programs for line in _entry(program))


def _entry(program):
    source = program.read_text()
    docstring = ast.get_docstring(ast.parse(source)) or ""
    yield f"## {program.stem.replace('_', ' ').capitalize()}"
    yield ""
    yield "```{eval-rst}"
    yield docstring
    yield "```"
    yield ""
    if (ROOT / "docs" / "images" / f"{program.stem}.jpg").exists():
        yield f"![{_first_line(docstring)}](images/{program.stem}.jpg)"
        yield ""
    yield f"{{source}}`examples/{program.name}`:"
    yield ""
    yield f"```{{literalinclude}} ../examples/{program.name}"
    yield ":language: python"
    yield "```"
    yield ""


def _first_line(docstring):
    return docstring.partition("\n")[0].strip()
