"""What a batch did, pair by pair: a table to look at, and a file."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from analogy.system.outputs import write_json

NAME = "summary.json"

_COLOURS = {"done": "green", "found done": "green", "failed": "bold red", "not run": "yellow"}

# Pairs up to which all are listed; of more, those that have something to tell.
_LISTED = 50


def write_summary(folder, jobs, outcomes):
    """Write what became of each job as ``summary.json``.

    Parameters
    ----------
    folder : pathlib.Path
    jobs : sequence of Request
    outcomes : sequence of Outcome
        In the order of the jobs.

    Raises
    ------
    AnalogyError
        If it cannot be written.
    """
    pairs = [
        {"a": job.inputs.a, "b": job.inputs.b_primes[0], **asdict(outcome)}
        for job, outcome in zip(jobs, outcomes, strict=True)
    ]
    write_json(folder / NAME, {"counts": _counts(outcomes), "pairs": pairs})


def summary_line(outcomes):
    """How many jobs went which way."""
    counts = ", ".join(f"{count} {status}" for status, count in _counts(outcomes).items())
    return f"{len(outcomes)} pairs: {counts}"


def summary_table(outcomes):
    """What became of each job, as a `rich` table."""
    table = Table(box=None, pad_edge=False)
    table.add_column("pair", overflow="fold")
    table.add_column("outcome", no_wrap=True)
    table.add_column("seconds", no_wrap=True, justify="right")
    table.add_column("reason", overflow="fold")
    for outcome in outcomes:
        if len(outcomes) <= _LISTED or outcome.status == "failed":
            status = Text(outcome.status, style=_COLOURS[outcome.status])
            seconds = f"{outcome.seconds:.1f}" if outcome.seconds else ""
            table.add_row(Text(outcome.name), status, seconds, Text(outcome.reason))
    return table


def _counts(outcomes):
    found = Counter(outcome.status for outcome in outcomes)
    return {status: found[status] for status in _COLOURS if found[status]}
