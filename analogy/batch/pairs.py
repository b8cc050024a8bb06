"""A table or a folder of pairs, each checked as ``run`` checks its command line."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path

from analogy.errors import AnalogyError, brief
from analogy.option_reading import UsageError, option_names, path_options, read_request
from analogy.request import Request
from analogy.system.result_names import FORBIDDEN, folder_name

# What lies beside the pairs' folders.
_TAKEN = {"summary.json"}

# What parts the cells of a table, as spreadsheets of different countries save them.
_SEPARATORS = ",;\t"


def read_jobs(path, out, look=None):
    """Read pairs from a table or a folder.

    Parameters
    ----------
    path : path-like
        A table with the columns ``a`` and ``b``, and optionally ``name``, of the folder for the
        results, and any option of ``run``. Files are named relative to the table's folder; an
        empty cell is an option that is not given. Commas, semicolons or tabs part the cells, and
        the text is UTF-8 or UTF-16. Or a folder of images.
    out : path-like
        Holds a folder for each pair.
    look : path-like, optional
        B' of every image of a folder; without it, a folder holds pairs whose names end with ``_A``
        and ``_B``.

    Returns
    -------
    list of Request
        A pair that is there twice with the same options is one.

    Raises
    ------
    AnalogyError
        If there are no pairs, or one could not be run as asked; the message names the line and the
        column.
    """
    path = Path(path)
    batch = _Batch(path.absolute().parent, Path(out).absolute())
    rows = _rows(path, look)
    place, header = next(rows, (f"{path}: line 1", []))
    names = _names(header, place)
    jobs, places = {}, {}
    for place, cells in rows:
        given = _given(names, cells, place)
        job = _job(given, batch, place)
        # Some file systems hold Castle and castle for one.
        first, row = places.setdefault(job.name.casefold(), (place, given))
        if first != place and row != given:
            raise AnalogyError(
                f"{place}, column name: {job.name!r} is the folder of {first}, too; "
                "give each pair a name of its own"
            )
        jobs.setdefault(job.name, job)
    if not jobs:
        raise AnalogyError(f"{path}: holds no pairs; give the columns a and b, and a row for each")
    return list(jobs.values())


@dataclass(frozen=True)
class _Batch:
    """Where the files of rows are looked for, and where results go.

    Attributes
    ----------
    folder : pathlib.Path
        The folder that files are named relative to.
    out : pathlib.Path
        Holds the pairs' folders.
    """

    folder: Path
    out: Path

    def request(self, a: str, b_prime: str, name: str | None, texts: dict[str, str]) -> Request:
        """What a row asks for; a name is that of its folder."""
        values = {option: self._value(option, text) for option, text in texts.items()}
        if name:
            values["out"] = str(self.out / name)
        request = read_request(self._found(a), self._found(b_prime), values)
        return replace(request, folder=self.out / request.name)

    def _value(self, option, text):
        if option == "settings":
            return text.split()
        return self._found(text) if option in path_options() else text

    def _found(self, text):
        """A file as a table names it: of its folder, or of the home that ``~`` stands for."""
        try:
            return str(self.folder / Path(text).expanduser())
        # There is nobody of that name, and the file may be called so.
        except RuntimeError:
            return str(self.folder / text)


def _rows(path, look):
    """Places of rows and their cells, the names of the columns first."""
    if not path.is_dir():
        if look is not None:
            raise AnalogyError(f"{path}: is no folder; {look} goes with a folder of images")
        return _rows_of_table(path)
    return _rows_of_pairs(path) if look is None else _rows_of_images(path, Path(look).absolute())


def _rows_of_table(path):
    """The same of a table, blanks about cells removed and empty rows left out."""
    text, line = _text_of(path), 1
    # The header parts its cells by what stands in it most.
    separator = max(_SEPARATORS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if any(cells):
                yield f"{path}: line {line}", cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise AnalogyError(f"{path}: line {line}: no CSV ({brief(error)})") from error


def _text_of(path):
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AnalogyError(
            f"{path}: {error.strerror or error}; name a CSV file or a folder"
        ) from error
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise AnalogyError(
            f"{path}: no text in UTF-8 or UTF-16; save it as CSV in UTF-8"
        ) from error


def _rows_of_pairs(folder):
    """The same of the images of a folder whose names end with ``_A``, each with its ``_B``."""
    yield str(folder), ["a", "b", "name"]
    by_name = {image.stem.casefold(): image for image in _images(folder)}
    firsts = [name for name in by_name if name.endswith("_a")]
    if not firsts:
        raise AnalogyError(
            f"{folder}: holds no pairs; let their names end with _A and _B, or name after it the "
            "image whose look all are to take"
        )
    for name in firsts:
        image = by_name[name]
        other = by_name.get(f"{name[:-1]}b")
        if other is None:
            raise AnalogyError(f"{image}: has no image {image.stem[:-1]}B beside it")
        yield str(image), [str(image), str(other), folder_name(image.stem[:-2])]


def _rows_of_images(folder, look):
    """The same of all images of a folder, which take one look."""
    yield str(folder), ["a", "b"]
    for image in _images(folder):
        if image != look:
            yield str(image), [str(image), str(look)]


def _images(folder):
    from PIL import Image

    endings = Image.registered_extensions()
    files = sorted(file.absolute() for file in folder.iterdir() if not file.name.startswith("."))
    images = [file for file in files if file.suffix.lower() in endings]
    if not images:
        raise AnalogyError(f"{folder}: holds no images")
    return images


def _names(header, place):
    """Names of the columns as `run` has them, each with how the table writes it."""
    names, options = [], option_names()
    for index, column in enumerate(header):
        if not column:
            raise AnalogyError(f"{place}, column {index + 1}: has no name")
        known = column.replace("-", "_").casefold()
        name = known if known in ("a", "b", "name") else options.get(known)
        # The batch has one of its own.
        if name in (None, "out"):
            raise AnalogyError(
                f"{place}, column {_shown(column)}: unknown; commas, semicolons or tabs part the "
                "columns a, b, name and long options of `run` without their dashes"
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
            "put what holds what parts the cells between quotes"
        )
    given = {}
    for (name, column), cell in zip(names.items(), cells, strict=False):
        if "\0" in cell:
            raise AnalogyError(f"{place}, column {column}: holds a character of code 0")
        if cell:
            given[name] = column, cell
    return given


def _job(given, batch, place):
    for name in ("a", "b"):
        if name not in given:
            raise AnalogyError(f"{place}, column {name}: is empty; name an image")
    texts = {name: text for name, (_, text) in given.items()}
    a, b, folder = texts.pop("a"), texts.pop("b"), texts.pop("name", None)
    if folder is not None:
        _check_name(folder, place)
    try:
        return batch.request(a, b, folder, texts)
    except UsageError as error:
        raise AnalogyError(f"{place}{_column(error, given)}: {brief(error.message)}") from error


def _column(error, given):
    """Where in its row a value is that is refused, unless it is so together with others."""
    name = getattr(getattr(error, "param", None), "name", None)
    return f", column {given[name][0]}" if name in given else ""


def _check_name(name, place):
    is_plain = name.isprintable() and not FORBIDDEN & set(name)
    if not is_plain or name.startswith(".") or name.casefold() in _TAKEN:
        raise AnalogyError(f"{place}, column name: {_shown(name)} cannot be a folder's name here")


def _shown(text):
    return repr(brief(text, 40))
