"""The command line: options in, one call, files out; no mathematics.

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from analogy.errors import AnalogyError
from analogy.evaluation.commands import eval_app
from analogy.logs import logged

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130

# Click's UsageError, wherever this version of typer keeps its Click.
_UsageError = typer.BadParameter.__base__

app = typer.Typer(
    name="analogy",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
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
    except AnalogyError as error:
        return _fail(error)
    except _UsageError as error:
        return _fail(error.format_message())
    except MemoryError:
        return _fail("memory ran out; try a smaller --ratio")
    except OSError as error:
        return _fail(f"{error.filename or 'the system'}: {error.strerror or error}")
    if code == EXIT_INTERRUPTED:
        print("interrupted; nothing was written", file=sys.stderr)
    return code if isinstance(code, int) else 0


def _fail(message):
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr)
    return EXIT_ERROR


@app.callback()
def _analogy():
    """Deep Image Analogy: give each of two images the look of the other."""


def _ratio(text: str):
    if text == "auto":
        return text
    try:
        ratio = float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a number nor 'auto'.") from None
    if not 0 < ratio <= 1:
        raise typer.BadParameter(f"{ratio:g} is not in the range 0<x<=1.")
    return ratio


def _check_positive(value: float | None):
    if value is not None and not 0 < value < float("inf"):
        raise typer.BadParameter(f"{value:g} is not in the range x>0.")
    return value


@app.command()
def run(
    context: typer.Context,
    a: Annotated[Path, typer.Argument(metavar="A", help="Image that gives the structure.")],
    b_prime: Annotated[Path, typer.Argument(metavar="B", help="Image that gives the look.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the results.  [out/<A>__<B>]")
    ] = None,
    preset: Annotated[
        Literal[
            "default",
            "paper",
            "authors",
            "flow",
            "photo2style",
            "style2style",
            "style2photo",
            "photo2photo",
        ],
        typer.Option(
            help="Parameters to start from: ours, the paper's, its authors' program's, ours for "
            "two photographs of one scene, or what the authors advise for an application."
        ),
    ] = "default",
    category: Annotated[
        Literal["I", "II", "III"] | None,
        typer.Option(
            help="Blend weights for the same scene with slight motion (I), the same scene in "
            "other light (II) or another one (III; the default's)."
        ),
    ] = None,
    weight: Annotated[
        Literal["1", "2", "3", "auto"] | None,
        typer.Option(help="How much of A's structure is kept, 3 the most; auto: by the images."),
    ] = None,
    alpha_offset: Annotated[
        float | None, typer.Option(min=-1, max=1, help="Added to the blend weight of every level.")
    ] = None,
    ratio: Annotated[
        Any,
        typer.Option(
            parser=_ratio,
            metavar="R|auto",
            help="Match at this scale, in (0, 1]; results keep their size. auto: 0.5 where a face "
            "is found that fills 8 % of either image or more, 1 otherwise.",
        ),
    ] = None,
    max_side: Annotated[
        int | None, typer.Option(min=32, help="Match at no more than this many pixels a side.")
    ] = None,
    deconv_depth: Annotated[
        int | None, typer.Option(min=1, max=2, help="Levels that one deconvolution spans.")
    ] = None,
    coarse_matching: Annotated[
        Literal["hough", "patchmatch"] | None,
        typer.Option(help="Match levels 5 and 4 by votes, or search them as the paper does."),
    ] = None,
    finest_level: Annotated[
        int | None, typer.Option(min=1, max=5, help="Match down to this level; coarser is faster.")
    ] = None,
    colour_weight: Annotated[
        float | None, typer.Option(min=0, help="Match colours, too: for pictures of one scene.")
    ] = None,
    smoothing: Annotated[
        int | None, typer.Option(min=0, help="Smooth the matches of pictures of one scene.")
    ] = None,
    subpixel: Annotated[
        int | None, typer.Option(min=0, help="Refine such matches by so many iterations.")
    ] = None,
    refine: Annotated[
        bool | None,
        typer.Option("--refine/--no-refine", help="Also give colours alone, detail kept (eq. 7)."),
    ] = None,
    wls_lambda: Annotated[
        float | None,
        typer.Option(callback=_check_positive, help="How much the refinement smooths.  [0.8]"),
    ] = None,
    wls_alpha: Annotated[
        float | None,
        typer.Option(callback=_check_positive, help="How much it minds edges.  [1]"),
    ] = None,
    wls_epsilon: Annotated[
        float | None,
        typer.Option(callback=_check_positive, help="Least difference that it minds.  [0.0001]"),
    ] = None,
    device: Annotated[
        Literal["auto", "cuda", "cpu"], typer.Option(help="Where to compute.")
    ] = "auto",
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="Of the random search.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="PATH", help="ONNX weights.  [the bundled ones]")
    ] = None,
    viz: Annotated[
        bool, typer.Option("--viz", help="Write pictures of every level into DIR/viz too.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Write report.html too, to look through the run.")
    ] = False,
    mask_a: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Labels of A: colours, black is free.")
    ] = None,
    mask_b: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Labels of B; like is matched with like.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What of A, not black, stays as it is.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON, and nothing else.")
    ] = False,
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Append what happens, by stage, to a file.")
    ] = None,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option(help="What --log takes down.")
    ] = "info",
    single_direction: Annotated[
        bool | None, typer.Option("--single-direction", help="Ablation: search by A alone (eq. 3).")
    ] = None,
    resample: Annotated[
        bool | None, typer.Option("--resample", help="Ablation: resample, do not deconvolve.")
    ] = None,
    independent_levels: Annotated[
        bool | None, typer.Option("--independent-levels", help="Ablation: match levels apart.")
    ] = None,
    weight_map: Annotated[
        Literal["sigmoid", "hard"] | None, typer.Option(help="Form of the weight map (eq. 6).")
    ] = None,
    start: Annotated[
        Literal["random", "identity"] | None, typer.Option(help="First nearest-neighbour field.")
    ] = None,
    fill: Annotated[
        bool | None, typer.Option("--fill", help="Replace matches that do not lead back.")
    ] = None,
):
    """Transfer looks between two images.

    Writes a_prime.png (A with the look of B), b.png (B with the look of A), flow_ab.npy,
    flow_ba.npy (float32, dx dy in pixels of the other image), confidence_a.png, confidence_b.png
    (white where a match leads back), report.json and, with --refine, a_prime_refined.png and
    b_refined.png.
    """
    options = {
        "alpha_offset": alpha_offset,
        "ratio": ratio,
        "max_side": max_side,
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
    folder = Path("out", f"{a.stem}__{b_prime.stem}") if out is None else out
    with logged(log, log_level):
        _transfer_files(
            a,
            b_prime,
            folder,
            _parameters(preset, category, weight, options),
            model,
            device,
            quiet,
            viz=viz,
            report=report,
            command=_command(context),
            mask_files={"mask_a": mask_a, "mask_b": mask_b, "keep": keep},
            json=json,
        )


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
        from analogy.outputs import json_text

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


def _parameters(preset, category, weight, options):
    from analogy.parameters import BLEND_WEIGHTS, CATEGORIES, PRESETS

    if category is not None and weight is not None:
        raise typer.BadParameter("--category and --weight both set the blend weights; give one.")
    given = {name: value for name, value in options.items() if value is not None}
    if category is not None:
        given = CATEGORIES[category] | given
    if weight == "auto":
        given["choose_alphas"] = True
    elif weight is not None:
        given["alphas"] = BLEND_WEIGHTS[int(weight)]
    return dataclasses.replace(PRESETS[preset], **given)


def _command(context):
    """The shell's words for the command that `context` is of, defaults left out."""
    words = [context.command_path]
    for parameter in context.command.params:
        value = context.params.get(parameter.name)
        if parameter.param_type_name == "argument":
            words.append(shlex.quote(str(value)))
        elif value is True:
            words.append(parameter.opts[0])
        elif value not in (None, parameter.default):
            words += [parameter.opts[0], shlex.quote(str(value))]
    return " ".join(words)


def _transfer_files(
    path_a,
    path_b_prime,
    folder,
    parameters,
    model,
    device,
    quiet,
    *,
    viz,
    report,
    command,
    mask_files,
    json,
):
    from analogy.images import matching_shape, read_image
    from analogy.outputs import (
        json_text,
        make_folder,
        staged,
        write_array,
        write_image,
        write_json,
    )

    a, b_prime = read_image(path_a), read_image(path_b_prime)
    # A ratio to be chosen is chosen so that it is none too small.
    scale = 1.0 if parameters.ratio == "auto" else parameters.ratio, parameters.max_side
    for path, image in ((path_a, a), (path_b_prime, b_prime)):
        matching_shape(image.shape[:2], *scale, str(path))
    mask_files = {name: path for name, path in mask_files.items() if path is not None}
    masks = _read_masks(a, b_prime, **mask_files) if mask_files else None
    started = time.perf_counter()
    with staged(folder) as staging:
        # Numba takes a second to import; bad input has been answered by now.
        from analogy import transfer

        trace = _level_trace() if viz or report else None
        with _progress_bar(quiet) as progress:
            result = transfer(
                a,
                b_prime,
                parameters,
                model=model,
                device=device,
                progress=progress,
                on_level=trace,
                masks=masks,
            )
        # Removed while it computed? Then made anew: the work need not be lost.
        make_folder(staging)
        write_image(staging / "a_prime.png", result.a_prime)
        write_image(staging / "b.png", result.b)
        if result.a_prime_refined is not None:
            write_image(staging / "a_prime_refined.png", result.a_prime_refined)
            write_image(staging / "b_refined.png", result.b_refined)
        write_array(staging / "flow_ab.npy", result.flow_ab)
        write_array(staging / "flow_ba.npy", result.flow_ba)
        write_image(staging / "confidence_a.png", result.confidence_a)
        write_image(staging / "confidence_b.png", result.confidence_b)
        inputs = {"a": path_a, "b_prime": path_b_prime} | mask_files
        record = {"inputs": inputs, "command": command} | result.record
        write_json(staging / "report.json", record)
        if trace:
            _show(staging, a, b_prime, result, trace, parameters, record, viz=viz, report=report)
        outputs = sorted(path.relative_to(staging) for path in staging.iterdir())
        outputs = [folder / path for path in outputs if not path.name.startswith(".")]
    if json:
        # Escaped: a file's name may hold bytes that standard output has no letters for.
        print(json_text(record | {"outputs": {path.name: path for path in outputs}}))
    elif not quiet:
        _print_summary(result.record, time.perf_counter() - started, folder)


def _read_masks(a, b_prime, mask_a=None, mask_b=None, keep=None):
    from analogy.images import read_mask
    from analogy.masks import Masks, check_masks

    paths = mask_a, mask_b, keep
    files = [None if path is None else read_mask(path) for path in paths]
    masks = Masks(*files, names=tuple(map(str, paths)))
    check_masks(masks, a.shape[:2], b_prime.shape[:2])
    return masks


def _level_trace():
    # Matplotlib takes half a second to import.
    from analogy.visualization.levels import LevelTrace

    return LevelTrace()


def _show(staging, a, b_prime, result, trace, parameters, record, *, viz, report):
    from analogy.report.page import write_report
    from analogy.visualization.files import write_visualization
    from analogy.visualization.levels import picture_levels

    pictures = picture_levels(trace, a, b_prime, parameters.vote_side)
    if viz:
        write_visualization(staging / "viz", a, b_prime, result, pictures)
    if report:
        write_report(staging / "report.html", a, b_prime, result, pictures, record)


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
