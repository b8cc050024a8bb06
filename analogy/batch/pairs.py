"""A table of pairs, each row checked as ``run`` checks its command line."""

from __future__ import annotations

import csv
from functools import cache, partial
from pathlib import Path
from typing import get_args, get_type_hints

import typer

from analogy.batch.jobs import Job
from analogy.errors import AnalogyError, brief
from analogy.run_files import Extras, Inputs

# Options of `run` that a batch has once, or not at all.
_OF_THE_BATCH = {"out", "quiet", "json", "log", "log_level"}

# What lies beside the pairs' folders.
_TAKEN = {"summary.json"}

# What Click raises for a bad value, wherever this version of typer keeps its Click.
_UsageError = typer.BadParameter.__base__


def read_jobs(path, out):
    """Read a table of pairs.

    Parameters
    ----------
    path : path-like
        CSV in UTF-8 with the columns ``a`` and ``b``, and optionally ``name``, of the folder for
        the results, and any option of ``run``. Files are named relative to the table's folder; an
        empty cell is an option that is not given.
    out : path-like
        Holds a folder for each pair.

    Returns
    -------
    list of Job

    Raises
    ------
    AnalogyError
        If the table cannot be read, or a pair could not be run as the row says; the message names
        the line and the column.
    """
    path = Path(path)
    run = _Run(path.absolute().parent, Path(out).absolute())
    rows = _rows(path)
    line, header = next(rows, (1, []))
    names = _names(header, run, f"{path}: line {line}")
    jobs, lines = [], {}
    for line, cells in rows:
        place = f"{path}: line {line}"
        job = _job(_given(names, cells, place), run, place)
        # Some file systems hold Castle and castle for one.
        first = lines.setdefault(job.name.casefold(), line)
        if first != line:
            raise AnalogyError(
                f"{place}, column name: {job.name!r} is the folder of line {first}, too; "
                "give each pair a name of its own"
            )
        jobs.append(job)
    if not jobs:
        raise AnalogyError(f"{path}: holds no pairs; give the columns a and b, and a row for each")
    return jobs


class _Run:
    """The command ``run``, which checks what a row asks of it and hands it over undone.

    Parameters
    ----------
    folder : pathlib.Path
        That files are named relative to.
    out : pathlib.Path
        Holds the pairs' folders.
    """

    def __init__(self, folder, out):
        self._folder, self._out = folder, out
        self._command, self._paths = _command_and_paths()
        self.columns = {
            option.lstrip("-").replace("-", "_"): parameter.name
            for parameter in self._command.params
            if parameter.param_type_name == "option" and parameter.name not in _OF_THE_BATCH
            for option in parameter.opts
        }

    def job(self, a, b, name, options):
        """Job of the options of a row, texts by name; Click's errors are let through."""
        values = {option: self._value(option, text) for option, text in options.items()}
        if name:
            values["out"] = str(self._out / name)
        context = self._command.make_context(
            "analogy run",
            ["--", str(self._folder / a), str(self._folder / b)],
            default_map=values,
            obj=partial(_take, out=self._out),
        )
        with context:
            return self._command.invoke(context)

    def _value(self, option, text):
        if option == "settings":
            return text.split()
        return str(self._folder / text) if option in self._paths else text


@cache
def _command_and_paths():
    """``run`` as Click has it, which takes time to make, and which of its parameters are paths."""
    # The command line has this package's command, so that neither can import the other first.
    from analogy.command_line import app, run

    hints = get_type_hints(run)
    paths = {name for name, hint in hints.items() if Path in (hint, *get_args(hint))}
    return typer.main.get_command(app).commands["run"], paths


def _take(inputs, folder, parameters, extras, *, out, model, device, **_):
    """In place of what ``run`` does: what it would have been done with."""
    name = folder.name
    return Job(
        name, out / name, Inputs(*inputs), parameters, Extras(*extras), model=model, device=device
    )


def _rows(path):
    """Lines at which rows begin and their cells, blanks about them removed; empty rows left out."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader, line = csv.reader(stream, strict=True), 1
            for cells in reader:
                cells = [cell.strip() for cell in cells]
                if any(cells):
                    yield line, cells
                line = reader.line_num + 1
    except OSError as error:
        raise AnalogyError(f"{path}: {error.strerror or error}; name a CSV file") from error
    except UnicodeDecodeError as error:
        raise AnalogyError(f"{path}: no text in UTF-8; save it as CSV in UTF-8") from error
    except csv.Error as error:
        raise AnalogyError(f"{path}: line {line}: no CSV ({brief(error)})") from error


def _names(header, run, place):
    """Names of the columns as `run` has them, each with how the table writes it."""
    names = []
    for index, column in enumerate(header):
        if not column:
            raise AnalogyError(f"{place}, column {index + 1}: has no name")
        known = column.replace("-", "_")
        name = known if known in ("a", "b", "name") else run.columns.get(known)
        if name is None:
            raise AnalogyError(
                f"{place}, column {_shown(column)}: unknown; commas part the columns a, b, name "
                "and long options of `run` without their dashes"
            )
        if name in names:
            raise AnalogyError(f"{place}, column {_shown(column)}: is there twice")
        names.append(name)
    for name in ("a", "b"):
        if name not in names:
            raise AnalogyError(f"{place}: has no column {name}")
    return dict(zip(names, header, strict=True))


def _given(names, cells, place):
    """What is not empty of a row: (column as the table writes it, text) by name."""
    if len(cells) > len(names):
        raise AnalogyError(
            f"{place}: has {len(cells)} cells for {len(names)} columns; "
            "put what holds a comma between quotes"
        )
    given = {}
    for (name, column), cell in zip(names.items(), cells, strict=False):
        if "\0" in cell:
            raise AnalogyError(f"{place}, column {column}: holds a character of code 0")
        if cell:
            given[name] = column, cell
    return given


def _job(given, run, place):
    for name in ("a", "b"):
        if name not in given:
            raise AnalogyError(f"{place}, column {name}: is empty; name an image")
    texts = {name: text for name, (_, text) in given.items()}
    a, b, folder = texts.pop("a"), texts.pop("b"), texts.pop("name", None)
    if folder is not None:
        _check_name(folder, place)
    try:
        job = run.job(a, b, folder, texts)
    except _UsageError as error:
        raise AnalogyError(f"{place}{_column(error, given)}: {brief(error.message)}") from error
    if folder is None:
        _check_name(job.name, place)
    return job


def _column(error, given):
    """Where in its row a value is that is refused, unless it is so together with others."""
    name = getattr(getattr(error, "param", None), "name", None)
    return f", column {given[name][0]}" if name in given else ""


def _check_name(name, place):
    is_plain = name.isprintable() and not set(name) & set('/\\:*?"<>|')
    if not is_plain or name.startswith(".") or name.casefold() in _TAKEN:
        raise AnalogyError(f"{place}, column name: {_shown(name)} cannot be a folder's name here")


def _shown(text):
    return repr(brief(text, 40))
