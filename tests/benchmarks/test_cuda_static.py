"""The trace of a transfer needs the real kernels: each test runs in a process of its own."""

from tests.processes import run_without_simulator

TRACE = """
from analogy.model import bundled_path
from analogy.network import Network
from benchmarks.cuda_static import modelled, trace, totals
from tests.launches import is_declared

few, many = trace(64, evaluations=2), trace(64, evaluations=3)
undeclared = {launch.name for launch in few if not is_declared(launch.kernel, launch.signature)}
assert not undeclared, undeclared
network = Network.load(bundled_path())
# Level 4 is matched by votes: nothing is reconstructed from level 5.
layers = sum(len(network.layers(level - 2, level)) for level in (4, 3, 2))
both_directions, both_ways = 2, 2
passes = both_directions * both_ways * layers
assert len(many) - len(few) > passes, "one evaluation more: each layer, forward and backward"
stages = modelled(few, (64, 64), lambda launch: launch.stage)
assert {f"search {level}" for level in (5, 4, 3, 2, 1)} < stages.keys()
assert {f"reconstruction {level}" for level in (4, 3, 2)} < stages.keys()
whole = totals(stages)
assert 0 < whole["H100"] < whole["A100"] < whole["K40"]
"""


def test_a_transfer_is_traced_without_a_device():
    done = run_without_simulator("-c", TRACE)

    assert done.returncode == 0, done.stderr


def test_gpu_check_says_that_there_is_no_gpu():
    done = run_without_simulator("-m", "benchmarks.gpu_check", CUDA_VISIBLE_DEVICES="-1")

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no NVIDIA GPU" in done.stderr
