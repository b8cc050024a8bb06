"""Measured figures, the bars that they are held against, and how both are shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from operator import ge, le

from rich.box import SIMPLE_HEAD
from rich.table import Table

_STYLES = {"": None, "holds": "green", "falls short": "bold red"}


@dataclass(frozen=True)
class Bar:
    """What a figure must reach; see :func:`at_least` and :func:`at_most`."""

    limit: float
    is_met: Callable[[float, float], bool]

    def __str__(self):
        return f"{'≥' if self.is_met is ge else '≤'} {_number(self.limit)}"


def at_least(limit):
    return Bar(limit, ge)


def at_most(limit):
    return Bar(limit, le)


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes
    ----------
    part : str
        Of the benchmark.
    what : str
    value : float
    unit : str
    bar : Bar or None
        None for figures that explain others.
    """

    part: str
    what: str
    value: float
    unit: str = ""
    bar: Bar | None = None

    @property
    def verdict(self):
        """Either "holds" or "falls short", or nothing without a bar; what is no number falls."""
        if self.bar is None:
            return ""
        return "holds" if self.bar.is_met(self.value, self.bar.limit) else "falls short"

    @property
    def ratio(self):
        """Share of the bar, or None where that means nothing."""
        return self.value / self.bar.limit if self.bar and self.bar.limit else None


def table(figures):
    """All figures as a `rich` table, narrow enough for 80 columns."""
    shown = Table(title="Benchmarks", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    shown.add_column("what", overflow="fold")
    for heading in ("figure", "bar", "ratio", ""):
        shown.add_column(heading, justify="right", no_wrap=True)
    for part, rows in groupby(figures, key=lambda figure: figure.part):
        shown.add_section()
        shown.add_row(part, style="bold")
        for figure in rows:
            shown.add_row(*_cells(figure), style=_STYLES[figure.verdict])
    return shown


def _cells(figure):
    return (
        f"  {figure.what}",
        f"{_number(figure.value)} {figure.unit}".strip(),
        str(figure.bar or ""),
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        figure.verdict,
    )


def write_json(path, machine, figures):
    """Write the figures and what they were measured on, folders made where absent."""
    rows = [
        {
            "part": figure.part,
            "what": figure.what,
            "value": float(figure.value),
            "unit": figure.unit,
            "bar": str(figure.bar) if figure.bar else None,
            "ratio": None if figure.ratio is None else float(figure.ratio),
            "verdict": figure.verdict or None,
        }
        for figure in figures
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    report = json.dumps({"machine": machine, "figures": rows}, indent=2, ensure_ascii=False)
    path.write_text(report + "\n", encoding="utf-8")


def _number(value):
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
