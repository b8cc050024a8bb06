"""The command line: options in, one call, files out; no mathematics.

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import contextlib
import math
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from analogy import __version__
from analogy.cli.batch import batch
from analogy.cli.evaluate import eval_app
from analogy.cli.exit_codes import EXIT_ERROR, EXIT_INTERRUPTED
from analogy.cli.options import PresetName, check_share
from analogy.cli.serve import serve
from analogy.cli.video import video
from analogy.errors import AnalogyError, explained
from analogy.system.logs import logged
from analogy.system.result_names import folder_name

# Click's UsageError, wherever this version of typer keeps its Click.
_UsageError: Any = typer.BadParameter.__base__

app = typer.Typer(
    name="analogy",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
model_app = typer.Typer(help="Show, convert or download network weights.")
app.add_typer(model_app, name="model")
app.add_typer(eval_app, name="eval")


def main(arguments=None):
    """Run the command line and exit: 0 done, 2 bad input or no room, 130 interrupted.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the process when absent.
    """
    sys.exit(_exit_code(arguments))


def _exit_code(arguments):
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        # Typer turns Ctrl-C into the exit code 130, which it returns; older ones raise Abort.
        code = app(arguments or ["--help"], prog_name="analogy", standalone_mode=False)
    except typer.Abort:
        code = EXIT_INTERRUPTED
    except _UsageError as error:
        return _fail(error.format_message())
    except (AnalogyError, MemoryError, OSError) as error:
        return _fail(explained(error))
    if code == EXIT_INTERRUPTED:
        print("interrupted; nothing was written", file=sys.stderr)
    return code if isinstance(code, int) else 0


def _fail(message):
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr)
    return EXIT_ERROR


def _print_version(is_asked: bool):
    if is_asked:
        print(f"deep-image-analogy {__version__}")
        raise typer.Exit


@app.callback()
def _analogy(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version of the program, and nothing else.",
        ),
    ] = False,
):
    """Deep Image Analogy: give each of two images the look of the other."""


def _check_positive(value: float | None):
    if value is not None and not 0 < value < float("inf"):
        raise typer.BadParameter(f"{value:g} is not in the range x>0.")
    return value


def _check_finite(value: float | None):
    # Not every release of typer finds that NaN is out of an option's range.
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value:g} is not a finite number.")
    return value


@app.command()
def run(
    context: typer.Context,
    a: Annotated[Path, typer.Argument(metavar="A", help="Image that gives the structure.")],
    b_primes: Annotated[
        list[Path],
        typer.Argument(metavar="B", help="Image that gives the look; of several the best."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write the results into this folder.  [default: out/<A>__<B>]"
        ),
    ] = None,
    preset: Annotated[
        PresetName,
        typer.Option(
            help="Start from these parameters: ours, those of the paper or of its authors' "
            "program, ours for correspondences or for two photographs of one scene, or ours for an "
            "application of the paper's."
        ),
    ] = "default",
    category: Annotated[
        Literal["I", "II", "III"] | None,
        typer.Option(
            help="Take the paper's blend weights for one scene with slight motion (I), for one "
            "scene in other light (II) or for two scenes (III).  [default: III]"
        ),
    ] = None,
    weight: Annotated[
        Literal["1", "2", "3", "auto"] | None,
        typer.Option(
            help="Keep so much of A's structure, 3 for the most; auto chooses by the images.  "
            "[default: the preset's; 2]"
        ),
    ] = None,
    alpha_offset: Annotated[
        float | None,
        typer.Option(
            min=-1,
            max=1,
            callback=_check_finite,
            hidden=True,
            help="Added to the blend weight of every level.",
        ),
    ] = None,
    ratio: Annotated[
        float | None,
        typer.Option(
            callback=check_share,
            metavar="R",
            help="Match up to this scale, in (0, 1]; results keep their size.  [default: 1]",
        ),
    ] = None,
    max_side: Annotated[
        int | None,
        typer.Option(min=32, help="Match at no more than this many pixels a side.  [default: 700]"),
    ] = None,
    first_scale: Annotated[
        int | None,
        typer.Option(
            min=32,
            help="Match at so many pixels a side first, and lead larger sizes by that; a number "
            "as large as the images gives one size.  [default: the preset's; 192]",
        ),
    ] = None,
    deconv_depth: Annotated[
        int | None,
        typer.Option(min=1, max=2, hidden=True, help="Levels that one deconvolution spans."),
    ] = None,
    coarse_matching: Annotated[
        Literal["hough", "patchmatch"] | None,
        typer.Option(
            hidden=True, help="Match levels 5 and 4 by votes, or search them as the paper does."
        ),
    ] = None,
    finest_level: Annotated[
        int | None,
        typer.Option(
            min=1, max=5, hidden=True, help="Match down to this level; coarser is faster."
        ),
    ] = None,
    evenness: Annotated[
        float | None,
        typer.Option(
            min=0,
            callback=_check_finite,
            help="Charge patches so much for how often they are fetched, so that all of B is "
            "used.  [default: the preset's]",
        ),
    ] = None,
    colour_weight: Annotated[
        float | None,
        typer.Option(
            min=0,
            callback=_check_finite,
            hidden=True,
            help="Match colours, too: for pictures of one scene.",
        ),
    ] = None,
    smoothing: Annotated[
        int | None,
        typer.Option(min=0, hidden=True, help="Smooth the matches of pictures of one scene."),
    ] = None,
    subpixel: Annotated[
        int | None,
        typer.Option(min=0, hidden=True, help="Refine such matches by so many iterations."),
    ] = None,
    refine: Annotated[
        bool | None,
        typer.Option(
            "--refine/--no-refine",
            help="Also write the new colours with each photograph's own detail (eq. 7).  [default: "
            "the preset's; no]",
        ),
    ] = None,
    wls_lambda: Annotated[
        float | None,
        typer.Option(
            callback=_check_positive, hidden=True, help="How much the refinement smooths.  [0.8]"
        ),
    ] = None,
    wls_alpha: Annotated[
        float | None,
        typer.Option(callback=_check_positive, hidden=True, help="How much it minds edges.  [1]"),
    ] = None,
    wls_epsilon: Annotated[
        float | None,
        typer.Option(
            callback=_check_positive, hidden=True, help="Least difference that it minds.  [0.0001]"
        ),
    ] = None,
    device: Annotated[
        Literal["auto", "cuda", "cpu"],
        typer.Option(help="Compute on this device; auto takes a GPU where there is one."),
    ] = "auto",
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2**32 - 1,
            help="Draw the random search's candidates by this seed.  [default: 0]",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Use these weights, an ONNX file.  [default: those bundled]"
        ),
    ] = None,
    viz: Annotated[
        bool, typer.Option("--viz", help="Write pictures of every level into DIR/viz too.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Write report.html too, to look through the run.")
    ] = False,
    mask_a: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Read the labels of A from an image: equal colours match, black matches any.",
        ),
    ] = None,
    mask_b: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read the labels of B likewise.")
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Leave of A what is not black in this image as it is."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON, and nothing else.")
    ] = False,
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Append what happens, by stage, to a file.")
    ] = None,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        typer.Option(help="Let --log take down messages from this level on."),
    ] = "info",
    single_direction: Annotated[
        bool | None,
        typer.Option(
            "--single-direction", hidden=True, help="Ablation: search by A alone (eq. 3)."
        ),
    ] = None,
    resample: Annotated[
        bool | None,
        typer.Option("--resample", hidden=True, help="Ablation: resample, do not deconvolve."),
    ] = None,
    independent_levels: Annotated[
        bool | None,
        typer.Option("--independent-levels", hidden=True, help="Ablation: match levels apart."),
    ] = None,
    weight_map: Annotated[
        Literal["sigmoid", "hard"] | None,
        typer.Option(hidden=True, help="Form of the weight map (eq. 6)."),
    ] = None,
    start: Annotated[
        Literal["random", "identity"] | None,
        typer.Option(hidden=True, help="First nearest-neighbour field."),
    ] = None,
    fill: Annotated[
        bool | None,
        typer.Option("--fill", hidden=True, help="Replace matches that do not lead back."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Set a field of analogy.Parameters, such as patch_sides=(3,3,3,5,3); repeat it "
            "for more fields.",
        ),
    ] = None,
):
    """Transfer looks between two images, or from several to one.

    Writes a_prime.png (A with the look of B), b.png (B with the look of A), flow_ab.npy,
    flow_ba.npy (float32, dx dy in pixels of the other image), confidence_a.png, confidence_b.png
    (white where a match leads back), report.json and, with --refine, a_prime_refined.png and
    b_refined.png. With several B, every pixel of a_prime.png is that of the one that suits it best,
    as choice.png shows; what each gives by itself is in reference_1, reference_2 ...

    For example: analogy run photo.png painting.png --preset photo2style
    """
    options = {
        "alpha_offset": alpha_offset,
        "ratio": ratio,
        "max_side": max_side,
        "first_scale": first_scale,
        "evenness": evenness,
        "deconv_depth": deconv_depth,
        "coarse_matching": coarse_matching,
        "finest_level": finest_level,
        "colour_weight": colour_weight,
        "smoothing": smoothing,
        "subpixel": subpixel,
        "refine": refine,
        "wls_lambda": wls_lambda,
        "wls_alpha": wls_alpha,
        "wls_epsilon": wls_epsilon,
        "seed": seed,
        "single_direction": single_direction,
        "reconstruction": "resampling" if resample else None,
        "independent_levels": independent_levels,
        "weight_map": weight_map,
        "initialization": start,
        "fill_unreliable": fill,
    }
    masks = {"mask_a": mask_a, "mask_b": mask_b, "keep": keep}
    # A batch puts something else here, which takes what it is to do later.
    carry_out = context.obj or _transfer_files
    with logged(log, log_level):
        return carry_out(
            (a, b_primes, {name: path for name, path in masks.items() if path is not None}),
            _folder(a, b_primes) if out is None else out,
            _parameters(preset, category, weight, options, settings or ()),
            (viz, report, _command(context)),
            model=model,
            device=device,
            quiet=quiet,
            json=json,
        )


app.command("batch")(batch)
app.command("video")(video)
app.command("serve")(serve)


@app.command()
def doctor(
    device: Annotated[
        Literal["auto", "cuda", "cpu"], typer.Option(help="Where it is to compute.")
    ] = "auto",
    model: Annotated[
        Path | None, typer.Option(metavar="PATH", help="ONNX weights.  [the bundled ones]")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
):
    """Check this machine: what is installed, what loads, and how long a transfer will take.

    Exits with 2 where something is broken, and says what to do.
    """
    from analogy.doctor import examine, is_healthy

    findings = examine(device, model)
    if json:
        from analogy.system.outputs import json_text

        record = {"healthy": is_healthy(findings), "findings": list(map(vars, findings))}
        print(json_text(record))
    else:
        _print_findings(findings)
    if not is_healthy(findings):
        raise typer.Exit(EXIT_ERROR)


def _print_findings(findings):
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    colours = {"ok": "green", "note": "yellow", "broken": "bold red"}
    table = Table("check", "", "found", box=None, pad_edge=False)
    for finding in findings:
        found = Text(finding.found)
        if finding.remedy:
            found.append(f"\n{finding.remedy}", style=colours[finding.status])
        table.add_row(finding.check, Text(finding.status, style=colours[finding.status]), found)
    Console().print(table)


@model_app.command("info")
def model_info(
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="ONNX weights.  [the bundled ones]")
    ] = None,
):
    """Show what a weights file is, whence it came, and its licence."""
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


def _parameters(preset, category, weight, options, settings):
    from analogy.checked_fields import fields_of_texts
    from analogy.parameters import CATEGORIES, Parameters, adjusted_preset

    if category is not None and weight is not None:
        raise typer.BadParameter("--category and --weight both set the blend weights; give one.")
    given = {name: value for name, value in options.items() if value is not None}
    of_category = CATEGORIES[category] if category is not None else {}
    parameters = adjusted_preset(preset, weight, **of_category | given)
    return replace(parameters, **fields_of_texts(Parameters, settings))


def _command(context):
    """The shell's words for the command that `context` is of, defaults left out."""
    words = [context.command_path]
    for parameter in context.command.params:
        value = context.params.get(parameter.name)
        if parameter.param_type_name == "argument":
            # A list or, of older releases of typer, a tuple.
            paths = value if isinstance(value, list | tuple) else [value]
            words += [shlex.quote(str(path)) for path in paths]
        elif value is True:
            words.append(parameter.opts[0])
        elif value is False:
            words += parameter.secondary_opts[:1]
        elif isinstance(value, list | tuple):
            words += [f"{parameter.opts[0]} {shlex.quote(text)}" for text in value]
        elif value not in (None, parameter.default):
            words += [parameter.opts[0], shlex.quote(str(value))]
    return " ".join(words)


def _folder(a, b_primes):
    first, *others = b_primes
    name = folder_name(a.stem, first.stem)
    return Path("out", name + (f"_and_{len(others)}" if others else ""))


def _transfer_files(inputs, folder, parameters, extras, *, model, device, quiet, json):
    from analogy.run_files import Extras, Inputs, transfer_files
    from analogy.system.outputs import json_text

    started = time.perf_counter()
    with _progress_bar(quiet) as progress:
        record, outputs = transfer_files(
            Inputs(*inputs),
            folder,
            parameters,
            Extras(*extras),
            model=model,
            device=device,
            progress=progress,
        )
    if json:
        # Escaped: a file's name may hold bytes that standard output has no letters for.
        print(json_text(record | {"outputs": outputs}))
    elif not quiet:
        _print_summary(record, time.perf_counter() - started, folder)


@contextlib.contextmanager
def _progress_bar(quiet):
    """Yield what `transfer` calls with (fraction done, text); None where nobody would see it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("starting", total=1.0)
        yield lambda fraction, text: bars.update(bar, completed=fraction, description=text)


def _print_summary(record, seconds, folder):
    providers = ", ".join(record["providers"])
    print(f"device:  {record['device']} (network on {providers})")
    print(f"weights: {record['model']['name']} ({record['model']['path']})")
    print(f"took:    {seconds:.1f} s")
    print(f"results: {folder}")


def _print_table(record):
    width = max(len(str(name)) for name in record) + 2
    for name, value in record.items():
        print(f"{name + ':':{width}}{value}")
