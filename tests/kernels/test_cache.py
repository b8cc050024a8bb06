"""A kernel that was kept is never of other code than is there now."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from numba import config
from numba.core import caching
from numba.extending import register_jitable

import analogy_kernels
from analogy_kernels import cache
from analogy_kernels.imaging import warp
from analogy_kernels.matching.patchmatch import search_kernels
from tests.processes import run_without_simulator

PACKAGE = Path(analogy_kernels.__file__).parent

pytestmark = pytest.mark.compiled

# A function that is given, a helper of another file that it calls, and a constant of a third.
WEIGHT = """
import numpy as np
from numba.extending import register_jitable
import scale
from difference import difference

@register_jitable
def weight(level, alpha):
    found = difference(alpha, level)
    return np.float32(found * scale.FACTOR)
"""
DIFFERENCE = """
from numba.extending import register_jitable

@register_jitable
def difference(a, b):
    return a - b
"""
SCALE = "FACTOR = 1.0"

# By a kernel that is compiled in a second.
WEIGH = """
import numpy as np
from weight import weight
from analogy_kernels import weight_map
from analogy_kernels.launches import weight_map_kernel

weights = weight_map(np.array([[0, 1]], np.float32), 0.25, weight)
print(weights[0, 1], len(weight_map_kernel(weight).cpu.stats.cache_misses))
"""


class Program:
    """Python files in a folder, and what a process says that runs one over the kernels here.

    Each process may keep the kernels that it compiles for the next.
    """

    def __init__(self, folder, path=PACKAGE.parent):
        self.folder, self._path = folder, path

    def write(self, **modules):
        for name, text in modules.items():
            (self.folder / f"{name}.py").write_text(text, encoding="utf-8")

    def run(self, code, **environment):
        # Python's own cache takes a file for unchanged that keeps its size within a second.
        environment = {
            "NUMBA_CACHE_DIR": str(self.folder / "cache"),
            "PYTHONPATH": f"{self.folder}{os.pathsep}{self._path}",
            "PYTHONDONTWRITEBYTECODE": "1",
        } | environment
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.returncode, done.stderr
        return done.stdout.split()


@pytest.fixture(scope="module")
def weighing(tmp_path_factory):
    """A program with a weight of its own, which has run once."""
    program = Program(tmp_path_factory.mktemp("weighing"))
    program.write(weight=WEIGHT, difference=DIFFERENCE, scale=SCALE)
    assert program.run(WEIGH) == ["-0.75", "1"]
    return program


def test_a_kernel_of_a_given_function_is_kept(weighing):
    assert weighing.run(WEIGH) == ["-0.75", "0"]


@pytest.mark.parametrize(
    ("edited", "found"),
    [
        ({"weight": WEIGHT.replace("found *", "-found *")}, "0.75"),
        ({"difference": DIFFERENCE.replace("a - b", "a * b")}, "0.25"),
        ({"scale": "FACTOR = 8.0"}, "-6.0"),
    ],
    ids=["function", "helper", "constant"],
)
def test_a_given_function_that_was_edited_is_compiled_anew(weighing, edited, found):
    weighing.write(**edited)
    try:
        assert weighing.run(WEIGH) == [found, "1"]
    finally:
        weighing.write(weight=WEIGHT, difference=DIFFERENCE, scale=SCALE)


RANDOM = """
import analogy_kernels
from analogy_kernels.hashing import hash_random

value = analogy_kernels.random_map((1, 1, 1), 3**-0.5, 0)[0, 0, 0]
bits = hash_random(0, analogy_kernels.matching.initialize._STREAM, 0, 0, 0)
print(analogy_kernels.__file__, bool(abs(value - bits / 2**32) < 1e-6))
"""


def test_an_edited_helper_of_the_package_is_compiled_anew(tmp_path):
    """Numba itself looks at the kernel's own file only."""
    copy = tmp_path / "analogy_kernels"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    program = Program(tmp_path, path=tmp_path)
    hashing = copy / "hashing.py"

    before = program.run(RANDOM)
    hashing.write_text(hashing.read_text("utf-8").replace("0x7FEB352D", "0x7FEB3521"), "utf-8")
    after = program.run(RANDOM)

    assert before == after == [str(copy / "__init__.py"), "True"]


ELSEWHERE = """
import gc, importlib, pkgutil
from numba.core.caching import FunctionCache
from numba.cuda.dispatcher import CUDACache
import analogy_kernels
from analogy_kernels.cache import KernelLocator
from analogy_kernels.launches import search_kernels
from analogy_kernels.device import minus_inner_product

for module in pkgutil.walk_packages(analogy_kernels.__path__, "analogy_kernels."):
    importlib.import_module(module.name)
made = search_kernels(), search_kernels(1, minus_inner_product)
caches = [one for one in gc.get_objects() if isinstance(one, (FunctionCache, CUDACache))]
print(*[sum(isinstance(one, kind) for one in caches) for kind in (FunctionCache, CUDACache)])
print([one for one in caches if type(one._impl.locator) is not KernelLocator])
"""


def test_every_kernel_is_kept_by_what_it_is_compiled_from():
    """On both targets; a module that makes kernels before the locator is there would be found."""
    done = run_without_simulator("-c", ELSEWHERE)
    counts, elsewhere = done.stdout.splitlines()

    assert min(map(int, counts.split())) > 40
    assert elsewhere == "[]"


def located(function=warp._warp_cpu.py_func):
    return cache.KernelLocator.from_function(function, function.__code__.co_filename)


def test_kernels_are_kept_where_numba_would_keep_them(monkeypatch, tmp_path):
    module = Path(warp.__file__)
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "named"))
    named = Path(located().get_cache_path())
    monkeypatch.setattr(config, "CACHE_DIR", "")
    beside = Path(located().get_cache_path())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user's"))
    monkeypatch.setattr(caching.InTreeCacheLocator, "ensure_cache_path", _refuse)
    of_the_user = Path(located().get_cache_path())

    assert named.parent.parent == tmp_path / "named"
    assert beside.parent == module.parent / "__pycache__"
    assert of_the_user.parent.parent == tmp_path / "user's" / "numba"
    assert named.name == beside.name == of_the_user.name


def _refuse(locator):
    raise PermissionError("a read-only installation")


def test_kernels_of_others_are_left_to_numba():
    assert located(test_kernels_of_others_are_left_to_numba) is None


PLACES = "sources, others, y, x, match_y, match_x, half, best"


def kernel_of(cost):
    """A kernel as Python that was made for a cost."""
    return search_kernels(1, cost).start.cpu.py_func


def kept_as(state):
    """What Numba reads in another process that it has stored in this one."""
    return pickle.loads(pickle.dumps(state))


def test_a_state_is_known_again_until_something_changes():
    names = {"factor": 1}
    exec(f"def cost({PLACES}): return factor", names)
    register_jitable(names["cost"])
    state = cache._State(kernel_of(names["cost"]))
    kept = kept_as(state)

    assert kept == state
    assert kept_as(cache._State(kernel_of(names["cost"]))) == kept
    # A kernel that is compiled for another type later is compiled from this.
    names["factor"] = 2
    assert kept != state
    assert kept_as(state) == state


def test_what_cannot_be_told_is_never_known_again():
    cost = register_jitable(eval(f"lambda {PLACES}: missing", {}))
    state = cache._State(kernel_of(cost))

    assert kept_as(state) != state
    assert state.folder() == cache._State(kernel_of(cost)).folder() == "given-untold"


def test_a_process_whose_files_were_edited_keeps_nothing_more(monkeypatch):
    """It is not told which of them it had imported before."""
    state = cache._State(warp._warp_cpu.py_func)
    assert kept_as(state) == state

    monkeypatch.setattr(cache, "_package_state", lambda: "edited")
    assert kept_as(state) != state


@pytest.mark.parametrize("setting", cache._SETTINGS)
def test_settings_of_numba_that_change_the_code_count(monkeypatch, setting):
    assert cache._package_state() == cache._AT_IMPORT
    monkeypatch.setattr(config, setting, "another")
    assert cache._package_state() != cache._AT_IMPORT


def test_room_is_made_by_removing_the_oldest_of_a_kind(tmp_path):
    def made(name, age):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "kernel.nbi").write_text("")
        os.utime(folder, (10**9 - age, 10**9 - age))

    kept = cache._KEPT["package"]
    for age in range(kept + 2):
        made(f"package-{age}", age)
    made("given-0", 100)
    made("other", 100)

    cache._make_room(tmp_path / "package-new")

    newest = {f"package-{age}" for age in range(kept - 1)}
    assert {folder.name for folder in tmp_path.iterdir()} == newest | {"given-0", "other"}
