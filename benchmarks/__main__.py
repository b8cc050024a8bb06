"""Measure this machine's CPU against the project's bars: ``make bench``.

Machines differ, and so does one machine from minute to minute: what can be is a ratio of two
things measured in turns, in this one run.
"""

from __future__ import annotations

import os
import platform
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from numba import get_num_threads
from rich.console import Console

from benchmarks import convolution, many, patchmatch, solver, waiting, whole_run, wls
from benchmarks.limits import measure_limits
from benchmarks.table import table, write_json


class Part(StrEnum):
    CONVOLUTION = "convolution"
    PATCHMATCH = "patchmatch"
    WLS = "wls"
    WHOLE_RUN = "whole-run"


def main(
    parts: Annotated[
        list[Part] | None, typer.Argument(help="Of the quick ones.  [all of them]")
    ] = None,
    with_solver: Annotated[
        bool, typer.Option("--solver", help="Also the solver against 100 iterations; slow.")
    ] = False,
    with_curve: Annotated[
        bool, typer.Option("--curve", help="Also the time over the image size; slow.")
    ] = False,
    with_many: Annotated[
        bool, typer.Option("--many", help="Also a batch against runs by themselves; slow.")
    ] = False,
    with_waiting: Annotated[
        bool,
        typer.Option("--waiting", help="Also threads that sleep against ones that poll; slow."),
    ] = False,
    side: Annotated[int, typer.Option(min=64, help="Of the images, in pixels.")] = 448,
    rounds: Annotated[int, typer.Option(min=1, help="How often things take turns.")] = 5,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs for --solver, at most.")] = 10,
    ratio: Annotated[float, typer.Option(help="At which --solver matches them.")] = 0.5,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write it here.")] = None,
):
    """Measure the limits of the machine and the parts, and hold them against their bars."""
    parts, progress = parts or list(Part), Console(stderr=True)
    with progress.status("limits of the machine"):
        limits = measure_limits(rounds=rounds)
    measurements = {
        Part.CONVOLUTION: lambda: convolution.measure(limits, side=side, rounds=rounds),
        Part.PATCHMATCH: lambda: patchmatch.measure(limits, side=side, rounds=rounds),
        Part.WLS: lambda: wls.measure(rounds=rounds),
        Part.WHOLE_RUN: lambda: whole_run.measure(side=side),
    }
    chosen = {part.value: measurements[part] for part in Part if part in parts}
    if with_solver:
        chosen["solver"] = lambda: solver.measure(pairs=pairs, ratio=ratio)
    if with_curve:
        chosen["curve"] = whole_run.measure_curve
    if with_many:
        chosen["many"] = many.measure
    if with_waiting:
        chosen["waiting"] = waiting.measure
    figures = limits.figures()
    for name, measure in chosen.items():
        with progress.status(name):
            figures += measure()
    Console().print(table(figures))
    if json_file:
        write_json(json_file, machine() | {"side": side}, figures)


def machine():
    """What figures are measured on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": get_num_threads(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("numba", "numpy", "scipy", "onnx")},
    }


def _processor():
    """Name of the processor, which Python's own function does not know on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


if __name__ == "__main__":
    typer.run(main)
