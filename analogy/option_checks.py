"""Checks of options that several commands have."""

from __future__ import annotations

import typer


def check_share(value: float) -> float:
    """Let through a share of something: above 0, at most 1."""
    if not 0 < value <= 1:
        raise typer.BadParameter(f"{value:g} is not in the range 0<x<=1.")
    return value
