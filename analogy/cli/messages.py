"""Options of what a command tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

_PANEL = "Messages"


@dataclass(frozen=True, kw_only=True)
class MessageOptions:
    """What a command prints, and what it takes down."""

    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print errors only.", rich_help_panel=_PANEL)
    ] = False
    json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the report as JSON, and nothing else.", rich_help_panel=_PANEL
        ),
    ] = False
    log: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Append what happens, by stage, to a file.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        typer.Option(
            help="Let --log take down messages from this level on.", rich_help_panel=_PANEL
        ),
    ] = "info"
