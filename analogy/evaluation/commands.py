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


@eval_app.command("keypoints")
def keypoints(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON of pairs and keypoints.")],
    out: Out = None,
    of: Annotated[
        Literal["box", "image"], typer.Option(help="Whose longer side errors are measured by.")
    ] = "box",
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Pairs of each class, the first ones.")
    ] = None,
    max_side: Annotated[int, typer.Option(min=32, help="Match at up to so many pixels.")] = 256,
    weight: Annotated[int, typer.Option(min=1, max=3, help="As for `run`.")] = 2,
    coarse_matching: Annotated[
        Literal["hough", "patchmatch"], typer.Option(help="As for `run`.")
    ] = "hough",
    finest_level: Annotated[
        int, typer.Option(min=1, max=5, help="Match down to this level; coarser is faster.")
    ] = 1,
    device: Device = "auto",
    model: Model = None,
):
    """Carry keypoints and count how many arrive (PCK, table 2).

    Writes keypoints.md, keypoints.json and keypoints.png.  [out/keypoints]
    """
    import sys

    from rich.console import Console
    from rich.progress import track

    from analogy.outputs import staged

    destination = Path("out", "keypoints") if out is None else out
    with staged(destination) as staging:
        from analogy.evaluation.keypoints import evaluate, read_pairs
        from analogy.parameters import BLEND_WEIGHTS, Parameters

        tables = evaluate(
            read_pairs(file, limit),
            Parameters(
                max_side=max_side,
                alphas=BLEND_WEIGHTS[weight],
                coarse_matching=coarse_matching,
                finest_level=finest_level,
            ),
            staging,
            of=of,
            model=model,
            device=device,
            track=lambda pairs: track(
                pairs,
                "pairs",
                console=Console(stderr=True),
                transient=True,
                disable=not sys.stderr.isatty(),
            ),
        )
    print("\n".join(table.markdown() for table in tables))
    print(f"results: {destination}")
