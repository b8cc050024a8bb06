"""``analogy eval``: one command per evaluation. Nothing heavy is imported before one runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

eval_app = typer.Typer(help="Measure quality on public data, beside the paper's figures.")

Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for tables and sheets.")]
Device = Annotated[Literal["auto", "cuda", "cpu"], typer.Option(help="Where to compute.")]
Model = Annotated[
    Path | None, typer.Option(metavar="PATH", help="ONNX weights.  [the bundled ones]")
]


@eval_app.callback()
def _eval():
    """Keep `eval` a group however few commands it has."""


@eval_app.command("middlebury")
def middlebury(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Holds a folder per pair.")],
    out: Out = None,
    device: Device = "auto",
    model: Model = None,
):
    """Rebuild frames from the next ones and measure the flow (table 1, category I).

    Each pair's folder has frame10.png, frame11.png and flow10.flo. Writes middlebury.md,
    middlebury.json and a sheet of pictures per pair.  [out/middlebury]
    """
    from analogy.outputs import staged

    destination = Path("out", "middlebury") if out is None else out
    with staged(destination) as staging:
        from analogy.evaluation.middlebury import evaluate

        tables = evaluate(folder, staging, device, model)
    print("\n".join(table.markdown() for table in tables))
    print(f"results: {destination}")
