"""The docstrings of the kernels: their examples run, and what is public says all that is asked."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import textwrap

import pytest

import analogy_kernels
from analogy_kernels import device, launches
from analogy_kernels.target import Kernel

MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(analogy_kernels.__path__, "analogy_kernels.")
] + [analogy_kernels]


def documented(module):
    """The module's own functions and classes by name, whatever a decorator made of them.

    DocTestFinder passes over what is neither a function nor a class: Numba's dispatchers.
    """
    for name, value in vars(module).items():
        thing = inspect.unwrap(value) if callable(value) else value
        thing = getattr(thing, "py_func", thing)
        is_own = getattr(thing, "__module__", None) == module.__name__
        if is_own and (inspect.isfunction(thing) or inspect.isclass(thing)):
            yield name, thing


def examples_of(name, thing):
    # Without the module's own names: an example imports what it uses, as its readers have to.
    finder = doctest.DocTestFinder(recurse=inspect.isclass(thing))
    module = thing if inspect.ismodule(thing) else inspect.getmodule(thing)
    return [test for test in finder.find(thing, name, module, globs={}) if test.examples]


def doctests():
    for module in MODULES:
        found = doctest.DocTestFinder(recurse=False).find(module, module.__name__, module, globs={})
        yield from (test for test in found if test.examples)
        for name, thing in documented(module):
            yield from examples_of(f"{module.__name__}.{name}", thing)


@pytest.mark.parametrize("test", list(doctests()), ids=lambda test: test.name)
def test_examples_give_what_they_say(test):
    report = []
    failed, _ = doctest.DocTestRunner().run(test, out=report.append)
    assert not failed, "".join(report)


def definition(thing):
    """Syntax tree of a function or class."""
    thing = inspect.unwrap(thing) if callable(thing) else type(thing)
    thing = getattr(thing, "py_func", thing)
    thing = thing if hasattr(thing, "__name__") else type(thing)
    tree = ast.parse(inspect.getsource(inspect.getmodule(thing)))
    kinds = ast.FunctionDef | ast.ClassDef
    (found,) = [
        node for node in ast.walk(tree) if isinstance(node, kinds) and node.name == thing.__name__
    ]
    return found


def public():
    for layer in (analogy_kernels, launches, device):
        for name in layer.__all__:
            thing = getattr(layer, name)
            # A kernel is described by the function that launches it.
            if not isinstance(thing, Kernel):
                yield pytest.param(layer, name, definition(thing), id=f"{layer.__name__}.{name}")


PUBLIC = list(public())


def sections(docstring):
    """What stands under each heading of a numpydoc docstring."""
    parts = re.split(r"^(\w+)\n-{3,}$", docstring, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def parameters(node):
    arguments = node.args
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    return [argument.arg for argument in every]


def gives_something(node):
    returns = [part for part in ast.walk(node) if isinstance(part, ast.Return)]
    return any(part.value is not None for part in returns)


@pytest.mark.parametrize(("layer", "name", "node"), PUBLIC)
def test_public_docstrings_have_all_sections(layer, name, node):
    found = sections(ast.get_docstring(node))
    assert {"Notes", "Examples"} <= set(found)
    if isinstance(node, ast.ClassDef):
        return
    described = re.findall(r"^(\w.*?)(?: : .*)?$", found.get("Parameters", ""), re.MULTILINE)
    described = {one for line in described for one in line.split(", ")}
    assert set(parameters(node)) <= described
    assert ("Returns" in found) or not gives_something(node)
    # Device functions check nothing, which their module says of all of them.
    says_why_not = "Raises nothing" in found["Notes"] or layer is device
    assert ("Raises" in found) or says_why_not


def test_device_functions_say_that_they_check_nothing():
    assert "raise nothing" in device.__doc__


COMPILED = """
import os
os.environ["NUMBA_ENABLE_CUDASIM"] = "0"
import inspect
from benchmarks.ptx import compile_to_ptx
from analogy_kernels import device
from numba import types
from tests.kernels.test_doctests import code_block

VECTOR, PLANE, MAP = (types.Array(types.float32, axes, "C") for axes in (1, 2, 3))
ARGUMENTS = {
    "block_sum": (VECTOR, VECTOR),
    "lane_squared_norm": (MAP, PLANE),
    "lane_sum": (MAP, PLANE),
    "load4": (VECTOR, VECTOR),
    "pixel_index": (MAP,),
    "store4": (VECTOR, VECTOR),
}
for name in device.ON_CUDA:
    names = {}
    exec(code_block(inspect.getdoc(getattr(device, name))), names)
    own = [x for x in names.values() if hasattr(x, "py_func")]
    [kernel] = [x for x in own if x.py_func.__globals__ is names]
    [ptx] = compile_to_ptx(kernel, ARGUMENTS[name], [(8, 0)])
    print(name)
"""


@pytest.mark.smoke
def test_examples_on_cuda_compile_for_a_device():
    command = [sys.executable, "-c", COMPILED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == list(device.ON_CUDA), done.stderr


def code_block(docstring):
    return textwrap.dedent(sections(docstring)["Examples"].split("::\n", 1)[1])


@pytest.mark.parametrize(("layer", "name", "node"), PUBLIC)
def test_public_examples_use_what_they_explain(layer, name, node):
    docstring = ast.get_docstring(node)
    is_run = doctest.DocTestParser().get_examples(sections(docstring)["Examples"])
    if name == "CUDA":
        code = code_block(docstring)
        compile(code, name, "exec")
    elif name in device.ON_CUDA:
        # Not launched here, but imported and defined.
        code = code_block(docstring)
        exec(compile(code, name, "exec"), {})
    else:
        assert is_run
        code = "".join(example.source for example in is_run)
    if isinstance(node, ast.ClassDef):
        # Shown by the function or the object that makes it.
        return
    assert re.search(rf"import .*\b{name}\b", code)
    # Beside its import.
    assert len(re.findall(rf"\b{name}\b", code)) > 1
