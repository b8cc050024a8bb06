import ast
import subprocess
import sys

COMPILED = """
import gc
from numba.core.dispatcher import Dispatcher
from analogy.parameters import PRESETS
from analogy.warm_up import warm_up
from kernels.target import CPU

for parameters in PRESETS.values():
    warm_up(parameters, CPU)
dispatchers = [each for each in gc.get_objects() if isinstance(each, Dispatcher)]
print([each.py_func.__qualname__ for each in dispatchers if each.stats.cache_misses])
"""


def test_the_next_process_compiles_nothing():
    """Numba has to know again kernels that functions made, and does not by everything in them."""
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", COMPILED], capture_output=True, text=True, check=True
        )

    assert ast.literal_eval(done.stdout) == []
