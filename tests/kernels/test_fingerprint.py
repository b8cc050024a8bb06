"""Functions have the same fingerprint if, and only if, the same code is compiled from them."""

import math
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numba import njit, types
from numba.extending import intrinsic, overload, overload_method, register_jitable

from analogy_kernels.fingerprint import UntoldError, fingerprint, given_functions
from analogy_kernels.matching import patchmatch
from analogy_kernels.matching.patch_cost import squared_difference


def function(text, name="cost", **names):
    """A function of a text, as a file would define it, over these globals."""
    names |= {"np": np, "math": math, "register_jitable": register_jitable, "njit": njit}
    exec(text, names)
    return names[name]


def module(**values):
    made = ModuleType("settings")
    vars(made).update(values)
    return made


def helper(text, **names):
    return function(f"@register_jitable\n{text}", "helper", **names)


def captured(value):
    def cost(a, b):
        return a * value - b

    return cost


def default(value):
    def cost(a, b=value):
        return a - b

    return cost


CALLS = "def cost(a, b): return helper(a) - b"
LOCAL = "def cost(a, b):\n  def inner(c): return {} * c\n  return inner(a) - b"

# Pairs of functions of which different code is compiled.
DIFFERENT = {
    "code": [function(f"def cost(a, b): return a {sign} b") for sign in "+-"],
    "constant": [function(f"def cost(a, b): return a - {n} * b") for n in (1, 2)],
    "type of a constant": [function(f"def cost(a, b): return a - {n} * b") for n in ("1", "1.0")],
    "constant further in": [function(LOCAL.format(n)) for n in (1, 2)],
    "global": [function("def cost(a, b): return a - W * b", W=value) for value in (1.0, 2.0)],
    "type of a global": [
        function("def cost(a, b): return a - W * b", W=kind(1)) for kind in (np.float32, np.float64)
    ],
    "array": [
        function("def cost(a, b): return a - W[1] * b", W=np.array([1, value])) for value in (1, 2)
    ],
    "tuple": [function("def cost(a, b): return a - W[1][0]", W=(1, (value,))) for value in (1, 2)],
    "captured": [captured(value) for value in (1, 2)],
    "captured function": [captured(helper(f"def helper(x): return {n}")) for n in (1, 2)],
    "default": [default(value) for value in (1, 2)],
    "helper": [function(CALLS, helper=helper(f"def helper(x): return {n} * x")) for n in (1, 2)],
    "helper of a helper": [
        function(
            CALLS,
            helper=helper(
                "def helper(x): return other(x)",
                other=helper(f"def helper(x): return {n} * x"),
            ),
        )
        for n in (1, 2)
    ],
    "helper's options": [
        function(CALLS, helper=register_jitable(fastmath=fast)(helper("def helper(x): return x")))
        for fast in (False, True)
    ],
    "compiled helper": [
        function(CALLS, helper=njit(function(f"def cost(a): return {n} * a"))) for n in (1, 2)
    ],
    "compiled helper's options": [
        function(CALLS, helper=njit(fastmath=fast)(function("def cost(a): return a")))
        for fast in (False, True)
    ],
    "attribute of a module": [
        function("def cost(a, b): return a - settings.W * b", settings=module(W=value))
        for value in (1, 2)
    ],
    "function of a module": [
        function(
            "def cost(a, b): return settings.helper(a)",
            settings=module(helper=helper(f"def helper(x): return {n} * x")),
        )
        for n in (1, 2)
    ],
    "function of a library": [
        function(f"def cost(a, b): return math.{name}(a) - b") for name in ("exp", "log")
    ],
    "imported function of a library": [
        function(CALLS, helper=called) for called in (np.sqrt, np.exp)
    ],
}


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_is_compiled_from_other_code_differs(pair):
    first, second = pair

    assert fingerprint([first]) != fingerprint([second])
    assert fingerprint([first]) == fingerprint([first])


def test_what_is_overloaded_elsewhere_differs():
    """The function itself stands for any of them, and is not what is compiled."""
    found = set()
    for factor in (1, 2):

        def helper(x):
            raise NotImplementedError

        @overload(helper)
        def _helper(x, factor=factor):
            return lambda x: factor * x

        found.add(fingerprint([function(CALLS, helper=helper)]))

    assert len(found) == 2


def test_a_method_of_others_takes_part():
    cost = function("def cost(a, b): return a.halved_for_a_test() - b")
    before = fingerprint([cost])

    @overload_method(types.Array, "halved_for_a_test")
    def _halved(array):
        return lambda array: array[0] / 2

    assert fingerprint([cost]) != before


@intrinsic
def _two(typing_context):
    def generate(context, builder, signature, arguments):
        return context.get_constant(types.int64, 2)

    return types.int64(), generate


class Point:
    pass


def captures_too_early():
    def cost(a, b):
        return a - factor * b

    yield cost
    factor = 1


UNTOLD = {
    "captured name that is not there yet": next(captures_too_early()),
    "name that is not there yet": function(CALLS),
    "attribute that is not there yet": function(
        "def cost(a, b): return a - settings.W", settings=module()
    ),
    "intrinsic": function(CALLS, helper=_two),
    "class": function(CALLS, helper=Point),
    "object": function("def cost(a, b): return a - point.x", point=Point()),
    "array of objects": function("def cost(a, b): return W[0]", W=np.array([Point()])),
    "module that is handed on": function(
        "def cost(a, b):\n  s = settings\n  return a - s.W", settings=module(W=1)
    ),
    "plain function that shares a library's name": function(CALLS, helper=type("sqrt", (), {})),
}


@pytest.mark.parametrize("untold", UNTOLD.values(), ids=UNTOLD.keys())
def test_what_cannot_be_read_has_none(untold):
    with pytest.raises(UntoldError):
        fingerprint([untold])


def test_functions_that_call_each_other_have_one():
    names = {}
    cost = function("def cost(a, b): return a if b < 1 else helper(a, b - 1)", **names)
    cost.__globals__["helper"] = function("def cost(a, b): return back(a, b)", back=cost)

    assert fingerprint([cost]) == fingerprint([cost])


def test_the_package_s_own_functions_are_known_by_name():
    """A hash of the package's files has them."""
    assert fingerprint([squared_difference]) == fingerprint([squared_difference])


OF_ANOTHER_PROCESS = """
import numpy as np
from analogy_kernels.fingerprint import fingerprint
from tests.kernels.test_fingerprint import DIFFERENT
for pair in DIFFERENT.values():
    print(fingerprint(pair))
"""


def test_it_is_the_same_in_another_process():
    done = subprocess.run(
        [sys.executable, "-c", OF_ANOTHER_PROCESS],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == [fingerprint(pair) for pair in DIFFERENT.values()]


def test_a_kernel_captures_the_functions_that_were_given():
    text = "def cost(sources, others, y, x, match_y, match_x, half, best): return W"
    cost = register_jitable(function(text, W=1.0))
    of_others = patchmatch.search_kernels(1, cost).propagate.cpu.py_func
    of_the_package = patchmatch.search_kernels(1, squared_difference).propagate.cpu.py_func

    assert list(given_functions(of_others)) == [cost]
    assert list(given_functions(of_the_package)) == []


def test_what_is_captured_later_is_no_function_yet():
    assert list(given_functions(next(captures_too_early()))) == []
