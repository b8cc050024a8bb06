"""The reference of the command line, written from the program itself."""

from __future__ import annotations

import re


def reference():
    """Text of the reference, in Markdown: each command with its arguments and options."""
    import typer
    from typer.cli import get_docs_for_click

    from analogy.cli.main import app

    command = typer.main.get_command(app)
    text = get_docs_for_click(
        obj=command, ctx=typer.Context(command, info_name="analogy"), name="analogy"
    )
    # The page has a title of its own, and lists of commands, with half a sentence each, stand
    # before the commands themselves.
    text = re.sub(r"^# .*\n", "", text, count=1)
    text = re.sub(r"\*\*Commands\*\*:\n\n(\* .*\n)+", "", text)
    return "\n".join(map(_without_markup, text.splitlines()))


def _without_markup(line):
    """A line whose placeholders in angle brackets are no tags, but for those in literals."""
    parts = line.split("`")
    parts[::2] = [part.replace("<", r"\<") for part in parts[::2]]
    return "`".join(parts)
