"""Where compiled kernels are kept from process to process, and what they are known again by.

Numba keeps a kernel until the file changes that it is written in. The kernels of this package call
functions of its other files, and some call functions that a user gave, so that would not do. Here
they are kept in a folder for each state of what they are compiled from: of all files of the package
and, where functions were given, of those and of all that they call. What is in such a folder is
never of another state, however many processes write into it.

The folders lie where Numba would have kept the kernels, in ``__pycache__`` beside the modules or
where ``NUMBA_CACHE_DIR`` says, and the oldest of them are removed as others come.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

import numba
from numba import config
from numba.core import caching
from numba.core.serialize import dumps

from analogy_kernels.fingerprint import PACKAGE, UntoldError, fingerprint, given_functions

# Folders that are kept of each kind: of states of the package, and of given functions, which are
# tried in many variants.
_KEPT = {"package": 3, "given": 32}

# Of Numba's settings, those that the code depends on and Numba's cache does not.
_SETTINGS = ("BOUNDSCHECK", "LOOP_VECTORIZE", "OPT", "SLP_VECTORIZE")

# Of a hash in the name of a folder.
_DIGITS = 16


def keep_kernels(*caches):
    """Have Numba keep the kernels of this package, and no others, as this module says.

    Parameters
    ----------
    *caches : classes
        Numba's ``CacheImpl`` of the CPU and of CUDA.
    """
    for each in caches:
        each._locator_classes.insert(0, KernelLocator)


class KernelLocator(caching._CacheLocator):
    """Tells Numba where a kernel of this package is kept."""

    def __init__(self, function, place):
        # Where Numba would keep it. It asks for the file to warn of it.
        self._place, self._py_file = place, place._py_file
        self._state = _State(function)
        self._folder = os.path.join(place.get_cache_path(), self._state.folder())

    @classmethod
    def from_function(cls, py_func, py_file):
        """Locator for a function of this package, or None for others."""
        if PACKAGE not in Path(py_file).parents:
            return None
        others = [other for other in caching.CacheImpl._locator_classes if other is not cls]
        places = (other.from_function(py_func, py_file) for other in others)
        place = next((place for place in places if place is not None), None)
        return None if place is None else cls(py_func, place)

    def get_cache_path(self):
        return self._folder

    def get_source_stamp(self):
        return self._state

    def get_disambiguator(self):
        return self._place.get_disambiguator()

    def ensure_cache_path(self):
        folder = Path(self._folder)
        if not folder.exists():
            _make_room(folder)
        super().ensure_cache_path()


class _State:
    """What a kernel is compiled from.

    Numba stores it with what it keeps, and compares it with what is stored, when it compiles: a
    constant may have changed since the kernel was made.
    """

    def __init__(self, function):
        self._function, self._given = function, tuple(given_functions(function))

    def folder(self):
        """Name of the folder for kernels of the present state."""
        if not self._given:
            return f"package-{_AT_IMPORT[:_DIGITS]}"
        try:
            state = f"{_AT_IMPORT} {fingerprint(self._given)} {self._pickled()}"
        except UntoldError:
            return "given-untold"
        return f"given-{hashlib.sha256(state.encode()).hexdigest()[:_DIGITS]}"

    def __eq__(self, kept):
        return self._told() == kept

    def __reduce__(self):
        return str, (self._told(),)

    def _told(self):
        """Text for the state; where it cannot be told, another each time."""
        if _FILES and _package_state() == _AT_IMPORT:
            with contextlib.suppress(UntoldError):
                return f"{_AT_IMPORT} {fingerprint(self._given)}"
        return uuid4().hex

    def _pickled(self):
        # By this Numba tells the kernels of a folder apart. Functions of a notebook differ in it
        # each time, and would fill one folder.
        captured = tuple(cell.cell_contents for cell in self._function.__closure__)
        return hashlib.sha256(dumps(captured)).hexdigest()


def _package_state():
    """Hash of the package's files, of Numba's version and of its settings."""
    try:
        stats = [path.stat() for path in _FILES]
    except OSError:
        return "removed"
    files = _hash_of_files(tuple((stat.st_mtime_ns, stat.st_size) for stat in stats))
    settings = [getattr(config, name, None) for name in _SETTINGS]
    return hashlib.sha256(f"{numba.__version__} {settings} {files}".encode()).hexdigest()


@lru_cache(maxsize=1)
def _hash_of_files(changed):
    """Hash of the package's files; once for the same times and sizes."""
    digest = hashlib.sha256()
    for path in _FILES:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(PACKAGE).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _make_room(folder):
    """Remove the oldest folders of the same kind, so that one more is no more than are kept."""
    kind = folder.name.partition("-")[0]
    folders = sorted(folder.parent.glob(f"{kind}-*"), key=_written, reverse=True)
    for old in folders[_KEPT[kind] - 1 :]:
        # Out of others' sight at once: they would find half of it.
        with contextlib.suppress(OSError):
            old.rename(folder.parent / f"removed-{uuid4().hex}")
    for removed in folder.parent.glob("removed-*"):
        shutil.rmtree(removed, ignore_errors=True)


def _written(folder):
    """When something was last written there; long ago if another process has removed it."""
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


_FILES = sorted(PACKAGE.rglob("*.py"))

# Asked once, before most of the files are imported: what these are compiled from afterwards is not
# told by files that were edited meanwhile.
_AT_IMPORT = _package_state()
