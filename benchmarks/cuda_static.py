"""What the CUDA kernels take on devices that are not here: compiled, counted and modelled.

``python -m benchmarks.cuda_static`` compiles every kernel that a transfer launches for three
generations of devices, counts the transfer's work from the shapes of its launches, and models its
time. Nothing here is measured.
"""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from analogy.method.scales import scale_shapes
from analogy.model import bundled_path
from analogy.model.architecture import CHANNELS, LAYERS
from analogy.network.layers import Network
from analogy.parameters import PRESETS
from benchmarks.cuda_model import (
    A100,
    H100,
    HOST_SECONDS,
    K40,
    LIMITS,
    Work,
    elapsed,
    network_work,
    occupancy,
    seconds,
    work,
)
from benchmarks.cuda_trace import trace_transfer
from benchmarks.ptx import assemble, compile_to_ptx

DEVICES = (H100, A100, K40)

# Evaluations of a deconvolution's loss and gradient; 19 to 33 in a default run of the examples.
EVALUATIONS = 25

_NETWORK = "ONNX Runtime's network"


def main(
    side: Annotated[int, typer.Option(help="Of both images, in pixels.")] = 448,
    evaluations: Annotated[int, typer.Option(help="Of each deconvolution.")] = EVALUATIONS,
    preset: Annotated[str, typer.Option(help="Of the transfer's parameters.")] = "default",
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write it here.")] = None,
):
    """Compile, count and model a transfer; nothing is measured."""
    parameters, shape = PRESETS[preset], (side, side)
    launches = trace(side, evaluations, parameters)
    report = {
        "note": "modelled, not measured",
        "side": side,
        "preset": preset,
        "evaluations": evaluations,
        "launches": len(launches),
        "waits": sum(launch.waits for launch in launches),
        "elapsed": {device.name: elapsed(launches, device) for device in DEVICES},
        "kernels": compiled(launches),
        "stages": modelled(launches, shape, parameters, lambda launch: launch.stage),
        "work": modelled(launches, shape, parameters, lambda launch: launch.name),
    }
    console = Console()
    console.print(_table_of_kernels(report["kernels"]))
    for key, title in (("stages", "Stage"), ("work", "Kernel")):
        console.print(_table_of_times(report[key], title, report))
    times = ", ".join(f"{name} {took:.2f} s" for name, took in report["elapsed"].items())
    console.print(
        f"Modelled, not measured: from the first of {report['launches']} launches to the end of "
        f"the last, the host waiting {report['waits']} times, {1e3 * HOST_SECONDS:.1f} ms each: "
        f"{times}"
    )
    if json_file:
        json_file.write_text(json.dumps(report, indent=2) + "\n")


def trace(side, evaluations=EVALUATIONS, parameters=PRESETS["default"]):
    """Launches of a transfer between two square images."""
    network = Network.load(bundled_path())
    return trace_transfer(network, parameters, (side, side), (side, side), evaluations)


def compiled(launches):
    """Registers, memory and occupancy of every kernel launched, by compute capability."""
    kinds = {(launch.name, launch.signature): launch for launch in launches}
    rows = []
    for (name, signature), launch in sorted(kinds.items(), key=lambda kind: str(kind[0])):
        row = {"kernel": name, "threads": launch.threads, "capabilities": {}}
        ptxes = compile_to_ptx(launch.kernel, signature, list(LIMITS))
        for capability, ptx in zip(LIMITS, ptxes, strict=True):
            taken = assemble(ptx, capability)
            taken["occupancy"] = occupancy(
                capability, launch.threads, taken["registers"], taken["shared"]
            )
            row["capabilities"]["{}.{}".format(*capability)] = taken
        rows.append(row)
    return rows


def modelled(launches, shape, parameters, key):
    """Work and modelled seconds on each device, summed over the launches with one `key`.

    The network runs on both images, of one `shape`, at each size that they are matched at.

    Returns
    -------
    dict
        By key, the longest on an H100 first.
    """
    rows = defaultdict(lambda: {"launches": 0, "gflop": 0.0, "gbyte": 0.0, **_no_seconds()})
    for launch in launches:
        _add(rows[key(launch)], work(launch), launch.blocks)
    for matched in chain.from_iterable(scale_shapes(shape, shape, parameters)):
        # Many blocks: as if the work were shared out evenly.
        _add(rows[_NETWORK], network_work(LAYERS, CHANNELS, matched), 10**6)
    longest_first = sorted(rows.items(), key=lambda row: -row[1][H100.name])
    return dict(longest_first)


def totals(rows):
    """Sums over the rows of :func:`modelled`."""
    return {key: sum(row[key] for row in rows.values()) for key in next(iter(rows.values()))}


def _no_seconds():
    return {device.name: 0.0 for device in DEVICES}


def _add(row, done: Work, blocks):
    row["launches"] += 1
    row["gflop"] += done.flops / 1e9
    row["gbyte"] += done.device_bytes / 1e9
    for device in DEVICES:
        row[device.name] += seconds(done, blocks, device)


def _table_of_kernels(rows):
    table = Table(
        title="Compiled for each compute capability: registers of a thread, bytes of "
        "shared memory of a block, bytes spilled, theoretical occupancy"
    )
    table.add_column("kernel", overflow="fold")
    table.add_column("threads", justify="right")
    for major, minor in LIMITS:
        for figure in ("reg", "shared", "spill", "occ"):
            table.add_column(f"{figure}\n{major}.{minor}", justify="right")
    for row in rows:
        cells = []
        for taken in row["capabilities"].values():
            figures = (taken[figure] for figure in ("registers", "shared", "spilled"))
            cells += [*map(str, figures), f"{taken['occupancy']:.0%}"]
        table.add_row(row["kernel"], str(row["threads"]), *cells)
    return table


def _table_of_times(rows, title, report):
    table = Table(
        title=f"Modelled, not measured: {report['side']}x{report['side']}, "
        f"{report['evaluations']} evaluations a deconvolution"
    )
    table.add_column(title, overflow="fold")
    for heading in ("launches", "GFLOP", "GB", *(f"{device.name} ms" for device in DEVICES)):
        table.add_column(heading, justify="right")
    for name, row in {**rows, "whole transfer": totals(rows)}.items():
        times = [f"{1e3 * row[device.name]:.1f}" for device in DEVICES]
        figures = [str(row["launches"]), f"{row['gflop']:.1f}", f"{row['gbyte']:.2f}"]
        table.add_row(name, *figures, *times)
    return table


if __name__ == "__main__":
    typer.run(main)
