"""Points as a file has them: four numbers a line, parted by commas."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path

import numpy as np

from analogy.errors import AnalogyError, brief
from analogy.method.points import COLUMNS, Points

_COLUMNS = ", ".join(COLUMNS)


def read_points(path: str | os.PathLike) -> Points:
    """Read points from a CSV file.

    Lines are ``ax, ay, bx, by``, pixels of the images from 0 on. The first may name these columns;
    empty lines and what follows a ``#`` do not count.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Points
        Named by file and line.

    Raises
    ------
    AnalogyError
        If the file cannot be read, has other columns, something that is no number, or no points;
        the message names the line.
    """
    return points_of_text(_text_of(Path(path)), str(path))


def points_of_text(text: str, path: str) -> Points:
    """Points of what a CSV file holds; `path` is what messages call the file.

    Raises
    ------
    AnalogyError
        As :func:`read_points`.
    """
    positions, names = [], []
    for number, cells in _rows(text, path):
        name = f"{path}: line {number}"
        if not positions and _is_header(cells):
            continue
        positions.append(_position(cells, name))
        names.append(name)
    if not positions:
        raise AnalogyError(f"{path}: holds no points; give {_COLUMNS} of each on a line")
    return Points(np.array(positions, np.float64), tuple(names))


def _rows(text, path):
    """Numbers of lines that hold something, and their cells."""
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        try:
            (cells,) = csv.reader([content], strict=True)
        except csv.Error as error:
            raise AnalogyError(f"{path}: line {number}: no CSV ({brief(error)})") from error
        yield number, [cell.strip() for cell in cells]


def _text_of(path):
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise AnalogyError(
            f"{path}: {error.strerror or error}; name a CSV file of points"
        ) from error
    except UnicodeDecodeError as error:
        raise AnalogyError(f"{path}: no text in UTF-8; save it as CSV in UTF-8") from error


def _is_header(cells):
    return tuple(cell.casefold() for cell in cells) == COLUMNS


def _position(cells, name):
    if len(cells) != len(COLUMNS):
        raise AnalogyError(
            f"{name}: has {len(cells)} columns where points have {len(COLUMNS)}: {_COLUMNS}"
        )
    return [_number(cell, column, name) for cell, column in zip(cells, COLUMNS, strict=True)]


def _number(cell, column, name):
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AnalogyError(
            f"{name}: {column} is {_shown(cell)}, no number; give {_COLUMNS} in pixels"
        )
    return value


def _shown(cell):
    return repr(brief(cell, 40)) if cell else "empty"
