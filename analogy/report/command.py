"""The command by which a run is repeated with points."""

from __future__ import annotations

import shlex

#: Name of the file that the pages save points as.
POINTS_FILE = "points.csv"

_OPTION = "--points"


def with_points(command: str) -> str:
    """A command line that reads points from the file that the pages save, whatever it read before.

    Parameters
    ----------
    command : str
        In the shell's words.
    """
    words = shlex.split(command)
    if _OPTION in words:
        place = words.index(_OPTION)
        words[place : place + 2] = []
    return shlex.join([*words, _OPTION, POINTS_FILE])
