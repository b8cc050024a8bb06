"""Options read from a command line, from a row of a table or from a form: requests come of them.

A command takes a data class of options as one argument, see :func:`with_options`.
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache, wraps
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer

from analogy.options import A, BPrimes, DeviceOptions, GuideOptions, MethodOptions, ResultOptions
from analogy.request import Extras, Inputs, Request
from analogy.system.result_names import folder_name

#: Click's error for a bad value, wherever this version of typer keeps its Click.
UsageError: Any = typer.BadParameter.__base__


def make_request(
    context: typer.Context,
    a: Path,
    b_primes: list[Path],
    method: MethodOptions,
    guides: GuideOptions,
    results: ResultOptions,
    where: DeviceOptions,
) -> Request:
    """What a command line asks for."""
    return Request(
        Inputs(a, b_primes, guides.files()),
        _default_folder(a, b_primes) if results.out is None else results.out,
        method.parameters(),
        Extras(results.viz, results.report, _words_of(context), results.preview),
        where.model,
        where.device,
    )


def _default_folder(a, b_primes):
    first, *others = b_primes
    name = folder_name(a.stem, first.stem)
    return Path("out", name + (f"_and_{len(others)}" if others else ""))


def _words_of(context):
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


def with_options(command: Callable) -> Callable:
    """Let Typer see the fields of the data classes of options that a command takes.

    Parameters
    ----------
    command : callable
        Some of its arguments are annotated with data classes, whose fields are options.

    Returns
    -------
    callable
        Takes those fields instead, by keyword, and hands on data classes made of them.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    shown: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        shown += (
            _fields_of(groups[name])
            if name in groups
            else [parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)]
        )

    @wraps(command)
    def expanded(**values):
        for name, kind in groups.items():
            own = {field.name: values.pop(field.name) for field in fields(kind)}
            values[name] = kind(**own)
        return command(**values)

    expanded.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    expanded.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    return expanded


@cache
def _fields_of(kind):
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in fields(kind)
    ]


def read_request(a: str, b_prime: str, texts: Mapping[str, Any]) -> Request:
    """Read a request from texts, as a row of a table or a form has them.

    Parameters
    ----------
    a, b_prime : str
        Paths of the images.
    texts : mapping, str -> str
        Values of options, by the names of :func:`option_names`.

    Returns
    -------
    Request

    Raises
    ------
    UsageError
        If a value is none of its option's, which its ``param`` then is, or if options do not go
        together.
    """
    command = _request_command()
    context = command.make_context("analogy run", ["--", a, b_prime], default_map=dict(texts))
    with context:
        return command.invoke(context)


@cache
def option_names() -> dict[str, str]:
    """Names of a request's options as they are spelled, without dashes, and as they are known."""
    return {
        spelling.lstrip("-").replace("-", "_"): parameter.name
        for parameter in _request_command().params
        if parameter.param_type_name == "option"
        for spelling in parameter.opts
    }


@cache
def path_options() -> frozenset[str]:
    """Names of the options that take a path."""
    kinds = GuideOptions, ResultOptions, DeviceOptions
    hints = {name: hint for kind in kinds for name, hint in get_type_hints(kind).items()}
    return frozenset(name for name, hint in hints.items() if Path in get_args(hint))


@cache
def _request_command():
    """What reads a request, as Click has it, which takes time to make."""
    reader = typer.Typer(add_completion=False)
    reader.command()(with_options(_request))
    return typer.main.get_command(reader)


def _request(
    context: typer.Context,
    a: A,
    b_primes: BPrimes,
    method: MethodOptions,
    guides: GuideOptions,
    results: ResultOptions,
    where: DeviceOptions,
):
    return make_request(context, a, b_primes, method, guides, results, where)
