"""Every CUDA kernel compiles for real devices, without a device: registers, spills, precision."""

import ast
import json
from pathlib import Path

import pytest
from numba import float32, float64

import analogy_kernels
from analogy_kernels.matching import patch_cost, patchmatch
from benchmarks.ptx import find_ptxas
from tests import ptx_reports
from tests.launches import DOUBLE_PRECISION, LAUNCHES, is_declared, name
from tests.processes import run_without_simulator
from tests.ptx import ROOM
from tests.ptx_reports import Reports, sources_of

pytestmark = pytest.mark.compiled

PACKAGE = Path(analogy_kernels.__file__).parent
# The least first.
CAPABILITIES = ["7.5", "8.0", "9.0", "10.0"]


def kernels_in(source, module):
    """CUDA kernels of a module: their qualified names, and the text of their decorators."""
    found = {}

    def walk(node, scope):
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.FunctionDef | ast.ClassDef):
                walk(child, scope)
                continue
            for decorator in filter(_makes_kernel, map(ast.unparse, child.decorator_list)):
                found[f"{module}.{scope}{child.name}"] = decorator
            inner = "<locals>." if isinstance(child, ast.FunctionDef) else ""
            walk(child, f"{scope}{child.name}.{inner}")

    walk(ast.parse(source), "")
    return found


def _makes_kernel(decorator):
    return decorator.startswith("cuda.jit") and "device=True" not in decorator


def all_kernels():
    found = {}
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(("analogy_kernels", *path.relative_to(PACKAGE).with_suffix("").parts))
        found |= kernels_in(path.read_text(), module)
    return found


def test_every_kernel_has_declared_launches():
    assert sorted(all_kernels()) == sorted({name(kernel) for kernel, _ in LAUNCHES})


def test_every_kernel_is_kept_for_the_next_process():
    compiled_anew = {
        kernel for kernel, decorator in all_kernels().items() if "cache=True" not in decorator
    }

    assert not compiled_anew


def test_the_next_process_finds_kernels_compiled(tmp_path):
    """Also those made by functions, of which Numba has to know again what they were made of."""
    runs = [
        run_without_simulator("-m", "tests.kernel_cache", NUMBA_CACHE_DIR=str(tmp_path))
        for _ in range(2)
    ]

    assert [run.stderr for run in runs] == ["", ""]
    (found, compiled), (found_again, compiled_again) = (
        map(int, run.stdout.split()) for run in runs
    )
    assert found == compiled_again == 0
    assert compiled == found_again > 3


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

    assert kernels_in(source, "m") == {
        "m.plain": "cuda.jit",
        "m.factory.<locals>.kernel": "cuda.jit(fastmath=True)",
    }


def test_a_python_float_is_no_declared_argument():
    kernel, signature = next((k, s) for k, s in LAUNCHES if float32 in s)
    widened = [float64 if kind == float32 else kind for kind in signature]

    assert is_declared(kernel, signature)
    assert not is_declared(kernel, widened)


@pytest.fixture(scope="module")
def reports():
    """Compile every declared launch: what each kernel takes, where it is near the limit on all."""
    if find_ptxas() is None:
        pytest.skip("no ptxas: install the extra [test] on Linux")
    done = run_without_simulator("-m", "tests.ptx", *CAPABILITIES)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(report["capability"] == CAPABILITIES[0] for report in reports) == len(LAUNCHES)
    return reports


def test_kernels_near_the_limit_are_compiled_for_every_device(reports):
    of_each = [[r for r in reports if r["capability"] == version] for version in CAPABILITIES]
    least, *others = of_each
    near = sum(report["registers"] > ROOM for report in least)

    assert [len(reports) for reports in others] == [near] * len(others)
    assert 0 < near < len(LAUNCHES) / 2


def test_kernels_suit_devices(reports):
    """None spills, all local arrays are in registers, and none falls into double precision."""
    spilling, in_memory, double = (
        {report["kernel"]: report for report in reports if report[what]}
        for what in ("spilled", "local", "double")
    )

    assert spilling == {}
    assert in_memory == {}
    assert set(double) == set(DOUBLE_PRECISION), double


def test_reports_are_kept_for_what_a_kernel_is_compiled_from(tmp_path, monkeypatch):
    (kernel, signature), (other, _) = LAUNCHES[:2]
    monkeypatch.setattr(ptx_reports, "compiled_from", name)
    found = [{"kernel": name(kernel)}]

    Reports(CAPABILITIES, tmp_path).keep(kernel, signature, found)

    again = Reports(CAPABILITIES, tmp_path)
    assert again.kept(kernel, signature) == found
    assert again.kept(kernel, (*signature, float64)) is None
    assert again.kept(other, signature) is None
    assert Reports(CAPABILITIES[:1], tmp_path).kept(kernel, signature) is None
    monkeypatch.setattr(ptx_reports, "compiled_from", lambda kernel: "something else")
    assert again.kept(kernel, signature) is None


def test_a_report_is_of_the_files_that_a_kernel_is_compiled_from():
    """Those of its own module, of what that imports, and of a cost that it was made with."""
    kernel = patchmatch.search_kernels(1, patch_cost.squared_difference).start.cuda

    files = {path.relative_to(PACKAGE).as_posix() for path in sources_of(kernel)}

    assert {f"matching/{name}.py" for name in ("search_kernels", "patch_cost", "labels")} < files
    assert {"target.py", "thread_sums.py", "hashing.py"} < files
    assert not {"imaging/vote.py", "solvers/wls.py"} & files


def test_kernels_of_one_name_and_signature_have_reports_of_their_own():
    """What they were made with tells them apart."""
    done = run_without_simulator("-m", "tests.ptx_reports")

    assert int(done.stdout) == len(LAUNCHES), done.stderr
