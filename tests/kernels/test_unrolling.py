import numpy as np
import pytest

from analogy_kernels.unrolling import rolled
from benchmarks.ptx import find_ptxas
from tests.processes import run_without_simulator

COMPILED = """
from numba import cuda, float32, int64
from analogy_kernels.matching.search_costs import run_product_cuda
from benchmarks.ptx import compile_to_ptx


@cuda.jit
def product(source, other, length, channels, out):
    out[0] = run_product_cuda(source, 0, other, 0, length, channels, cuda.threadIdx.x)


line = float32[::1]
(ptx,) = compile_to_ptx(product, (line, line, int64, int64, line), [(8, 0)])
print(ptx.count("ld.global.v4.f32"), ptx.count("nounroll"))
"""


def test_what_is_left_stays_as_it_is():
    assert rolled(np.int32(7)) == 7


@pytest.mark.compiled
def test_loops_that_ask_are_compiled_as_they_are_written():
    """Four reads of either map in a round, one in what is left of it, and single values."""
    if find_ptxas() is None:
        pytest.skip("no ptxas: install the extra [test] on Linux")
    done = run_without_simulator("-c", COMPILED)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["10", "3"]
