"""Many pairs: a batch, which loads and compiles once, against runs of their own."""

from __future__ import annotations

import json
import tempfile

import numpy as np

from benchmarks.table import Figure, at_most
from benchmarks.whole_run import CommandLine

PAIRS = 10
_SIDE = 224


def measure(*, pairs=PAIRS, side=_SIDE):
    """How many single runs, kernels compiled, a batch of so many like pairs takes.

    Single runs before and after the batch, as the machine's speed drifts.

    Returns
    -------
    list of Figure
    """
    with tempfile.TemporaryDirectory() as folder:
        command_line = CommandLine(folder)
        command_line.transfer(side, side)
        return compare(command_line, pairs, side)


def compare(command_line, pairs, side):
    """Figures of a command line whose kernels are compiled."""
    before = command_line.transfer(side, side)
    seconds, summary = _batch(command_line, pairs)
    after = command_line.transfer(side, side)
    single = np.mean([before.seconds, after.seconds])
    later = [pair["seconds"] for pair in summary["pairs"][1:]]
    size = f"{side}x{side}"
    return [
        Figure("many", f"{size}: a run by itself", single, "s"),
        Figure("many", f"{size}: a batch of {pairs}", seconds, "s"),
        Figure("many", f"{size}: a pair of it, but for the first", np.mean(later), "s"),
        Figure("many", f"{size}: the batch in runs", seconds / single, "", at_most(pairs)),
    ]


def _batch(command_line, pairs):
    """Seconds of a batch of the pair that was transferred last, so many times; its summary."""
    rows = [f"a.png,b.png,{index},cpu" for index in range(pairs)]
    table, out = command_line.folder / "pairs.csv", command_line.folder / "batch"
    table.write_text("\n".join(["a,b,name,device", *rows]), encoding="utf-8")
    seconds = command_line.seconds("batch", table, "--out", out)
    return seconds, json.loads((out / "summary.json").read_text(encoding="utf-8"))
