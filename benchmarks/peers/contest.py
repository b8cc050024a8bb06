"""Contests: several programs at the same work, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

# Not from `benchmarks.images`, whose imports every contender's process would have to hold.
_ROOT = Path(__file__).parents[2]

OURS = "this project"

# A contender that takes longer than this, starting included, is given up.
_SECONDS_AT_MOST = 600

# Libraries read how many threads they may have before they are first imported.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


@dataclass(frozen=True)
class Contender:
    """One program at the work of a contest.

    Attributes
    ----------
    name : str
    prepare : callable, (threads, **problem, **options) -> callable, () -> array or tuple of arrays
        Gets ready what does not depend on the work's values; what it returns does the work, and is
        what is timed. A function of a module, so that another process finds it; it imports what it
        needs itself.
    distribution : str
        What has to be installed for it; this project by default.
    options : dict
        Passed on to `prepare`; of what JSON can hold.
    """

    name: str
    prepare: Callable
    distribution: str = OURS
    options: dict = field(default_factory=dict)

    @property
    def version(self):
        """Of the distribution: empty for this project, None where it is not installed."""
        if self.distribution == OURS:
            return ""
        try:
            return version(self.distribution)
        except PackageNotFoundError:
            return None


@dataclass(frozen=True)
class Contest:
    """One piece of work.

    Attributes
    ----------
    title : str
    contenders : tuple of Contender
        The first is what the times of the others are held against.
    problem, warm_up : dict, name -> array
        The work, and the same in small: compiling and loading are not measured.
    judge : callable, (*arrays) -> dict, measure -> number
        Of what a contender returned.
    best : dict, measure -> min or max
        Which way each measure of `judge` is better.
    notes : tuple of str
        Sentences under the table.
    picture : callable, (*arrays) -> uint8 array (height, width, 3), optional
        To look at what a contender returned.
    """

    title: str
    contenders: tuple[Contender, ...]
    problem: dict
    warm_up: dict
    judge: Callable
    best: dict
    notes: tuple[str, ...] = ()
    picture: Callable | None = None


@dataclass(frozen=True)
class Result:
    """How a contender did.

    Attributes
    ----------
    contender : Contender
    status : str
        "done", "not installed", or "failed: " and why.
    seconds : float or None
        The best of some rounds.
    mebibytes : float or None
        Most memory that the work took beyond what was there before it: program, libraries and the
        given arrays. None as well where the system does not tell it.
    measures : dict, measure -> number
    picture : uint8 array, (height, width, 3), or None
    """

    contender: Contender
    status: str
    seconds: float | None = None
    mebibytes: float | None = None
    measures: dict = field(default_factory=dict)
    picture: np.ndarray | None = None


def hold(contest, *, rounds, threads, tell=lambda name: None):
    """Let every contender do the work.

    Parameters
    ----------
    contest : Contest
    rounds : int
        How often each does it; the best time counts.
    threads : int
        That each may use.
    tell : callable, str -> None
        Told the name of each contender before its turn.

    Returns
    -------
    list of Result
        In the order of the contenders; those that are not installed, or fail, included.
    """
    results = []
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder, "problem.npz"), **contest.problem)
        np.savez(Path(folder, "warm_up.npz"), **contest.warm_up)
        for contender in contest.contenders:
            tell(contender.name)
            results.append(_result(contest, contender, Path(folder), rounds, threads))
    return results


def _result(contest, contender, folder, rounds, threads):
    if contender.version is None:
        return Result(contender, "not installed")
    try:
        seconds, mebibytes, arrays = _trial(contender, folder, rounds, threads)
    except subprocess.CalledProcessError as error:
        return Result(contender, f"failed: {_last_line(error.stderr)}")
    except subprocess.TimeoutExpired:
        return Result(contender, f"failed: not done in {_SECONDS_AT_MOST} s")
    picture = contest.picture(*arrays) if contest.picture else None
    return Result(contender, "done", seconds, mebibytes, contest.judge(*arrays), picture)


def _trial(contender, folder, rounds, threads):
    """Seconds, mebibytes and arrays of a contender in a process of its own."""
    out = folder / "out.npz"
    options = json.dumps({"threads": threads} | contender.options)
    place = contender.prepare.__module__, contender.prepare.__name__
    command = [sys.executable, "-m", "benchmarks.peers.trial", *place, options, folder, out]
    subprocess.run(
        [*command, str(rounds)],
        cwd=_ROOT,
        env=os.environ
        | dict.fromkeys(_THREAD_VARIABLES, str(threads))
        | {"NUMBA_ENABLE_CUDASIM": "0"},
        check=True,
        capture_output=True,
        text=True,
        timeout=_SECONDS_AT_MOST,
    )
    with np.load(out) as stored:
        arrays = [stored[f"arr_{i}"] for i in range(len(stored) - 2)]
        return float(stored["seconds"]), _number(stored["mebibytes"]), arrays


def _number(value):
    return None if np.isnan(value) else float(value)


def _last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
