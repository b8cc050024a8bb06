"""What a batch did, pair by pair: a table to look at, and a file."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from analogy.outputs import write_json

NAME = "summary.json"

_COLOURS = {"done": "green", "found done": "green", "failed": "bold red", "not run": "yellow"}

# Pairs up to which all are listed; of more, those that have something to tell.
_LISTED = 50


def write_summary(folder, jobs, outcomes):
    """Write what became of each job as ``summary.json``.

    Parameters
    ----------
    folder : pathlib.Path
    jobs : sequence of Job
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


def summary_table(outcomes):
    """What became of each job, as a `rich` table."""
    table = Table("pair", "", "seconds", "", box=None, pad_edge=False, caption_justify="left")
    table.columns[2].justify = "right"
    for outcome in outcomes:
        if len(outcomes) <= _LISTED or outcome.status == "failed":
            status = Text(outcome.status, style=_COLOURS[outcome.status])
            seconds = f"{outcome.seconds:.1f}" if outcome.seconds else ""
            table.add_row(Text(outcome.name), status, seconds, Text(outcome.reason))
    counts = ", ".join(f"{count} {status}" for status, count in _counts(outcomes).items())
    table.caption = f"{len(outcomes)} pairs: {counts}"
    return table


def _counts(outcomes):
    found = Counter(outcome.status for outcome in outcomes)
    return {status: found[status] for status in _COLOURS if found[status]}
