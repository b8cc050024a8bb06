"""What the page's form says: fields in, parameters and the command that means the same out."""

from __future__ import annotations

import re
import shlex

from analogy.errors import AnalogyError, brief
from analogy.parameters import adjusted_preset

# Presets that the page offers, with what it calls them and what it says of them.
APPLICATIONS = {
    "default": ("Balanced", "Both images keep some of their own structure."),
    "photo2style": ("Photo to style", "A photograph and a painting exchange their looks."),
    "style2style": ("Style to style", "Two paintings or drawings exchange their looks."),
    "style2photo": ("Style to photo", "A painting or drawing becomes a photograph."),
    "photo2photo": ("Photo to photo", "Two photographs exchange colours and keep their detail."),
}

WEIGHTS = {
    "1": "1: the least",
    "2": "2",
    "3": "3: the most",
    "auto": "by the images",
}

_FIELDS = ("preset", "weight", "ratio", "max_side", "seed")

# Options of the command line and what the form calls them.
_LABELS = {"--ratio": "scale", "--max-side": "longest side"}

_LARGEST_SIDE, _LARGEST_SEED = 100_000, 2**32 - 1


def parameters_of(fields):
    """Parameters that a form asks for.

    Parameters
    ----------
    fields : mapping, str -> str
        ``preset``, ``weight``, ``ratio``, ``max_side`` and ``seed``; what is absent is as the
        preset has it.

    Returns
    -------
    parameters : Parameters

    Raises
    ------
    AnalogyError
        If a field cannot be understood.
    """
    preset = _choice(fields, "preset", APPLICATIONS) or "default"
    weight = _choice(fields, "weight", WEIGHTS)
    return adjusted_preset(
        preset,
        weight,
        ratio=_ratio(fields),
        max_side=_whole_number(fields, "max_side", "longest side", 32, _LARGEST_SIDE),
        seed=_whole_number(fields, "seed", "seed", 0, _LARGEST_SEED),
    )


def command_of(a, b_prime, fields):
    """The command that does with files `a` and `b_prime` what the form asks for."""
    options = [(f"--{name.replace('_', '-')}", fields[name]) for name in _FIELDS if name in fields]
    return shlex.join(["analogy", "run", a, b_prime, *sum(options, ()), "--report"])


def in_the_forms_words(message):
    """A message of the package with the form's names for options of the command line."""
    return re.sub("|".join(_LABELS), lambda match: _LABELS[match[0]], message)


def file_name(name, default):
    """A name of a file that a browser sent, made harmless: no folders, blanks or leading marks."""
    name = re.split(r"[/\\]", name or "")[-1]
    # A file system takes 255 bytes; a letter has up to four.
    return re.sub(r"[^\w.-]+", "_", name).lstrip("._-")[-60:].lstrip("._-") or default


def _choice(fields, name, choices):
    value = fields.get(name)
    if value is not None and value not in choices:
        raise AnalogyError(f"{name}: {brief(value, 40)!r} is not one of {', '.join(choices)}")
    return value


def _ratio(fields):
    text = fields.get("ratio")
    if text is None:
        return None
    try:
        ratio = float(text)
    except ValueError:
        ratio = 0.0
    if not 0 < ratio <= 1:
        raise AnalogyError(f"scale: {brief(text, 40)!r}; give a number above 0, up to 1")
    return ratio


def _whole_number(fields, name, label, least, most):
    text = fields.get(name)
    if text is None:
        return None
    # Short ones only: Python takes long over thousands of digits.
    number = int(text) if re.fullmatch("[0-9]{1,12}", text) else -1
    if not least <= number <= most:
        raise AnalogyError(
            f"{label}: {brief(text, 40)!r}; give a whole number from {least} to {most}"
        )
    return number
