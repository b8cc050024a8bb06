"""Threads that sleep while they wait for work, against threads that poll for it.

Alone on the machine and beside programs that keep half of its cores busy: there, threads that poll
take the time of those that have work to do.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile

from benchmarks.table import Figure, at_most
from benchmarks.timing import median_ratio, take_turns
from benchmarks.whole_run import CommandLine

_SIDE = 448
_OPTIONS = ("--ratio", "0.3")
_ROUNDS = 3

_BUSY = "while True: pass"

# As GNU's OpenMP does by itself: some 3 ms before a thread sleeps.
_POLLING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "300000"}


def measure(*, side=_SIDE, options=_OPTIONS, rounds=_ROUNDS):
    """Times of transfers as they are by default, over those of transfers whose threads poll.

    Returns
    -------
    list of Figure
    """
    with tempfile.TemporaryDirectory() as folder:
        asleep, polling = CommandLine(folder), CommandLine(folder, **_POLLING)
        asleep.transfer(side, side, *options)
        return compare(asleep, polling, rounds, side, *options)


def compare(asleep, polling, rounds, side, *options):
    """Figures of two command lines whose kernels are compiled."""
    programs = max(1, (os.cpu_count() or 1) // 2)
    runs = [lambda line=line: line.transfer(side, side, *options) for line in (asleep, polling)]
    alone = median_ratio(take_turns(*runs, rounds=rounds))
    with _busy(programs):
        beside = median_ratio(take_turns(*runs, rounds=rounds))
    return [
        Figure("waiting", "asleep to polling, alone", alone, "", at_most(1.05)),
        Figure("waiting", f"asleep to polling, beside {programs} busy", beside, "", at_most(0.6)),
    ]


@contextlib.contextmanager
def _busy(programs):
    """So many programs that each keep a core busy while the block runs."""
    started = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(programs)]
    try:
        yield
    finally:
        for program in started:
            program.kill()
            program.wait()
