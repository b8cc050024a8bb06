"""The reference of the command line, written from the program itself."""

from __future__ import annotations

import re


def reference():
    """Text of the reference, in Markdown: each command with its arguments and options."""
    import typer
    from typer.cli import get_docs_for_click

    from analogy.command_line import app

    command = typer.main.get_command(app)
    text = get_docs_for_click(
        obj=command, ctx=typer.Context(command, info_name="analogy"), name="analogy"
    )
    # The page has a title of its own.
    return re.sub(r"^# .*\n", "", text, count=1)
