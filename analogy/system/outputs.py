"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import shutil
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks: what is abandoned there stays.
    fcntl = None  # type: ignore[assignment]

import numpy as np
from PIL import Image

from analogy.errors import AnalogyError

_log = logging.getLogger(__name__)

_PREFIX = ".unfinished-"
_DISCARDED = f"{_PREFIX}discarded-"
_LOCK = ".lock"

# Of PNG by Pillow: a third of the time of the usual 6, for files that are 3 % larger.
DEFLATE_LEVEL = 4


@contextlib.contextmanager
def staged(folder):
    """Folder to write a set of files into, moved to `folder` together when the block succeeds.

    The staging folder lies inside `folder`, so that moving is renaming, and is made on entry, so
    that a folder that cannot be written is found out before any work is done. When the block
    fails, Ctrl-C included, `folder` is left as it was found. What a killed process left staged is
    removed by the next one; what a living one has staged is not touched.

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
            _remove_abandoned(folder)
            staging = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
        try:
            with _held(staging):
                yield staging
                _publish(staging, folder)
        finally:
            _discard(staging)
    except BaseException:
        _remove_empty(absent)
        raise


def discard_abandoned(folder):
    """Remove what killed processes left staged in a folder, and it with them where it is empty."""
    _remove_abandoned(Path(folder))
    _remove_empty([Path(folder)])


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
        Image.fromarray(image).save(path, compress_level=DEFLATE_LEVEL)


def write_array(path, array):
    """Write an array as a NumPy ``.npy`` file."""
    with _written(Path(path).name):
        np.save(path, array, allow_pickle=False)


def write_bytes(path, content):
    """Write a file of any kind."""
    with _written(Path(path).name):
        Path(path).write_bytes(content)


def write_json(path, record):
    """Write a dict as indented JSON; NumPy scalars and arrays become numbers and lists."""
    with _written(Path(path).name):
        _write(path, json_text(record, ensure_ascii=False) + "\n")


def json_text(record, ensure_ascii=True):
    """A dict as indented JSON, as :func:`write_json` writes it."""
    return json.dumps(record, indent=2, ensure_ascii=ensure_ascii, default=_plain)


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
        files = [file for file in files if file.name != _LOCK]
        for file in files:
            _flush(staging / file)
            if (folder / file).is_dir():
                raise IsADirectoryError(errno.EISDIR, f"{file} is a folder")
            if (folder / file.parent).is_file():
                raise NotADirectoryError(errno.ENOTDIR, f"{file.parent} is a file")
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging / file, folder / file)
    _log.info("%s: %d files written", folder, len(files))


@contextlib.contextmanager
def _held(staging):
    """Lock a staging folder for as long as this process lives and the block lasts."""
    new = staging / f"{_LOCK}.new"
    with contextlib.ExitStack() as stack:
        # A file system without locks stages as well; only nobody will clear up after a crash.
        with contextlib.suppress(OSError):
            if fcntl:
                stream = stack.enter_context(new.open("w"))
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Named last: a lock that has its name is held, or its process is gone.
                new.rename(staging / _LOCK)
        yield


def _remove_abandoned(folder):
    """Remove staging folders whose processes are gone: the system has dropped their locks."""
    for staging in folder.glob(f"{_PREFIX}*"):
        if _is_abandoned(staging):
            _log.info("%s: left by a killed run, removed", staging)
            _discard(staging)


def _discard(staging):
    """Remove a staging folder so that, if this process is killed meanwhile, others may go on."""
    if not staging.name.startswith(_DISCARDED):
        with contextlib.suppress(OSError):
            # Its lock may be the first to go: then it would look like one that was just made.
            name = _DISCARDED + staging.name.removeprefix(_PREFIX)
            staging = staging.rename(staging.with_name(name))
    shutil.rmtree(staging, ignore_errors=True)


def _is_abandoned(staging):
    if staging.name.startswith(_DISCARDED):
        return True
    try:
        # A link could lead out of the folder.
        if fcntl is None or staging.is_symlink():
            return False
        with (staging / _LOCK).open("r+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


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
