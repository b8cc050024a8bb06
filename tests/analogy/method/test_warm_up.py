import ast
import os
import subprocess
import sys

import pytest

COMPILED = """
import gc
from dataclasses import replace
from numba.core.dispatcher import Dispatcher
from analogy.parameters import PRESETS, Parameters
from analogy.method.warm_up import warm_up
from analogy_kernels.target import CPU

# Charges at some levels, and votes of either kind.
for parameters in [
    *PRESETS.values(),
    Parameters(evenness=(0.0,) * 4 + (0.1,), vote_width=24.0),
    Parameters(evenness=(0.1,) + (0.0,) * 4, vote_width=None),
]:
    warm_up(parameters, CPU)


def kernels():
    return [each for each in gc.get_objects() if isinstance(each, Dispatcher)]
"""

AGAIN = """
print([each.py_func.__qualname__ for each in kernels() if each.stats.cache_misses])
"""

AFTERWARDS = """
import numpy as np
import analogy

ready = {id(each): len(each.signatures) for each in kernels()}
images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
quick = {"search_iterations": (1,) * 5, "deconv_iterations": 1, "first_scale": 40}
charges = {"evenness": (0.1,) * 5, "ratio": 0.6}
for change in ({}, charges):
    analogy.transfer(*images, Parameters(**quick, **change), device="cpu")
late = [each for each in kernels() if len(each.signatures) > ready.get(id(each), 0)]
print(sorted(each.py_func.__qualname__ for each in late))
"""


def run(program):
    done = subprocess.run(
        [sys.executable, "-c", COMPILED + program], capture_output=True, text=True, check=True
    )
    return ast.literal_eval(done.stdout)


def test_neither_a_transfer_afterwards_nor_the_next_process_compiles():
    """Numba has to know again kernels that functions made, and does not by everything in them."""
    assert run(AFTERWARDS) == []
    assert run(AGAIN) == []


BESIDE = """
import subprocess
from analogy.method import warm_up
from analogy.method.session import Session
from analogy.parameters import Parameters

started = []
# One kernel to compile; the other process begins with the last of all steps.
warm_up._WarmUp.steps = lambda self: (self._matches,)


class Recorded(subprocess.Popen):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        # Other libraries ask other programs of the machine.
        if "analogy.method.warm_up" in self.args:
            started.append(self)


subprocess.Popen = Recorded
Session(compiles_beside=True).warm_up(Parameters())
print([process.returncode is not None for process in started])
"""


@pytest.mark.compiled
def test_another_process_compiles_too_where_something_has_to_be_and_ends(tmp_path):
    def processes(folder):
        environment = os.environ | {"NUMBA_CACHE_DIR": str(folder), "NUMBA_NUM_THREADS": "2"}
        done = subprocess.run(
            [sys.executable, "-c", BESIDE],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        return ast.literal_eval(done.stdout)

    assert processes(tmp_path) == [True]
    assert processes(tmp_path) == []
