"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from analogy.errors import AnalogyError


@contextlib.contextmanager
def staged(folder):
    """Folder to write a set of files into, moved to `folder` together when the block succeeds.

    The staging folder lies inside `folder`, so that moving is renaming, and is made on entry, so
    that a folder that cannot be written is found out before any work is done. When the block
    fails, Ctrl-C included, `folder` is left as it was found.

    Parameters
    ----------
    folder : path-like
        Made with its parents when absent.

    Yields
    ------
    pathlib.Path
        The staging folder. What is written there, in folders of its own too, replaces files of
        the same name in `folder`.

    Raises
    ------
    AnalogyError
        If `folder` or a file in it cannot be written.
    """
    folder = Path(folder)
    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        with _written(folder):
            folder.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder))
        try:
            yield staging
            _publish(staging, folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except BaseException:
        _remove_empty(absent)
        raise


def make_folder(path):
    """Make a folder, with its parents, where there is none; returns it as a path."""
    path = Path(path)
    with _written(path.name):
        path.mkdir(parents=True, exist_ok=True)
    return path


def write_image(path, image):
    """Write a uint8 array as an image file of the kind that the name asks for.

    RGB (height, width, 3), or grey (height, width).
    """
    with _written(Path(path).name):
        Image.fromarray(image).save(path)


def write_array(path, array):
    """Write an array as a NumPy ``.npy`` file."""
    with _written(Path(path).name):
        np.save(path, array, allow_pickle=False)


def write_json(path, record):
    """Write a dict as indented JSON; NumPy scalars and arrays become numbers and lists."""
    with _written(Path(path).name):
        text = json.dumps(record, indent=2, ensure_ascii=False, default=_plain)
        _write(path, text + "\n")


def write_text(path, text):
    """Write a text file in UTF-8."""
    with _written(Path(path).name):
        _write(path, text)


def _write(path, text):
    # A file's name may hold bytes that are no UTF-8; JSON and HTML show them by their escapes.
    Path(path).write_text(text, encoding="utf-8", errors="backslashreplace")


def _publish(staging, folder):
    with _written(folder):
        files = sorted(path.relative_to(staging) for path in staging.rglob("*") if path.is_file())
        for file in files:
            _flush(staging / file)
            if (folder / file).is_dir():
                raise IsADirectoryError(errno.EISDIR, f"{file} is a folder")
            if (folder / file.parent).is_file():
                raise NotADirectoryError(errno.ENOTDIR, f"{file.parent} is a file")
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging / file, folder / file)


def _flush(file):
    # Without it a crash after the rename could leave the new name with no content.
    with open(file, "rb+") as stream:
        os.fsync(stream.fileno())


def _remove_empty(folders):
    """Remove folders made in vain, innermost first."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


@contextlib.contextmanager
def _written(name):
    try:
        yield
    except OSError as error:
        raise AnalogyError(
            f"{name}: cannot be written ({error.strerror or error}); "
            "choose another folder with --out or make room in it"
        ) from error


def _plain(value):
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
