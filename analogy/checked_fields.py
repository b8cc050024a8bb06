"""Data classes that check themselves: what a field may hold is told where it is declared.

A field's annotation says its kind: ``bool``, ``int``, ``float``, ``str``, ``Literal[...]``, one of
these or None, or a tuple of them. ``Annotated`` adds a :class:`Range` of numbers, that they are
:class:`Odd`, that a text is a :class:`Colour`, or the :class:`Length` of tuples.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from analogy.errors import AnalogyError, brief

_KINDS: dict[type, tuple[type, str]] = {
    bool: (bool, "True or False"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: (str, "a text"),
}


class FieldError(AnalogyError, ValueError):
    """A field holds what it may not; the message names both, and says what it may.

    Attributes
    ----------
    reason : str
        The message without the name of the field.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


@dataclass(frozen=True)
class Range:
    """Bounds of a number, which are allowed themselves unless something else is said.

    Attributes
    ----------
    low, high : float
    above_low, below_high : bool
        Whether the bound itself is not allowed.
    """

    low: float = -math.inf
    high: float = math.inf
    above_low: bool = False
    below_high: bool = False

    def __contains__(self, value: float) -> bool:
        is_high_enough = value > self.low if self.above_low else value >= self.low
        is_low_enough = value < self.high if self.below_high else value <= self.high
        return is_high_enough and is_low_enough

    def __str__(self) -> str:
        low = f"{'above' if self.above_low else 'at least'} {self.low:g}"
        high = f"{'below' if self.below_high else 'at most'} {self.high:g}"
        bounds = [(self.low, low), (self.high, high)]
        return " and ".join(text for bound, text in bounds if math.isfinite(bound))


@dataclass(frozen=True)
class Odd:
    """Odd numbers from 1 on."""

    def __contains__(self, value: int) -> bool:
        return value > 0 and value % 2 == 1

    def __str__(self) -> str:
        return "odd and at least 1"


@dataclass(frozen=True)
class Colour:
    """Colours by name, as CSS has them."""

    def __contains__(self, value: str) -> bool:
        # Few ask for one.
        from PIL import ImageColor

        try:
            ImageColor.getrgb(value)
        except ValueError:
            return False
        return True

    def __str__(self) -> str:
        return "a colour, as white or #ffffff"


@dataclass(frozen=True)
class Length:
    """Number of items of a tuple."""

    items: int


def check_fields(instance: Any) -> None:
    """Check every field of a data class, as its ``__post_init__`` should.

    Parameters
    ----------
    instance : data class

    Raises
    ------
    FieldError
        If a field holds what its annotation does not allow.
    """
    for name, hint in _hints(instance.__class__).items():
        _check(name, getattr(instance, name), hint)


def check_field(kind: type, name: str, value: Any) -> None:
    """Check what a field of a data class is to hold before one is made of it.

    Parameters
    ----------
    kind : data class
    name : str
        Name of the field.
    value : object

    Raises
    ------
    FieldError
        If the field's annotation does not allow it.
    """
    _check(name, value, _hints(kind)[name])


def bounds_of(kind: type, name: str) -> tuple[float, float]:
    """Least and largest value of a field that is a number, infinite where there is no bound.

    Parameters
    ----------
    kind : data class
    name : str
        Name of the field.
    """
    metadata = getattr(_hints(kind)[name], "__metadata__", ())
    bounds = next((one for one in metadata if isinstance(one, Range)), Range())
    return bounds.low, bounds.high


def fields_of_texts(kind: type, texts: Iterable[str]) -> dict[str, Any]:
    """Read fields of a data class from texts, as a command line takes them.

    Parameters
    ----------
    kind : data class
    texts : iterable of str
        Each as ``name=value``; the value is written as in Python, or is a word.

    Returns
    -------
    dict, str -> object
        Values by field; the data class checks them when it is made of them.

    Raises
    ------
    FieldError
        If a text has no value, or names no field.

    Examples
    --------
    >>> from analogy.parameters import Parameters
    >>> fields_of_texts(Parameters, ["vote_side=5", "weight_map=hard", "first_scale=None"])
    {'vote_side': 5, 'weight_map': 'hard', 'first_scale': None}
    """
    return dict(_field_of_text(text, _hints(kind)) for text in texts)


def _field_of_text(text, known):
    name, sign, value = text.partition("=")
    if not sign:
        raise FieldError(f"{brief(text, 60)!r} has no value; give NAME=VALUE")
    if name not in known:
        near = get_close_matches(name, known, 1)
        remedy = f"did you mean {near[0]}?" if near else f"give one of {', '.join(known)}"
        raise FieldError(f"{brief(name, 60)}: there is no such setting; {remedy}")
    try:
        return name, ast.literal_eval(value)
    # What it raises depends on how far it reads; a word is none of Python's values.
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return name, value


@cache
def _hints(kind):
    """What a class is annotated with by the names of its fields: dear to read, and it stays."""
    return get_type_hints(kind, include_extras=True)


def _check(name, value, hint, bounds=()):
    """Check a value by the innermost of its annotation, with all bounds on the way there."""
    if get_origin(hint) is Annotated:
        inner, *more = get_args(hint)
        _check(name, value, inner, [*bounds, *more])
    elif get_origin(hint) in (Union, UnionType):
        (inner,) = [one for one in get_args(hint) if one is not NoneType]
        if value is not None:
            _check(name, value, inner, bounds)
    else:
        _CHECKS.get(get_origin(hint), _check_number)(name, value, hint, bounds)


def _check_choice(name, value, hint, _):
    choices = get_args(hint)
    # True is equal to 1.
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        _refuse(name, value, f"one of {', '.join(map(str, choices))}")


def _check_tuple(name, value, hint, bounds):
    length = next((bound.items for bound in bounds if isinstance(bound, Length)), None)
    if not isinstance(value, tuple) or length not in (None, len(value)):
        _refuse(name, value, "a tuple" if length is None else f"a tuple of {length}")
    kind, _ = get_args(hint)
    for index, item in enumerate(value):
        _check(f"{name}[{index}]", item, kind)


def _check_number(name, value, kind, bounds):
    wanted, words = _KINDS[kind]
    if not isinstance(value, wanted) or (kind is not bool and isinstance(value, bool)):
        _refuse(name, value, words)
    if kind is float and not math.isfinite(value):
        _refuse(name, value, "a finite number")
    for bound in bounds:
        if value not in bound:
            _refuse(name, value, str(bound))


def _refuse(name, value, wanted):
    reason = f"is {brief(repr(value), 60)}, but has to be {wanted}"
    raise FieldError(f"{name}: {reason}", reason)


_CHECKS: dict[Any, Callable] = {Literal: _check_choice, tuple: _check_tuple}
