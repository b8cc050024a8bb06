"""Reports of what kernels take on devices, kept while what they are compiled from stays the same.

That is the module which a kernel is written in and all of the package that this imports in turn,
the functions and numbers that the kernel was made with, its types and options, and the compilers.
``python -m tests.ptx_reports`` prints how many kernels that tells apart.
"""

import ast
import contextlib
import hashlib
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from analogy_kernels.fingerprint import PACKAGE, fingerprint
from tests.launches import LAUNCHES

_HERE = Path(__file__).parent

# By which reports are made.
_MAKERS = (_HERE / "ptx.py", _HERE.parent / "benchmarks" / "ptx.py")

_COMPILERS = ("numba", "numba-cuda", "llvmlite", "nvidia-cuda-nvcc", "nvidia-nvvm")

# Several states of the package.
_KEPT = 1000


class Reports:
    """Reports by kernel and signature, in files beside the tests.

    Parameters
    ----------
    versions : sequence of str
        Compute capabilities that there are reports for.
    folder : Path, optional
    """

    def __init__(self, versions, folder=_HERE / "__pycache__" / "ptx"):
        self._versions, self._folder = versions, folder

    def kept(self, kernel, signature):
        """Reports of a kernel as it is now, or None."""
        path = self._path(kernel, signature)
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(path.read_text())
            path.touch()
            return found
        return None

    def keep(self, kernel, signature, reports):
        self._folder.mkdir(parents=True, exist_ok=True)
        self._path(kernel, signature).write_text(json.dumps(reports))
        for old in sorted(self._folder.iterdir(), key=_touched)[:-_KEPT]:
            old.unlink(missing_ok=True)

    def _path(self, kernel, signature):
        state = [compiled_from(kernel), str(signature), self._versions]
        return self._folder / f"{_hash(repr(state))}.json"


def compiled_from(kernel):
    """Hash of all that a kernel is compiled from but its types."""
    files = [_hash_of(path) for path in (*sorted(sources_of(kernel)), *_MAKERS)]
    made_with = fingerprint([kernel.py_func])
    return _hash(repr([files, made_with, sorted(kernel.targetoptions.items()), _compilers()]))


def sources_of(kernel):
    """Files of the package that a kernel may be compiled from."""
    return set().union(*map(_sources, _modules(kernel.py_func)))


def _modules(function):
    """Names of the modules of a function, and of those that it was made with."""
    yield function.__module__
    for cell in function.__closure__ or ():
        captured = getattr(cell.cell_contents, "py_func", cell.cell_contents)
        if hasattr(captured, "__closure__"):
            yield from _modules(captured)


@cache
def _sources(module):
    """Files of a module and of all of the package that it imports, and that those import."""
    found, unread = set(), [module]
    while unread:
        path = _path_of(unread.pop())
        if path is not None and path not in found:
            found.add(path)
            unread += _imported(path)
    return found


def _path_of(module):
    """File of a module of the package, or None of others."""
    package, *parts = module.split(".")
    path = PACKAGE.joinpath(*parts)
    if package != PACKAGE.name:
        return None
    return next(
        (each for each in (path.with_suffix(".py"), path / "__init__.py") if each.is_file()), None
    )


def _imported(path):
    """Names of modules that a file imports, or may: of each name that it takes from a package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


@cache
def _compilers():
    return [_version(name) for name in _COMPILERS]


def _version(distribution):
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _touched(path):
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


@cache
def _hash_of(path):
    return _hash(path.read_bytes())


def _hash(content):
    content = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    print(len({(compiled_from(kernel), str(signature)) for kernel, signature in LAUNCHES}))
