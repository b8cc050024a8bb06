"""What a function is compiled from: its code, and all that this reads by name and calls.

Numba compiles the values of constants, of captured and of global variables into a function, and
with it the functions that it calls, whichever files they are in. A fingerprint is a hash of all of
that: functions that have the same one are compiled to the same code. Where something takes part
that cannot be read from here, there is none.
"""

from __future__ import annotations

import builtins
import dis
import hashlib
import sys
from collections import ChainMap
from itertools import takewhile
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import numpy as np
from numba import types
from numba.core.typing.templates import builtin_registry

PACKAGE = Path(__file__).parent

# Known by their names: what they do changes with their versions, and those with the installation.
_LIBRARIES = {"builtins", "cmath", "llvmlite", "math", "numba", "numpy", "operator"}

_PLAIN = bool | int | float | complex | str | bytes | type(None) | type(...) | np.dtype

# Captured, and not there when it is looked for.
_NOT_YET = object()

_ATTRIBUTES = {"LOAD_ATTR", "LOAD_METHOD"}


class UntoldError(Exception):
    """What some function is compiled from cannot be told."""


def fingerprint(functions):
    """Hash of functions, of what they read by name and of what they call.

    Parameters
    ----------
    functions : sequence of functions
        Such as other compiled functions call: plain ones under ``register_jitable`` or
        ``overload``, or Numba's dispatchers.

    Returns
    -------
    str
        The same in every process.

    Raises
    ------
    UntoldError
        If they read or call something else than numbers, text, arrays, tuples, functions and what
        NumPy and Numba have.
    """
    digest = hashlib.sha256()
    for part in _parts(tuple(functions), {}):
        digest.update(f"{part}\n".encode())
    return digest.hexdigest()


def given_functions(function):
    """Functions of others that one of this package captures, or that those capture in turn.

    Parameters
    ----------
    function : function

    Yields
    ------
    functions and dispatchers
    """
    for value in _captured(function).values():
        called = getattr(value, "py_func", value)
        if isinstance(called, FunctionType) and _is_own(called):
            yield from given_functions(called)
        elif isinstance(called, FunctionType):
            yield value


def _is_own(function):
    return PACKAGE in Path(function.__code__.co_filename).parents


def _parts(value, seen):
    """Text that tells a value from others."""
    if isinstance(value, _PLAIN) or _is_type_of_numba(value):
        yield f"{type(value).__name__} {value!r}"
    elif isinstance(value, np.generic | np.ndarray) and not value.dtype.hasobject:
        yield f"{value.dtype!r} {value.shape} {value.tobytes().hex()}"
    elif isinstance(value, tuple | list):
        yield f"{type(value).__qualname__} {getattr(value, '_fields', len(value))}"
        for item in value:
            yield from _parts(item, seen)
    elif isinstance(value, dict | set | frozenset):
        yield f"{type(value).__name__} {sorted(map(repr, value))}"
        if isinstance(value, dict):
            yield from _parts([value[key] for key in sorted(value)], seen)
    elif _is_of_library(value):
        yield f"{value.__module__}.{value.__name__}"
    elif isinstance(value, FunctionType):
        yield from _function_parts(value, seen)
    elif hasattr(value, "py_func"):
        yield from _parts([value.targetoptions, value.py_func], seen)
    else:
        raise UntoldError(f"{value!r} is compiled into a function")


def _is_type_of_numba(value):
    return isinstance(value, types.Type) and _root(type(value).__module__) in _LIBRARIES


def _is_of_library(value):
    name, module = getattr(value, "__name__", None), getattr(value, "__module__", None)
    if not isinstance(name, str) or not isinstance(module, str):
        return False
    if _root(module) not in _LIBRARIES:
        return False
    return getattr(sys.modules.get(module), name, None) is value


def _root(name):
    return str(name).partition(".")[0]


def _function_parts(function, seen):
    if function in seen:
        yield f"function {seen[function]}"
        return
    seen[function] = len(seen)
    yield f"{function.__module__}.{function.__qualname__}"
    captured = _captured(function)
    if _is_own(function) or _root(function.__module__) in _LIBRARIES:
        # Of this package and of Numba the code is known, but not what it was given.
        yield from _parts(list(captured.values()), seen)
        return
    yield from _parts([function.__defaults__, function.__kwdefaults__], seen)
    names = ChainMap(captured, function.__globals__, vars(builtins))
    yield from _code_parts(function.__code__, names, captured, seen)
    yield from _overload_parts(function, seen)


def _captured(function):
    """Values of a function's closure by their names."""
    names, cells = function.__code__.co_freevars, function.__closure__ or ()
    return {name: _content(cell) for name, cell in zip(names, cells, strict=True)}


def _content(cell):
    try:
        return cell.cell_contents
    except ValueError:
        return _NOT_YET


def _code_parts(code, names, captured, seen):
    yield f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {code.co_flags}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_parts(constant, names, captured, seen)
        else:
            yield from _parts(constant, seen)
    steps = list(dis.get_instructions(code))
    for place, step in enumerate(steps):
        is_captured = step.opname == "LOAD_DEREF" and step.argval in captured
        if is_captured or step.opname == "LOAD_GLOBAL":
            following = takewhile(lambda one: one.opname in _ATTRIBUTES, steps[place + 1 :])
            path = [step.argval, *(one.argval for one in following)]
            yield from _parts(_read(names, path), seen)
        elif step.opname in _ATTRIBUTES:
            yield from _method_parts(step.argval, seen)


def _read(names, path):
    """Value of a name, or of an attribute if it is a module's."""
    if path[0] not in names:
        raise UntoldError(f"{path[0]} is not defined")
    value = names[path[0]]
    for name in path[1:]:
        if not isinstance(value, ModuleType):
            break
        if _root(value.__name__) in _LIBRARIES:
            return f"{value.__name__}.{name}"
        if not hasattr(value, name):
            raise UntoldError(f"{value.__name__}.{name} is not defined")
        value = getattr(value, name)
    return value


def _overload_parts(function, seen):
    """What Numba compiles where a function is called that is no dispatcher."""
    kinds = [kind for value, kind in builtin_registry.globals if value is function]
    templates = [template for kind in kinds for template in kind.templates]
    for template in templates:
        yield from _template_parts(template, seen)


def _method_parts(name, seen):
    """What others have Numba compile for an attribute of that name."""
    for template in builtin_registry.attributes:
        if getattr(template, "_attr", None) == name:
            yield from _template_parts(template, seen)


def _template_parts(template, seen):
    options = vars(template).get("_jit_options", {})
    inline = template._inline
    yield from _parts([template._overload_func, options, getattr(inline, "value", inline)], seen)
