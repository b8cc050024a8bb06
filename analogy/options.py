"""The options of everything that transfers, each declared once.

Commands, tables and the page's form read them by :mod:`analogy.option_reading`. What a value may be
is told by the fields of :class:`analogy.Parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from analogy.checked_fields import FieldError, check_field, fields_of_texts
from analogy.parameters import CATEGORIES, LEVELS, PRESETS, Parameters, adjusted_preset

# Panels of the help.
_RESULTS, _METHOD, _INPUT = "Results", "Method", "Input"

PresetName: Any = str if TYPE_CHECKING else Literal[tuple(PRESETS)]
DeviceName = Literal["auto", "cuda", "cpu"]

Model = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Use these weights, an ONNX file.  [default: those bundled]",
        rich_help_panel=_INPUT,
    ),
]
PointsFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Draw the matching to points of a CSV file: ax, ay, bx, by in pixels.",
        rich_help_panel=_INPUT,
    ),
]
Device = Annotated[
    DeviceName,
    typer.Option(
        help="Compute on this device; auto takes a GPU where there is one.",
        rich_help_panel=_METHOD,
    ),
]


@dataclass(frozen=True)
class OnPage:
    """An option that the page offers, in the page's words.

    Attributes
    ----------
    label, note : str
        What it is called, and what is said of it.
    choices : dict, str -> str, optional
        What the page calls each value, where there are few.
    """

    label: str
    note: str
    choices: Mapping[str, str] | None = None


def check_share(value: float | None) -> float | None:
    """Let through a share of something, above 0 and at most 1, or that none was given."""
    if value is not None and not 0 < value <= 1:
        raise typer.BadParameter(f"{value:g} is not in the range 0<x<=1.")
    return value


def _option(name, help, *flags, panel=_METHOD, for_all_levels=False, **settings):
    """An option that sets a field of the parameters, which says what values are good."""

    def check(value: Any) -> Any:
        if value is not None:
            try:
                check_field(Parameters, name, (value,) * len(LEVELS) if for_all_levels else value)
            except FieldError as error:
                raise typer.BadParameter(error.reason) from error
        return value

    return typer.Option(*flags, help=help, callback=check, rich_help_panel=panel, **settings)


def _expert(name, help, *flags, **settings):
    """An option that few need, which the help leaves out: ``--set`` sets the same field."""
    return _option(name, help, *flags, hidden=True, **settings)


@dataclass(frozen=True, kw_only=True)
class MethodOptions:
    """How images are transferred; what is not given is as the preset has it.

    Attributes of the name of a field of `Parameters` set that field.
    """

    preset: Annotated[
        PresetName,
        typer.Option(
            help="Start from these parameters: ours, those of the paper or of its authors' "
            "program, ours for correspondences or for two photographs of one scene, or ours for an "
            "application of the paper's.",
            rich_help_panel=_METHOD,
        ),
    ] = "default"
    weight: Annotated[
        Literal["1", "2", "3", "auto"] | None,
        typer.Option(
            help="Keep this much of each image's own structure, 3 the most; auto chooses by the "
            "images.  [default: the preset's; 2]",
            rich_help_panel=_METHOD,
        ),
        OnPage(
            "Own structure kept",
            "How much each image keeps of its own structure.",
            {"1": "1: the least", "2": "2", "3": "3: the most", "auto": "by the images"},
        ),
    ] = None
    category: Annotated[
        Literal["I", "II", "III"] | None,
        typer.Option(
            help="Take the paper's blend weights for one scene with slight motion (I), for one "
            "scene in other light (II) or for two scenes (III).  [default: III]",
            rich_help_panel=_METHOD,
        ),
    ] = None
    ratio: Annotated[
        float | None,
        _option(
            "ratio",
            "Match up to this scale, in (0, 1]; results keep their size.  [default: 1]",
            metavar="R",
        ),
        OnPage(
            "Scale",
            "Up to which the images are matched, 1 at most; 0.5 is faster. Results keep their "
            "size.",
        ),
    ] = None
    max_side: Annotated[
        int | None,
        _option(
            "max_side",
            "Match at no more than this many pixels a side.  [default: 700]",
        ),
        OnPage(
            "Longest side",
            "In pixels, at which the images are matched. Half of it takes a quarter of the time.",
        ),
    ] = None
    first_scale: Annotated[
        int | None,
        _option(
            "first_scale",
            "Match at so many pixels a side first, and lead larger sizes by that; a number as "
            "large as the images gives one size.  [default: the preset's; 192]",
            min=32,
        ),
    ] = None
    evenness: Annotated[
        float | None,
        _option(
            "evenness",
            "Charge patches so much for how often they are fetched, so that all of B is used.  "
            "[default: the preset's]",
            for_all_levels=True,
        ),
    ] = None
    pose: Annotated[
        str | None,
        _option(
            "pose",
            "Match copies of B that are mirrored, turned or scaled: none of them, those that suit "
            "A clearly better than B as it is (auto), or the best (all).  [default: the preset's; "
            "auto]",
            metavar="[none|auto|all]",
        ),
        OnPage(
            "Other poses",
            "Whether the style picture may be mirrored, turned and scaled.",
            {"none": "no", "auto": "where that is clearly better", "all": "the best"},
        ),
    ] = None
    upright_strokes: Annotated[
        bool | None,
        _option(
            "upright_strokes",
            "Fetch pixels from B as it is where a copy of it is matched: strokes do not turn with "
            "the things.",
            "--upright-strokes",
        ),
    ] = None
    refine: Annotated[
        bool | None,
        _option(
            "refine",
            "Also write the new colours with each photograph's own detail (eq. 7).  [default: the "
            "preset's; no]",
            "--refine/--no-refine",
            panel=_RESULTS,
        ),
    ] = None
    background: Annotated[
        str | None,
        _option(
            "background",
            "Lay what is transparent over this colour, as white.  [default: none; A' is "
            "transparent where A is]",
            metavar="COLOUR",
            panel=_INPUT,
        ),
    ] = None
    seed: Annotated[
        int | None,
        _option("seed", "Draw the random search's candidates by this seed.  [default: 0]"),
        OnPage("Seed", "Of the random search; the same one gives the same result."),
    ] = None
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Set a field of analogy.Parameters, such as patch_sides=(3,3,3,5,3); repeat it "
            "for more fields.",
            rich_help_panel=_METHOD,
        ),
    ] = None
    alpha_offset: Annotated[
        float | None, _expert("alpha_offset", "Add this to the blend weight of every level.")
    ] = None
    deconv_depth: Annotated[
        int | None, _expert("deconv_depth", "Let one deconvolution span so many levels.")
    ] = None
    coarse_matching: Annotated[
        str | None,
        _expert("coarse_matching", "Match levels 5 and 4 by votes, or search them as the paper."),
    ] = None
    finest_level: Annotated[
        int | None, _expert("finest_level", "Match down to this level; coarser is faster.")
    ] = None
    colour_weight: Annotated[
        float | None, _expert("colour_weight", "Match colours, too: for pictures of one scene.")
    ] = None
    smoothing: Annotated[
        int | None, _expert("smoothing", "Smooth the matches of pictures of one scene.")
    ] = None
    subpixel: Annotated[
        int | None, _expert("subpixel", "Refine such matches by so many iterations.")
    ] = None
    wls_lambda: Annotated[
        float | None, _expert("wls_lambda", "Smooth so much in the refinement.  [default: 0.8]")
    ] = None
    wls_alpha: Annotated[
        float | None, _expert("wls_alpha", "Let the refinement mind edges so much.  [default: 1]")
    ] = None
    wls_epsilon: Annotated[
        float | None,
        _expert("wls_epsilon", "Let it mind no smaller differences than this.  [default: 0.0001]"),
    ] = None
    single_direction: Annotated[
        bool | None,
        _expert("single_direction", "Ablation: search by A alone (eq. 3).", "--single-direction"),
    ] = None
    resample: Annotated[
        bool | None,
        typer.Option("--resample", hidden=True, help="Ablation: resample, do not deconvolve."),
    ] = None
    independent_levels: Annotated[
        bool | None,
        _expert("independent_levels", "Ablation: match levels apart.", "--independent-levels"),
    ] = None
    weight_map: Annotated[
        str | None, _expert("weight_map", "Give the weight map this form (eq. 6).")
    ] = None
    initialization: Annotated[
        str | None, _expert("initialization", "Start from these matches.", "--start")
    ] = None
    fill_unreliable: Annotated[
        bool | None, _expert("fill_unreliable", "Replace matches that do not lead back.", "--fill")
    ] = None

    def parameters(self) -> Parameters:
        """What the options ask for.

        Raises
        ------
        UsageError
            If options do not go together, or a setting is none.
        """
        if self.category is not None and self.weight is not None:
            raise typer.BadParameter(
                "--category and --weight both set the blend weights; give one."
            )
        known = {field.name for field in fields(Parameters)}
        given = {
            name: value for name, value in vars(self).items() if name in known and value is not None
        }
        if self.resample:
            given["reconstruction"] = "resampling"
        if self.category is not None:
            given = CATEGORIES[self.category] | given
        parameters = adjusted_preset(self.preset, self.weight, **given)
        try:
            return replace(parameters, **fields_of_texts(Parameters, self.settings or ()))
        except FieldError as error:
            raise typer.BadParameter(f"--set: {error}") from error


@dataclass(frozen=True, kw_only=True)
class DeviceOptions:
    """Where it is computed, and by which network."""

    device: Device = "auto"
    model: Model = None


@dataclass(frozen=True, kw_only=True)
class GuideOptions:
    """What a user says of parts of the images."""

    mask_a: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Read the labels of A from an image: equal colours match, black matches any.",
            rich_help_panel=_INPUT,
        ),
    ] = None
    mask_b: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read the labels of B likewise.", rich_help_panel=_INPUT),
    ] = None
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Leave of A what is not black in this image as it is.",
            rich_help_panel=_INPUT,
        ),
    ] = None

    points: PointsFile = None

    def files(self) -> dict[str, Path]:
        """Those that were given."""
        return {name: path for name, path in vars(self).items() if path is not None}


@dataclass(frozen=True, kw_only=True)
class ResultOptions:
    """What is written, and where."""

    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write the results into this folder.  [default: out/<A>__<B>]",
            rich_help_panel=_RESULTS,
        ),
    ] = None
    viz: Annotated[
        bool,
        typer.Option(
            "--viz",
            help="Write pictures of every level into DIR/viz too.",
            rich_help_panel=_RESULTS,
        ),
    ] = False
    report: Annotated[
        bool,
        typer.Option(
            "--report",
            help="Write report.html too, to look through the run.",
            rich_help_panel=_RESULTS,
        ),
    ] = False
    preview: Annotated[
        bool,
        typer.Option(
            "--preview",
            help="Write preview.png as soon as it can be told what a_prime.png will look like.",
            rich_help_panel=_RESULTS,
        ),
    ] = False


A = Annotated[Path, typer.Argument(metavar="A", help="Image that gives the structure.")]
BPrimes = Annotated[
    list[Path], typer.Argument(metavar="B", help="Image that gives the look; of several the best.")
]


@cache
def options_on_page() -> dict[str, OnPage]:
    """The options that the page offers, by name."""
    hints = get_type_hints(MethodOptions, include_extras=True)
    found = {}
    for name, hint in hints.items():
        for note in getattr(hint, "__metadata__", ()):
            if isinstance(note, OnPage):
                found[name] = note
    return found
