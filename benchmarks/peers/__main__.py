"""Hold the contests and show who did how well."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from benchmarks.__main__ import machine
from benchmarks.peers import convolution, flow, inpainting, matching, minimisation, smoothing
from benchmarks.peers.contest import hold
from benchmarks.peers.tables import markdown, write


class Part(StrEnum):
    MATCHING = "matching"
    INPAINTING = "inpainting"
    FLOW = "flow"
    SMOOTHING = "smoothing"
    CONVOLUTION = "convolution"
    MINIMISATION = "minimisation"


def main(
    parts: Annotated[list[Part] | None, typer.Argument(help="Which contests.  [all]")] = None,
    middlebury: Annotated[
        Path | None,
        typer.Option(help="Folder of Middlebury's flow pairs; no contests of flow without it."),
    ] = None,
    pairs: Annotated[
        list[str] | None, typer.Option("--pair", help="Which of its pairs.  [all]")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="The best of so many counts.")] = 3,
    threads: Annotated[int, typer.Option(min=1, help="That each may use.")] = 2,
    out: Annotated[
        Path | None, typer.Option(help="Folder for peers.md, peers.json and pictures.")
    ] = None,
):
    """Hold this project against what people would use instead."""
    progress, held = Console(stderr=True), []
    for contest in _contests(parts or list(Part), middlebury, pairs):
        with progress.status(contest.title) as status:
            results = hold(
                contest,
                rounds=rounds,
                threads=threads,
                tell=partial(_show, status, contest.title),
            )
        held.append((contest, results))
        Console().print(Markdown(markdown(contest, results)))
    if out:
        write(out, machine() | {"threads": threads}, held)


def _show(status, title, name):
    status.update(f"{title}: {name}")


def _contests(parts, middlebury, pairs):
    """Contests one by one: the problems of all together would take gigabytes."""
    if Part.MATCHING in parts:
        yield matching.contest(160)
    if Part.INPAINTING in parts:
        yield from inpainting.contests(256)
    if Part.FLOW in parts and middlebury:
        yield from flow.contests(middlebury, pairs)
    if Part.SMOOTHING in parts:
        yield smoothing.contest(500)
    if Part.CONVOLUTION in parts:
        yield from convolution.contests(448)
    if Part.MINIMISATION in parts:
        yield from minimisation.contests(1_000_000, 224)


if __name__ == "__main__":
    typer.run(main)
