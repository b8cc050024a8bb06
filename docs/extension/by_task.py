"""Tables of what `analogy_kernels` has for a task, written from signatures and docstrings."""

from __future__ import annotations

import inspect
import re

from docs.extension.public_names import as_markdown, public_names

LAYER = "analogy_kernels"

# Packages and modules of a task; of two that have a name in them, the longer one counts.
_TASKS = {
    "matching": ("matching",),
    "fields": (
        "matching.consistency",
        "matching.guided",
        "matching.initialize",
        "matching.restrain",
        "matching.smooth",
        "matching.subpixel",
        "matching.upsample",
    ),
    "votes and images": ("imaging",),
    "network": ("network",),
    "solvers": ("solvers",),
    "arrays and targets": ("target", "array_views", "reduction", "solvers.vectors"),
}
TASKS = tuple(_TASKS)

_RETURNS = re.compile(r"^Returns\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", re.MULTILINE | re.DOTALL)


def task_of(name):
    """Task that a public name serves.

    Parameters
    ----------
    name : PublicName

    Raises
    ------
    ValueError
        If its module belongs to none.
    """
    home = name.home.removeprefix(f"{LAYER}.")
    of_place = {place: task for task, places in _TASKS.items() for place in places}
    places = [place for place in of_place if f"{home}.".startswith(f"{place}.")]
    if not places:
        raise ValueError(f"{name.name} is from {name.home}, which belongs to no task")
    return of_place[max(places, key=len)]


def reference(task):
    """Table of a task's public names: how each is called, and what it returns.

    Parameters
    ----------
    task : str
        One of `TASKS`.
    """
    rows = [_row(name) for name in public_names(LAYER) if task_of(name) == task]
    return "\n".join(["| | call | returns |", "|---|---|---|", *rows])


def _row(name):
    link = f"{{py:{_ROLES[name.kind]}}}`{name.name} <{LAYER}.{name.name}>`"
    if name.kind != "function":
        return f"| {link} | | {as_markdown(name.summary)} |"
    return f"| {link} | `{name.name}{signature(name.function)}` | {_returned(name.docstring)} |"


_ROLES = {"function": "func", "class": "class", "data": "data"}


def signature(function):
    """A function's signature without types, its defaults as a caller would write them."""
    parameters = [
        parameter.replace(annotation=parameter.empty, default=_Written.of(parameter.default))
        for parameter in inspect.signature(function).parameters.values()
    ]
    return str(inspect.Signature(parameters))


class _Written:
    """A default, as it is written in a call."""

    def __init__(self, text):
        self._text = text

    def __repr__(self):
        return self._text

    @classmethod
    def of(cls, default):
        if default is inspect.Parameter.empty:
            return default
        if isinstance(default, float):
            return cls(f"{default:g}")
        return cls(_names().get(id(default)) or getattr(default, "__name__", repr(default)))


def _names():
    """Names of the values that a caller imports, by where they are."""
    return {id(name.value): name.name for name in public_names(LAYER) if name.kind == "data"}


def _returned(docstring):
    """What a docstring says that a function returns, in one line."""
    found = _RETURNS.search(docstring)
    if not found:
        return "nothing; writes its results where it is told to"
    lines = [line for line in found[1].splitlines() if line and not line.startswith(" ")]
    return as_markdown("; ".join(re.sub(r"^(\w+) :", r"`\1`:", line) for line in lines))
