"""What the page's form says: texts in, a request and the command that means the same out."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from analogy.checked_fields import bounds_of
from analogy.errors import AnalogyError, brief
from analogy.option_reading import UsageError, read_request
from analogy.options import MethodOptions, OnPage, options_on_page
from analogy.parameters import APPLICATIONS, PRESETS, Parameters
from analogy.report.command import POINTS_FILE, with_points
from analogy.request import Request


def request_of(a: str, b_prime: str, folder: Path, texts: Mapping[str, str]) -> Request:
    """What a form asks for: a transfer with a report.

    Parameters
    ----------
    a, b_prime : str
        Names of the images' files.
    folder : pathlib.Path
        For the results.
    texts : mapping, str -> str
        ``preset`` and the options that the page offers; what is absent is as the preset has it.

    Returns
    -------
    Request

    Raises
    ------
    AnalogyError
        If a field cannot be understood, by the form's name for it.
    """
    preset = texts.get("preset", "default")
    if preset not in APPLICATIONS:
        raise AnalogyError(f"preset: {brief(preset, 40)!r} is not one of {', '.join(APPLICATIONS)}")
    known = {name: texts[name] for name in ("preset", *options_on_page()) if name in texts}
    try:
        request = read_request(a, b_prime, known | {"report": True})
    except UsageError as error:
        raise AnalogyError(_refusal(error, known)) from error
    return replace(request, folder=folder)


def again_with_points(request: Request, folder: Path) -> Request:
    """The same request by the points of a file that lies beside its images, results elsewhere."""
    guides = request.inputs.guides | {"points": Path(POINTS_FILE)}
    extras = replace(request.extras, command=with_points(request.extras.command))
    inputs = replace(request.inputs, guides=guides)
    return replace(request, inputs=inputs, folder=folder, extras=extras)


def _refusal(error, texts):
    name = getattr(getattr(error, "param", None), "name", None)
    shown = options_on_page().get(name or "")
    if shown is None:
        return brief(error.message)
    return f"{shown.label.lower()}: {brief(texts[name], 40)!r}; {brief(error.message, 100)}"


def in_the_forms_words(message: str) -> str:
    """A message of the package with the form's names for options of the command line."""
    labels = {f"--{name.replace('_', '-')}": on.label for name, on in options_on_page().items()}
    return re.sub("|".join(labels), lambda match: labels[match[0]].lower(), message)


def file_name(name: str | None, default: str) -> str:
    """A name of a file that a browser sent, made harmless: no folders, blanks or leading marks."""
    name = re.split(r"[/\\]", name or "")[-1]
    # A file system takes 255 bytes; a letter has up to four.
    return re.sub(r"[^\w.-]+", "_", name).lstrip("._-")[-60:].lstrip("._-") or default


@dataclass(frozen=True)
class FormField:
    """A field of the form, as the page's template writes it.

    Attributes
    ----------
    name, label, note : str
    choices : mapping, str -> str
        What the page calls each value; empty for a number.
    usual : str
        What is taken where nothing is given.
    low, high : str
        Bounds of a number, empty where there are none.
    step : "1" or "any"
    """

    name: str
    label: str
    note: str
    choices: Mapping[str, str]
    usual: str
    low: str
    high: str
    step: str


def form_fields() -> list[FormField]:
    """The fields that the page offers, in their order."""
    hints = get_type_hints(MethodOptions)
    return [_form_field(name, hints[name], shown) for name, shown in options_on_page().items()]


def _form_field(name: str, hint: Any, shown: OnPage) -> FormField:
    usual, low, high = "by application", "", ""
    if not shown.choices:
        usual = f"{getattr(PRESETS['default'], name):g}"
        low, high = map(_attribute, bounds_of(Parameters, name))
    step = "1" if int in get_args(hint) else "any"
    return FormField(name, shown.label, shown.note, shown.choices or {}, usual, low, high, step)


def _attribute(bound: float) -> str:
    return f"{bound:.12g}" if math.isfinite(bound) else ""
