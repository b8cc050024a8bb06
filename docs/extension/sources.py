"""Pages that show the project's own source, and where in it a name is."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FOLDERS = ("analogy", "benchmarks", "examples", "kernels/analogy_kernels")


@dataclass(frozen=True)
class Place:
    """A line of a module.

    Attributes
    ----------
    module : str
        With its packages, ``analogy_kernels.vote``.
    line : int
        From 1; 1 where the module itself is meant.
    """

    module: str
    line: int

    @property
    def page(self):
        return page_of(self.module)

    @property
    def anchor(self):
        return f"#L-{self.line}"


def page_of(module):
    """Name of the page that shows a module."""
    return f"source/{module}"


@functools.cache
def source_files():
    """Files of the project's packages.

    Returns
    -------
    dict, module -> pathlib.Path
    """
    folders = [ROOT / folder for folder in _FOLDERS]
    return {
        _module_name(path.relative_to(folder.parent)): path
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
    }


def _module_name(path):
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def places():
    """Where every module, function, class, method and variable of the project is.

    Returns
    -------
    dict, full name -> Place
    """
    found = {}
    for module, path in source_files().items():
        found[module] = Place(module, 1)
        found |= {
            f"{module}.{name}": Place(module, line)
            for name, line in _definitions(ast.parse(path.read_text()).body)
        }
    return found


def _definitions(body, prefix=""):
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield prefix + node.name, node.lineno
            if isinstance(node, ast.ClassDef):
                yield from _definitions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for one in target.elts if isinstance(target, ast.Tuple) else [target]:
                    if isinstance(one, ast.Name):
                        yield prefix + one.id, node.lineno
        elif isinstance(node, ast.If):
            # What the simulator has instead.
            yield from _definitions([*node.body, *node.orelse], prefix)


def find(name, package=None):
    """Place of a name that a docstring or a page refers to.

    Parameters
    ----------
    name : str
        A full name, or the end of one that nothing else in `package` ends with.
    package : str, optional
        Where names that are not full are looked for.

    Returns
    -------
    Place or None
    """
    known = places()
    if name in known or package is None:
        return known.get(name)
    ends = [full for full in known if full.startswith(package) and full.endswith(f".{name}")]
    return known[ends[0]] if len(ends) == 1 else None


def find_file(text):
    """Module whose file a text tells: a path from the root, or the name of a module of kernels.

    Raises
    ------
    ValueError
        If there is no such file, or more than one.
    """
    files = source_files()
    if text.endswith(".py"):
        found = [module for module, path in files.items() if path == ROOT / text]
    else:
        found = [
            module
            for module in files
            if module.startswith("analogy_kernels.") and module.endswith(f".{text}")
        ]
    if len(found) != 1:
        raise ValueError(f"{text!r} names {len(found)} files")
    return found[0]


def code_of(text):
    """Source of a function as it stands, without its docstring.

    Parameters
    ----------
    text : str
        A file as :func:`find_file` takes it and, after a space, the function's name.
    """
    file, name = text.split()
    source = source_files()[find_file(file)].read_text()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            lines = source.splitlines()
            if ast.get_docstring(node):
                docstring = node.body[0]
                del lines[docstring.lineno - 1 : docstring.end_lineno]
                return "\n".join(lines[first - 1 : node.body[-1].end_lineno - _extent(docstring)])
            return "\n".join(lines[first - 1 : node.end_lineno])
    raise ValueError(f"{file}: has no function {name}")


def _extent(node):
    return node.end_lineno - node.lineno + 1


def uri_of_object(module, name):
    """Address, from a page one folder down, of the source of a public object; None without any."""
    value = importlib.import_module(module)
    try:
        for part in name.split("."):
            value = getattr(value, part)
    except AttributeError:
        return None
    value = inspect.unwrap(getattr(value, "fget", None) or getattr(value, "func", None) or value)
    home = getattr(value, "__module__", None)
    place = find(f"{home}.{getattr(value, '__qualname__', name)}") if home else None
    return f"../{place.page}.html{place.anchor}" if place else None
