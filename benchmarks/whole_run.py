"""The command line as a user runs it: each time a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.images import ROOT, example_pair
from benchmarks.table import Figure, at_most

_HELP_ROUNDS = 5

# Pixels a side of the runs that are about compiling and starting, not about working.
_SMALL = 96

# Largest exponent of the area in the time that still counts as linear.
_EXPONENT = 1.1

# Stages of the method; what else a run spends its time on is overhead.
_METHOD = ("features", "poses", "search", "reconstruction", "vote")

# Half of what 448x448 took before features came of the project's own convolutions, and 0.6 of what
# 4000x3000 took, on the two cores of docs/performance.md; and the memory then.
_SECONDS, _LARGE_SECONDS, _PEAK_GIB = 20, 44, 1.3

CURVE_SIDES = (224, 320, 448, 640, 800, 1024)


@dataclass(frozen=True)
class Run:
    """One run of the command line.

    Attributes
    ----------
    seconds : float
        From start to end of the process.
    record : dict
        Its report.
    """

    seconds: float
    record: dict

    @property
    def peak_gib(self):
        return self.record["peak_memory_bytes"] / 2**30

    @property
    def overhead(self):
        """Seconds outside the stages of the method: starting, making kernels ready, writing."""
        return self.seconds - sum(seconds for _, seconds in stages(self.record["seconds"]))


class CommandLine:
    """The command line, with a cache of compiled kernels that is its own and empty at first.

    Or of all those in the same folder. Further variables of its environment may be given.
    """

    def __init__(self, folder, **environment):
        self.folder = Path(folder)
        self._environment = os.environ | {
            "NUMBA_CACHE_DIR": str(self.folder / "cache"),
            "NUMBA_ENABLE_CUDASIM": "0",
            **environment,
        }

    def transfer(self, height, width, *options):
        """Run on the example pair at a size of both; returns a `Run`."""
        paths = self.folder / "a.png", self.folder / "b.png"
        for path, image in zip(paths, example_pair(height, width), strict=True):
            Image.fromarray(image).save(path)
        out = self.folder / "out"
        seconds = self.seconds("run", *paths, "--out", out, "--device", "cpu", "--quiet", *options)
        return Run(seconds, json.loads((out / "report.json").read_text(encoding="utf-8")))

    def help_seconds(self):
        return self.seconds("--help")

    def seconds(self, *arguments):
        """Seconds that the command line takes with these arguments, starting included."""
        command = [sys.executable, ROOT / "cli.py", *arguments]
        start = time.perf_counter()
        subprocess.run(
            command, env=self._environment, check=True, stdout=subprocess.DEVNULL, cwd=self.folder
        )
        return time.perf_counter() - start


def measure(*, side):
    """Times and memory of whole runs; the bars are those of `side` 448.

    Returns
    -------
    list of Figure
    """
    with tempfile.TemporaryDirectory() as folder:
        command_line = CommandLine(folder)
        return [*_starting(command_line), *_working(command_line, side)]


def measure_curve(*, sides=CURVE_SIDES):
    """Seconds per megapixel of either image, of squares of growing side; starting left out.

    Returns
    -------
    list of Figure
    """
    with tempfile.TemporaryDirectory() as folder:
        command_line = CommandLine(folder)
        command_line.transfer(_SMALL, _SMALL)
        runs = [command_line.transfer(side, side, "--max-side", str(side)) for side in sides]
    megapixels = np.square(sides) / 1e6
    times = [run.seconds - run.overhead for run in runs]
    exponent = np.polyfit(np.log(megapixels), np.log(times), 1)[0]
    return [
        *(
            Figure("curve", f"{side}x{side}", seconds / area, "s/megapixel")
            for side, seconds, area in zip(sides, times, megapixels, strict=True)
        ),
        Figure("curve", "time grows with the area to the power", exponent, "", at_most(_EXPONENT)),
    ]


def _starting(command_line):
    first = command_line.transfer(_SMALL, _SMALL)
    second = command_line.transfer(_SMALL, _SMALL)
    help_seconds = [command_line.help_seconds() for _ in range(_HELP_ROUNDS)]
    return [
        Figure("whole run", "--help", np.median(help_seconds), "s", at_most(0.5)),
        Figure(
            "whole run", "compiling everything", first.seconds - second.seconds, "s", at_most(60)
        ),
        Figure("whole run", "a second run's overhead", second.overhead, "s", at_most(2)),
    ]


def _working(command_line, side):
    whole = command_line.transfer(side, side)
    half = command_line.transfer(side, side, "--ratio", "0.5")
    # 700x500 and 4000x3000 where `side` is 448.
    wide = command_line.transfer(round(side * 500 / 448), round(side * 700 / 448))
    large = command_line.transfer(round(side * 3000 / 448), round(side * 4000 / 448))
    size = f"{side}x{side}"
    yield Figure("whole run", size, whole.seconds, "s", at_most(_SECONDS))
    for stage, seconds in stages(whole.record["seconds"]):
        yield Figure("whole run", f"{size}: {stage}", seconds, "s")
    yield Figure("whole run", f"{size}: peak memory", whole.peak_gib, "GiB", at_most(_PEAK_GIB))
    yield Figure("whole run", f"{size}, ratio 0.5", half.seconds, "s", at_most(8))
    yield Figure("whole run", "700x500", wide.seconds, "s")
    yield Figure("whole run", "700x500: peak memory", wide.peak_gib, "GiB", at_most(4))
    yield Figure("whole run", "4000x3000", large.seconds, "s", at_most(_LARGE_SECONDS))
    yield Figure("whole run", "4000x3000: peak memory", large.peak_gib, "GiB", at_most(4))


def stages(seconds):
    """Seconds of the method's stages in a record, those of the levels added up."""
    for stage in _METHOD:
        value = seconds.get(stage, 0.0)
        yield stage, sum(value.values()) if isinstance(value, dict) else value
