"""``analogy model``. Nothing heavy is imported before one of its commands runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from analogy.errors import AnalogyError

model_app = typer.Typer(help="Show, convert or download network weights.")


@model_app.command("info")
def model_info(
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="ONNX weights.  [the bundled ones]")
    ] = None,
):
    """Show what a weights file is, where it came from, and its licence."""
    from analogy.model import bundled_path, describe

    _print_table(describe(path or bundled_path()))


@model_app.command("convert")
def model_convert(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=".h5 .caffemodel .pth .npz ...")],
    out: Annotated[
        Path | None, typer.Option(metavar="PATH", help="ONNX file to write.  [beside FILE]")
    ] = None,
):
    """Convert VGG-19 weights of another program to the form that --model takes."""
    from analogy.model import convert

    if not file.name:
        raise AnalogyError(f"{file}: is a folder; name a weights file")
    destination = file.with_suffix(".onnx") if out is None else out
    if destination == file:
        raise AnalogyError(f"{file}: would be overwritten; name another file with --out")
    _print_table({"written": destination} | convert(file, destination))


@model_app.command("fetch")
def model_fetch():
    """Download the original VGG-19 weights (80 MB) and convert them."""
    from analogy.model import fetch

    print(f"use it by: --model {fetch()}")


def _print_table(record):
    width = max(len(str(name)) for name in record) + 2
    for name, value in record.items():
        print(f"{name + ':':{width}}{value}")
