"""What an evaluation leaves behind: a Markdown table, the same figures as JSON, sheets of images.

All is written into one folder, which a caller opens by :func:`analogy.system.outputs.staged`, so
that results appear whole or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from analogy.system.outputs import write_image, write_json, write_text

_UNKNOWN = "-"

# Of sheets, in pixels.
_GAP = 4
_FONT_SIZE = 15
_LABEL_HEIGHT = 22


@dataclass(frozen=True)
class Table:
    """Figures in rows and columns.

    Attributes
    ----------
    title : str
    columns : tuple of str
        The first heads the names of the rows.
    rows : list of sequences
        A name, then one cell per further column: a number, a text, or None where there is none.
    notes : tuple of str
        Sentences under the table: what the figures mean, where those of others come from.
    decimals : int
        Digits of the numbers that are not whole, in Markdown; JSON keeps all.
    """

    title: str
    columns: tuple[str, ...]
    rows: list
    notes: tuple[str, ...] = ()
    decimals: int = 2

    def markdown(self):
        """Table in GitHub's Markdown, under its title as a heading."""
        rule = ["---"] + ["---:"] * (len(self.columns) - 1)
        rows = [[self._cell(value) for value in row] for row in self.rows]
        lines = [f"| {' | '.join(cells)} |" for cells in (self.columns, rule, *rows)]
        blocks = [f"## {self.title}", "\n".join(lines), *self.notes]
        return "\n\n".join(blocks) + "\n"

    def record(self):
        """Rows as dicts by column, for JSON."""
        return {
            "title": self.title,
            "rows": [dict(zip(self.columns, row, strict=True)) for row in self.rows],
            "notes": list(self.notes),
        }

    def _cell(self, value):
        if value is None:
            return _UNKNOWN
        if isinstance(value, Real) and not isinstance(value, Integral):
            return f"{value:.{self.decimals}f}"
        return str(value).replace("|", r"\|")


def write_tables(folder, name, tables, **facts):
    """Write tables as ``<name>.md`` and, with `facts` beside them, as ``<name>.json``.

    Parameters
    ----------
    folder : path-like
    name : str
    tables : sequence of Table
    **facts
        What else the JSON file is to hold: parameters, the device, versions.

    Raises
    ------
    AnalogyError
        If a file cannot be written.
    """
    folder = Path(folder)
    write_text(folder / f"{name}.md", "\n".join(table.markdown() for table in tables))
    write_json(folder / f"{name}.json", {**facts, "tables": [table.record() for table in tables]})


def mean(values):
    """Mean of the values that are there, None where none is."""
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else None


def write_sheet(path, rows):
    """Write images side by side, each under its label.

    Parameters
    ----------
    path : path-like
    rows : sequence of sequences of (str, uint8 array (height, width, 3))
        Images of a row may differ in size; they are laid out on the widest one's grid.

    Raises
    ------
    AnalogyError
        If the file cannot be written.
    """
    write_image(path, sheet(rows))


def sheet(rows):
    """Put together what `write_sheet` writes: a uint8 array, (height, width, 3)."""
    width = max(image.shape[1] for row in rows for _, image in row) + _GAP
    heights = [max(image.shape[0] for _, image in row) + _LABEL_HEIGHT + _GAP for row in rows]
    columns = max(len(row) for row in rows)
    page = Image.new("RGB", (columns * width + _GAP, sum(heights) + _GAP), "white")
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(_FONT_SIZE)
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        for column, (label, image) in enumerate(row):
            left = _GAP + column * width
            draw.text((left, top), label, fill="black", font=font)
            page.paste(Image.fromarray(image), (left, top + _LABEL_HEIGHT))
        top += height
    return np.asarray(page)
