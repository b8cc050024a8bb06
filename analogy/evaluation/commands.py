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
