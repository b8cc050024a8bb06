"""``analogy eval``: one command per evaluation. Nothing heavy is imported before one runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from analogy.cli.panels import PanelledCommand
from analogy.option_reading import with_options
from analogy.options import Device, MethodOptions, Model

eval_app = typer.Typer(help="Measure quality on public data, beside the paper's figures.")

Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for tables and sheets.")]


@eval_app.callback()
def _eval():
    """Keep `eval` a group however few commands it has."""


MaxSide = Annotated[
    int, typer.Option(min=32, help="Shrink images to at most this many pixels a side.")
]


@eval_app.command("weights")
def weights(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Pairs, <name>_A.* and <name>_B.*")],
    other: Annotated[Path, typer.Option(metavar="PATH", help="ONNX weights to compare with.")],
    model: Model = None,
    out: Out = Path("out/eval/weights"),
    max_side: MaxSide = 224,
    device: Device = "auto",
):
    """Compare two sets of weights on every pair of images in a folder."""
    from analogy.evaluation.weights import compare_weights

    print(compare_weights(folder, other, out, model, device, max_side).markdown())


@eval_app.command("ablation")
def ablation(
    a: Annotated[Path, typer.Argument(metavar="A", help="Image that gives the structure.")],
    b_prime: Annotated[Path, typer.Argument(metavar="B", help="Image that gives the look.")],
    model: Model = None,
    out: Out = Path("out/eval/ablation"),
    max_side: MaxSide = 256,
    device: Device = "auto",
):
    """Show what each part of the method does (figures 5, 7, 8 and 19 of the paper)."""
    from analogy.evaluation.ablation import ablate

    print(ablate(a, b_prime, out, model, device, max_side).markdown())


@eval_app.command("features")
def features(
    a: Annotated[Path, typer.Argument(metavar="A", help="Image.")],
    iterations: Annotated[
        int,
        typer.Option(
            min=0,
            help="Make an image of each level's features by so many iterations; 0 makes none.",
        ),
    ] = 50,
    model: Model = None,
    out: Out = Path("out/eval/features"),
    max_side: MaxSide = 224,
    device: Device = "auto",
):
    """Show what the network sees of an image at each level (figure 3 of the paper)."""
    from analogy.evaluation.feature_maps import show_features

    print(show_features(a, out, model, device, max_side, iterations).markdown())


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
    from analogy.system.outputs import staged

    destination = Path("out", "middlebury") if out is None else out
    with staged(destination) as staging:
        from analogy.evaluation.middlebury import evaluate

        tables = evaluate(folder, staging, device, model)
    print("\n".join(table.markdown() for table in tables))
    print(f"results: {destination}")


@dataclass(frozen=True, kw_only=True)
class KeypointOptions:
    """How keypoints are carried; what is not an option is as the preset `matches` has it."""

    max_side: Annotated[
        int, typer.Option(min=32, help="Match at no more than this many pixels a side.")
    ] = 256
    weight: Annotated[
        int, typer.Option(min=1, max=3, help="Keep this much of each image's own structure.")
    ] = 2
    coarse_matching: Annotated[
        Literal["hough", "patchmatch"],
        typer.Option(help="Match levels 5 and 4 by votes, or search them as the paper does."),
    ] = "hough"
    finest_level: Annotated[
        int, typer.Option(min=1, max=5, help="Match down to this level; coarser is faster.")
    ] = 1

    def parameters(self):
        """What the options ask for."""
        from analogy.parameters import adjusted_preset

        return adjusted_preset("matches", **vars(self) | {"weight": str(self.weight)})


@eval_app.command("keypoints")
@with_options
def keypoints(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON of pairs and keypoints.")],
    method: KeypointOptions,
    out: Out = None,
    of: Annotated[
        Literal["box", "image"],
        typer.Option(help="Measure errors by the longer side of the thing's box or of the image."),
    ] = "box",
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Take the first so many pairs of each class."),
    ] = None,
    points: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Give N keypoints of the worst quarter of pairs as points and count the others; "
            "repeat it for more.",
        ),
    ] = None,
    transform: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Give B upright, mirrored, turned-DEGREES or scaled-FACTOR, with and without "
            "copies of it in other poses; repeat it for more. The word all stands for ten.",
        ),
    ] = None,
    device: Device = "auto",
    model: Model = None,
):
    """Carry keypoints by the preset `matches` and count how many arrive (PCK, table 2).

    Writes keypoints.md, keypoints.json and keypoints.png, or with --points points.md and
    points.json, with --transform transforms.md and transforms.json.  [out/keypoints]
    """
    from analogy.system.outputs import staged

    destination = Path("out", "keypoints") if out is None else out
    with staged(destination) as staging:
        from analogy.evaluation.guided_keypoints import evaluate_points
        from analogy.evaluation.keypoints import evaluate, read_pairs
        from analogy.evaluation.posed_keypoints import TRANSFORMS, evaluate_transforms

        pairs, parameters = read_pairs(file, limit), method.parameters()
        where: dict[str, Any] = {"model": model, "device": device}
        measure: Callable = partial(evaluate_points, counts=points) if points else evaluate
        if transform:
            names = TRANSFORMS if "all" in transform else transform
            measure = partial(evaluate_transforms, names=names)
        tables = measure(pairs, parameters, staging, of=of, track=_shown, **where)
    print("\n".join(table.markdown() for table in tables))
    print(f"results: {destination}")


def _shown(pairs):
    """Pairs with a bar that tells how many are done, where somebody sees it."""
    from rich.console import Console
    from rich.progress import track

    is_seen = sys.stderr.isatty()
    console = Console(stderr=True)
    return track(pairs, "pairs", console=console, transient=True, disable=not is_seen)


@eval_app.command("pictures", cls=PanelledCommand)
@with_options
def pictures(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Pairs, <name>_A.* and <name>_B.*")],
    method: MethodOptions,
    out: Out = Path("out/eval/pictures"),
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Take this pair alone; repeat it for more.  [default: all]"
        ),
    ] = None,
    made: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="Run nothing, judge what is here: what `run` or `batch` wrote into FOLDER/<name>, "
            "or FOLDER/<name>.png and <name>.B.png; may be given several times.",
        ),
    ] = None,
    height: Annotated[
        int, typer.Option(min=32, help="Make the pictures on the sheets so many pixels high.")
    ] = 440,
    device: Device = "auto",
    model: Model = None,
):
    """Judge pictures by two figures, beside published ones, and lay them side by side.

    Pictures that were published of a pair are <name>_published_AP.* and <name>_published_B.*.
    DIR may hold presets.json, {"<name>": "<preset>"}, for pairs that want another preset. Writes
    pictures.md, pictures.json, a sheet for each pair, and what `run` writes into a folder for each.
    """
    from analogy.evaluation.pictures import evaluate, made_before, read_pairs, running
    from analogy.method.session import Session
    from analogy.system.outputs import staged

    # The bundled weights judge, whatever made the pictures, so that figures can be compared.
    judging = Session(None, device)
    with staged(out) as staging:
        pairs = read_pairs(folder, only)
        if made:
            methods, facts = made_before(made, pairs), {"made": made}
        else:
            parameters = _parameters_of(folder, pairs, method)
            session = judging if model is None else Session(model, device)
            methods = {"ours": running(staging, parameters, session)}
            facts = {"parameters": {name: asdict(one) for name, one in parameters.items()}}
        tables = evaluate(pairs, methods, staging, judging, height=height, **facts)
    print("\n".join(table.markdown() for table in tables))
    print(f"results: {out}")


def _parameters_of(folder, pairs, method):
    """Parameters of each pair, by its name: those asked for, on its own preset."""
    from analogy.evaluation.pictures import read_presets

    presets = read_presets(folder, pairs, method.preset)
    return {name: replace(method, preset=preset).parameters() for name, preset in presets.items()}
