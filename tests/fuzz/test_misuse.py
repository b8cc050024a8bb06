"""Wrong arguments of every public function: one line of refusal, or a right result, and no more.

The calls are made in another process, which is watched (`tests.fuzz.misuse`): that it ends, takes
too long, reads or writes beyond an array or changes one that is not its result, is a failure.
``make fuzz`` makes some 10,000 of them, a few hundred run with the other tests.
"""

import inspect
import json
import math
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import analogy_kernels
from tests.fuzz.misuse import LAYOUTS, ODDITIES
from tests.fuzz.recipes import COSTLY, has_recipe, recipe, written
from tests.fuzz.test_fuzz import INPUTS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no pages can be forbidden")

ROOT = Path(__file__).parents[2]

# Of functions and of classes that kernels take.
FUNCTIONS = [name for name in analogy_kernels.__all__ if callable(getattr(analogy_kernels, name))]

# So many of each: about 10,000 for `make fuzz`.
MISUSES = INPUTS // 2

# Recipes that misuses start from: each is tried as it is before it is spoilt.
SEEDS = st.integers(0, 15)

# A process that does not even use its processor time is waited for so long, in seconds.
PATIENCE = 600

misuse_test = settings(
    max_examples=MISUSES,
    deadline=None,
    derandomize=INPUTS < 100,
    database=None,
    # A smaller misuse would be looked for in processes that each take seconds to start.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Watched:
    """A process that misuses kernels, started anew when it ends.

    Parameters
    ----------
    errors : file
        Where it writes what it dies of.

    Attributes
    ----------
    count : int
        Of misuses.
    """

    def __init__(self, errors):
        self._process, self._errors = None, errors
        self.count = 0

    def outcome(self, misuse):
        """What comes of a misuse; fails where the process ends."""
        if self._process is None:
            command = [sys.executable, "-m", "tests.fuzz.misuse"]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._errors}
            self._process = subprocess.Popen(command, cwd=ROOT, text=True, **pipes)
        self.count += 1
        answer = self._answer(misuse)
        if not answer:
            pytest.fail(f"{json.dumps(misuse)}\n{self._end()}")
        return json.loads(answer)

    def _answer(self, misuse):
        try:
            print(json.dumps(misuse), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            return ""
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        if not ready:
            self._process.kill()
        return self._process.stdout.readline()

    def _end(self):
        self.close()
        self._errors.seek(0)
        return self._errors.read()[-3000:]

    def close(self):
        if self._process is not None:
            with self._process as process:
                process.stdin.close()
            code, self._process = process.returncode, None
            if code < 0:
                print(f"ended by {signal.Signals(-code).name}", file=self._errors)


@pytest.fixture(scope="module")
def watched(request):
    with tempfile.TemporaryFile("w+") as errors:
        process = Watched(errors)
        yield process
        process.close()
    if INPUTS >= 100:
        capture = request.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            print(f"\n{process.count} misuses tried", file=sys.__stdout__, flush=True)


INTEGERS = [-1, 0, 1, 2, 3, 4, 7, 100, 2**31 - 1, 2**31, 2**63, True]
FLOATS = [0.5, 20.5, -0.5, 1e-46, 1e-30, 1e30, 1e39, math.nan, math.inf, -math.inf]
FILLS = [0, -1, 1, 255, 2**31 - 1, -(2**31), 1e-40, 1e30, math.nan, math.inf, -math.inf]
DTYPES = ["f4", "f8", "f2", "i4", "i8", "u1", "?", "c8", "O", ">f4", "U3"]

numbers = st.one_of(
    st.tuples(st.just("number"), st.sampled_from(INTEGERS + FLOATS)),
    st.tuples(st.just("NumPy number"), st.sampled_from(FLOATS)),
    st.tuples(st.just("NumPy integer"), st.sampled_from([-1, 0, 3, 4])),
)
cheap_numbers = st.tuples(st.just("number"), st.sampled_from([-1, 0, 1, 2, True, *FLOATS]))
oddities = st.tuples(st.just("oddity"), st.sampled_from(sorted(ODDITIES)))
contents = st.one_of(
    st.tuples(st.just("resize"), st.integers(0, 2), st.sampled_from([-1, 0, 1, 2, 3, 9])),
    st.sampled_from([("drop axis",), ("add axis",), ("matrix",), ("masked",), ("DLPack",)]),
    st.tuples(st.just("dtype"), st.sampled_from(DTYPES)),
    st.tuples(st.just("fill"), st.sampled_from(FILLS)),
    st.tuples(st.just("poke"), st.integers(0, 99), st.sampled_from(FILLS)),
)
axes = st.tuples(st.sampled_from(LAYOUTS[1:]), st.integers(0, 2))


def aliases(path, arrays):
    others = [other for other in arrays if other != path]
    if not others:
        return st.nothing()
    return st.tuples(st.just("alias"), st.sampled_from(others), st.integers(0, 2))


def leaves(value, path=()):
    """Every argument with its path, and every item of those that have several."""
    yield list(path), value
    if isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))


def changes_of(name, path, value, arrays):
    """Changes of one argument, by what it is."""
    if isinstance(value, np.ndarray):
        return st.one_of(contents, axes, axes, aliases(path, arrays), oddities)
    if isinstance(value, int | float):
        return st.one_of(cheap_numbers if path[0] in COSTLY.get(name, ()) else numbers, oddities)
    if isinstance(value, tuple | list):
        return st.one_of(st.sampled_from([("shorter",), ("longer",)]), oddities)
    if isinstance(value, analogy_kernels.FilterBank):
        channels = st.sampled_from([1, 2, 3, 16, 20])
        return st.one_of(st.tuples(st.just("bank"), channels, channels), oddities)
    if isinstance(value, analogy_kernels.LabelMap):
        sizes, label = st.integers(1, 9), st.sampled_from([0, 1, 3, 4, 1000])
        return st.one_of(st.tuples(st.just("label map"), sizes, sizes, label), oddities)
    return oddities


@st.composite
def misuses(draw, name):
    """One or two changes of the arguments of a recipe."""
    seed = draw(SEEDS)
    arguments = recipe(name, seed)
    found = [leaf for key, value in arguments.items() for leaf in leaves(value, (key,))]
    arrays = [path for path, value in found if isinstance(value, np.ndarray)]
    chosen = draw(st.lists(st.sampled_from(found), min_size=1, max_size=2, unique_by=_argument))
    changes = [[path, *draw(changes_of(name, path, value, arrays))] for path, value in chosen]
    return {"function": name, "seed": seed, "changes": changes, "at_end": draw(st.booleans())}


def _argument(leaf):
    return leaf[0][0]


def assert_harmless(misuse, outcome):
    told = json.dumps([misuse, outcome])
    assert not outcome["damaged"], told
    if "refused" not in outcome:
        assert outcome["is_right"], told
        return
    is_huge = any(value in misuse_values(misuse) for value in (2**31 - 1, 255))
    kinds = {"TypeError", "ValueError"} | ({"MemoryError"} if is_huge else set())
    assert outcome["refused"] in kinds, told
    if outcome["refused"] != "MemoryError":
        message = outcome["message"]
        assert "\n" not in message, told
        assert len(message) < 300, told
        # A caller's own function says what it likes, and is let through.
        if outcome["where"].endswith("/tests/fuzz/recipes.py"):
            return
        parameters = inspect.signature(getattr(analogy_kernels, misuse["function"])).parameters
        assert any(name in message for name in parameters), told
        assert outcome["where"].startswith("/"), told
        assert "site-packages" not in outcome["where"], told


def misuse_values(misuse):
    return [detail for change in misuse["changes"] for detail in change[2:]]


def test_every_public_function_has_a_recipe():
    assert [name for name in FUNCTIONS if not has_recipe(name)] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_recipes_give_every_argument(name):
    parameters = inspect.signature(getattr(analogy_kernels, name)).parameters
    assert set(recipe(name, 0)) == set(parameters) - {"stream"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_misuse_is_refused_or_does_no_harm(name, watched):
    @misuse_test
    @given(misuses(name))
    def check(misuse):
        assert_harmless(misuse, watched.outcome(misuse))

    check()


def overlaps():
    """Every result in the memory of every other array, and beginning an element or two later."""
    for name in FUNCTIONS:
        found = recipe(name, 0)
        for seed in range(16):
            found |= {key: value for key, value in recipe(name, seed).items() if value is not None}
        arrays = [
            path
            for key, value in found.items()
            for path, item in leaves(value, (key,))
            if isinstance(item, np.ndarray)
        ]
        for path in arrays:
            if path[0] in written(name):
                for other in arrays:
                    if other != path:
                        yield name, path, other


@pytest.mark.parametrize(("name", "path", "other"), list(overlaps()))
def test_results_in_the_memory_of_arguments_are_refused_or_right(name, path, other, watched):
    for seed in range(4):
        for shift in range(2):
            changes = [[path, "alias", other, shift]]
            misuse = {"function": name, "seed": seed, "changes": changes, "at_end": True}
            assert_harmless(misuse, watched.outcome(misuse))
