"""What options may be that several commands have."""

from __future__ import annotations

from typing import Literal

import typer

#: What ``--preset`` takes where any will do: the names of `analogy.parameters.PRESETS`.
PresetName = Literal[
    "default",
    "paper",
    "authors",
    "matches",
    "flow",
    "photo2style",
    "style2style",
    "style2photo",
    "photo2photo",
]


def check_share(value: float | None) -> float | None:
    """Let through a share of something, above 0 and at most 1, or that none was given."""
    if value is not None and not 0 < value <= 1:
        raise typer.BadParameter(f"{value:g} is not in the range 0<x<=1.")
    return value
