"""Checks to run once on a machine with an NVIDIA GPU: ``make gpu-check``.

The whole test suite on the device, then transfers of two images of 448 pixels a side: the first of
a session, those after it, and one of these kernel by kernel, beside what `benchmarks.cuda_model`
gives for the same launches on an H100.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from skimage import data
from skimage.transform import resize

from analogy import Session, transfer
from analogy_kernels.target import SIMULATED, Device, cuda
from benchmarks.cuda_model import H100, seconds, work
from benchmarks.cuda_trace import ShapeOnly, launch_of

_ROOT = Path(__file__).parent.parent

# Whole transfers, of which the median is told.
_ROUNDS = 5

# Rests before a launch that is timed, in which all of it is queued, and the nanoseconds of each:
# twice what Python needs for it. Otherwise an idle device would have Python's time counted as its.
_RESTS, _REST = 20, 10_000


def main(
    side: Annotated[int, typer.Option(help="Of both images, in pixels.")] = 448,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write it here.")] = None,
    skip_tests: Annotated[bool, typer.Option(help="Only take the times.")] = False,
):
    """Test on the GPU of this machine, then time it against the model."""
    if SIMULATED or not cuda.is_available():
        print("no NVIDIA GPU that Numba can use here: run this where there is one", file=sys.stderr)
        raise typer.Exit(2)
    if not skip_tests and not _tests_pass():
        raise typer.Exit(1)
    pair = [_square(image, side) for image in (data.astronaut(), data.cat())]

    # What a session does once is in its first transfer: it loads the network, and warms up.
    session = Session(device="cuda")

    def run():
        transfer(*pair, session=session)

    first = _seconds_of(run)
    whole = statistics.median(_seconds_of(run) for _ in range(_ROUNDS))
    another = _seconds_of(lambda: transfer(*pair, device="cuda"))
    with timed_launches() as launches:
        run()
    report = {
        "device": cuda.get_current_device().name,
        "side": side,
        "first_seconds": first,
        "seconds": whole,
        "new_session_seconds": another,
        "kernels": summed(launches()),
    }
    Console().print(_table(report))
    if json_file:
        json_file.write_text(json.dumps(report, indent=2) + "\n")


def _tests_pass():
    command = [sys.executable, "-m", "pytest", "-q"]
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "0"}
    return subprocess.run(command, cwd=_ROOT, env=environment, check=False).returncode == 0


def _square(image, side):
    return np.uint8(np.rint(255 * resize(image, (side, side), anti_aliasing=True)))


def _seconds_of(run):
    cuda.synchronize()
    start = time.perf_counter()
    run()
    cuda.synchronize()
    return time.perf_counter() - start


@contextmanager
def timed_launches():
    """Put an event before and after every launch.

    Yields
    ------
    callable, () -> list of (Launch, seconds)
        To be called when all has been launched.
    """
    launch, found = Device.launch, []

    def timed(device, kernel, blocks_and_threads, *arguments):
        before, after = cuda.event(), cuda.event()
        _rest[1, 1]()
        before.record()
        launch(device, kernel, blocks_and_threads, *arguments)
        after.record()
        shapes = _without_memory(arguments, {})
        found.append((launch_of(kernel, blocks_and_threads, shapes), before, after))

    def elapsed():
        cuda.synchronize()
        return [
            (launch, cuda.event_elapsed_time(before, after) / 1e3)
            for launch, before, after in found
        ]

    Device.launch = timed
    try:
        yield elapsed
    finally:
        Device.launch = launch


@cuda.jit
def _rest():
    for _ in range(_RESTS):
        cuda.nanosleep(_REST)


def _without_memory(value, known):
    """Arguments that keep no device array alive; one that comes twice is one here too."""
    if isinstance(value, tuple):
        values = [_without_memory(part, known) for part in value]
        return type(value)(*values) if hasattr(value, "_fields") else tuple(values)
    if not hasattr(value, "copy_to_host"):
        return value
    return known.setdefault(id(value), ShapeOnly(value.shape, value.dtype))


def summed(launches):
    """Launches, work, measured and modelled seconds of each kernel, the longest first."""
    rows = defaultdict(lambda: {"launches": 0, "gflop": 0.0, "measured": 0.0, "modelled": 0.0})
    for launch, measured in launches:
        done, row = work(launch), rows[launch.name]
        row["launches"] += 1
        row["gflop"] += done.flops / 1e9
        row["measured"] += measured
        row["modelled"] += seconds(done, launch.blocks, H100)
    return dict(sorted(rows.items(), key=lambda row: -row[1]["measured"]))


def _table(report):
    table = Table(
        title=f"{report['device']}: {report['side']}x{report['side']} pixels in "
        f"{report['seconds']:.2f} s in a warm session, its first time "
        f"{report['first_seconds']:.1f} s, by a session of its own "
        f"{report['new_session_seconds']:.2f} s (measured)"
    )
    table.add_column("kernel", overflow="fold")
    headings = "launches", "measured ms", "TFLOP/s", "modelled ms, H100", "ratio"
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, row in report["kernels"].items():
        table.add_row(
            name,
            str(row["launches"]),
            f"{1e3 * row['measured']:.1f}",
            f"{row['gflop'] / 1e3 / row['measured']:.2f}",
            f"{1e3 * row['modelled']:.1f}",
            f"{row['measured'] / row['modelled']:.2f}",
        )
    return table


if __name__ == "__main__":
    typer.run(main)
