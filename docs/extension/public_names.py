"""The reference of a package, written from its ``__all__``.

Kernels under ``njit``, ``cuda.jit``, ``register_jitable`` or a cache are documented as the Python
functions that they wrap.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from docs.extension.sources import places, source_files

# From what most people call to what few do.
LAYERS = ("analogy", "analogy_kernels", "analogy_kernels.launches", "analogy_kernels.device")


@dataclass(frozen=True)
class PublicName:
    """A name that a package promises.

    Attributes
    ----------
    layer : str
        The package that has it in its ``__all__``.
    name : str
    value : object
    """

    layer: str
    name: str
    value: Any

    @property
    def function(self):
        """The Python function that a kernel, an intrinsic or a cached function wraps, or None."""
        function = inspect.unwrap(self.value) if callable(self.value) else None
        return function if inspect.isfunction(function) else None

    @property
    def kind(self):
        """Of the page's entry: "class", "function" or "data"."""
        if inspect.isclass(self.value):
            return "class"
        return "function" if self.function else "data"

    @property
    def home(self):
        """Module in which it is defined."""
        if self.kind != "data":
            return (self.function or self.value).__module__
        return _home_of_value(self.layer.partition(".")[0], self.name, self.value)

    @property
    def docstring(self):
        """What it says of itself; of a value, the comment above it, or what its class is."""
        if self.kind != "data":
            return inspect.getdoc(self.function or self.value) or ""
        is_ours = type(self.value).__module__.partition(".")[0] == self.layer.partition(".")[0]
        of_class = inspect.getdoc(self.value) or "" if is_ours else ""
        return _comment(self.home, self.name) or of_class.partition("\n\n")[0]

    @property
    def summary(self):
        """First paragraph of the docstring, in one line."""
        return " ".join(self.docstring.partition("\n\n")[0].split())


def exists(layer):
    """Whether there is such a package and it says what of it is public."""
    return bool(_names(layer))


@functools.cache
def public_names(layer):
    """What a package has in its ``__all__``, in that order.

    Returns
    -------
    list of PublicName
    """
    module = importlib.import_module(layer)
    return [PublicName(layer, name, getattr(module, name)) for name in _names(layer)]


def reference(layer):
    """Text of a package's reference, in Markdown: tables of all names, then each.

    Parameters
    ----------
    layer : str
        One of `LAYERS`. Names that come from packages in it are told by package.
    """
    groups = defaultdict(list)
    for name in public_names(layer):
        groups[_package_of(name.home)].append(name)
    return "\n".join(line for group in sorted(groups) for line in _group(group, groups[group]))


def _names(layer):
    parent = layer.rpartition(".")[0]
    if parent and importlib.util.find_spec(parent) is None:
        return []
    if importlib.util.find_spec(layer) is None:
        return []
    return list(getattr(importlib.import_module(layer), "__all__", []))


def _package_of(module):
    """Package inside the outermost one that a module belongs to, or none."""
    parts = module.split(".")
    return ".".join(parts[:2]) if len(parts) > 2 else ""


def _group(package, names):
    if package:
        yield f"## `{package}`"
        yield ""
        yield as_markdown(inspect.getdoc(importlib.import_module(package)) or "")
        yield ""
    yield from _table(names)
    yield ""
    for name in names:
        yield from _entry(name)


def _home_of_value(package, name, value):
    for full in places():
        module, _, last = full.rpartition(".")
        if last == name and module.partition(".")[0] == package:
            found = importlib.import_module(module) if module in places() else None
            if getattr(found, name, None) is value:
                return module
    return package


def _comment(module, name):
    """Comment above a value, or above the values right above it."""
    place = places().get(f"{module}.{name}")
    above = source_files()[module].read_text().splitlines()[: place.line - 1] if place else []
    block = itertools.takewhile(str.strip, reversed(above))
    comment = itertools.dropwhile(lambda line: not line.startswith("#"), block)
    comment = itertools.takewhile(lambda line: line.startswith("#"), comment)
    return "\n".join(line.lstrip("#:").strip() for line in reversed(list(comment)))


def _table(names):
    yield "| | |"
    yield "|---|---|"
    for name in names:
        yield f"| [`{name.name}`](#{name.layer}.{name.name}) | {as_markdown(name.summary)} |"


def as_markdown(text):
    """Literals of reStructuredText as Markdown has them; roles as the names that they show."""
    words = text.replace("``", "`").replace("|", r"\|").split(":")
    roles = {"func", "class", "mod", "meth", "attr", "data"}
    return "".join(
        word if index == 0 else ("" if word in roles else _after(words[index - 1], roles) + word)
        for index, word in enumerate(words)
    )


def _after(word, roles):
    return "" if word in roles else ":"


def _entry(name):
    yield "```{eval-rst}"
    yield f".. py:currentmodule:: {name.layer}"
    yield ""
    if name.kind == "data":
        yield f".. py:data:: {name.name}"
        yield ""
        yield from (f"   {line}" for line in name.docstring.splitlines())
        yield from _launch(name.value)
    else:
        yield f".. auto{name.kind}:: {name.name}"
        if name.kind == "class":
            yield "   :members:"
    yield "```"
    yield ""


def _launch(value):
    """Of a kernel with its launch, what both of its dispatchers take and what launches it."""
    if hasattr(value, "cpu") and hasattr(value, "launch"):
        arguments = ", ".join(inspect.signature(value.cpu).parameters)
        yield ""
        yield f"   Arguments: ``{arguments}``."
        yield ""
        yield f"   Launch: ``{value.launch.__name__}``."
