"""Every CUDA kernel compiles for real devices, without a device: registers, spills, precision."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from numba import float32, float64

import kernels
from benchmarks.ptx import find_ptxas
from tests.launches import DOUBLE_PRECISION, LAUNCHES, is_declared, name

pytestmark = pytest.mark.compiled

PACKAGE = Path(kernels.__file__).parent
ROOT = PACKAGE.parent
CAPABILITIES = ["7.5", "8.0", "9.0"]


def kernels_in(source, module):
    """Qualified names of the functions in a module that are decorated as CUDA kernels."""
    found = []

    def walk(node, scope):
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.FunctionDef | ast.ClassDef):
                walk(child, scope)
                continue
            if any(_makes_kernel(decorator) for decorator in child.decorator_list):
                found.append(f"{module}.{scope}{child.name}")
            inner = "<locals>." if isinstance(child, ast.FunctionDef) else ""
            walk(child, f"{scope}{child.name}.{inner}")

    walk(ast.parse(source), "")
    return found


def _makes_kernel(decorator):
    text = ast.unparse(decorator)
    return text.startswith("cuda.jit") and "device=True" not in text


def test_every_kernel_has_declared_launches():
    found = [
        kernel
        for path in PACKAGE.rglob("*.py")
        for kernel in kernels_in(path.read_text(), _module(path))
    ]

    assert sorted(found) == sorted({name(kernel) for kernel, _ in LAUNCHES})


def _module(path):
    return ".".join(("kernels", *path.relative_to(PACKAGE).with_suffix("").parts))


def test_kernels_are_found_in_functions_and_told_from_device_functions():
    source = """
@cuda.jit
def plain(x): ...
def factory():
    @cuda.jit(fastmath=True)
    def kernel(x): ...
@cuda.jit(device=True)
def helper(x): ...
"""

    assert kernels_in(source, "m") == ["m.plain", "m.factory.<locals>.kernel"]


def test_a_python_float_is_no_declared_argument():
    kernel, signature = next((k, s) for k, s in LAUNCHES if float32 in s)
    widened = [float64 if kind == float32 else kind for kind in signature]

    assert is_declared(kernel, signature)
    assert not is_declared(kernel, widened)


@pytest.fixture(scope="module", params=CAPABILITIES)
def reports(request):
    """Compile every declared launch for one compute capability: what each kernel takes."""
    if find_ptxas() is None:
        pytest.skip("no ptxas: install the extra [test] on Linux")
    done = subprocess.run(
        [sys.executable, "-m", "tests.ptx", request.param],
        cwd=ROOT,
        env=os.environ | {"NUMBA_ENABLE_CUDASIM": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(reports) == len(LAUNCHES)
    return reports


def test_no_kernel_spills(reports):
    spilling = {report["kernel"]: report for report in reports if report["spilled"]}

    assert spilling == {}


def test_local_arrays_are_in_registers(reports):
    in_memory = {report["kernel"]: report for report in reports if report["local"]}

    assert in_memory == {}


def test_no_kernel_falls_into_double_precision(reports):
    double = {report["kernel"]: report["double"] for report in reports if report["double"]}

    assert set(double) == set(DOUBLE_PRECISION), double
