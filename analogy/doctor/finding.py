"""What a check found, and what to do where it failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

REINSTALL = "install anew: pip install --force-reinstall ."


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    check : str
    status : "ok", "note" or "broken"
        A note is worth knowing and stops nothing.
    found : str
    remedy : str
        What to do; empty where all is well.
    """

    check: str
    status: Literal["ok", "note", "broken"]
    found: str
    remedy: str = ""


def parted(error, remedy=""):
    """Found and remedy of an error's one line, which has them about a semicolon."""
    found, _, told = str(error).partition("; ")
    return found, told or remedy
