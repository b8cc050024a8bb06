"""The trace of a transfer needs the real kernels: each test runs in a process of its own."""

from tests.processes import run_without_simulator

TRACE = """
from dataclasses import replace

from analogy.model import bundled_path
from analogy.network.layers import Network
from analogy.parameters import PRESETS, Parameters
from benchmarks.cuda_static import modelled, trace, totals
from benchmarks.cuda_trace import trace_transfer
from tests.launches import is_declared

network = Network.load(bundled_path())


def check(few, many, *levels):
    undeclared = {launch.name for launch in few if not is_declared(launch.kernel, launch.signature)}
    assert not undeclared, undeclared
    layers = sum(len(network.layers(level - 2, level)) for level in levels)
    both_directions, both_ways = 2, 2
    passes = both_directions * both_ways * layers
    assert len(many) - len(few) > passes, "one evaluation more: each layer, forward and backward"
    stages = {launch.stage for launch in few}
    assert {f"search {level}" for level in (5, 4, 3, 2, 1)} < stages
    assert {f"reconstruction {level}" for level in set(levels)} < stages


few, many = trace(64, evaluations=2), trace(64, evaluations=3)
check(few, many, *range(Parameters().coarsest_reconstruction, 1, -1))
# Level 4 is matched by votes: nothing is reconstructed from level 5.
held = [trace_transfer(network, PRESETS["matches"], (64, 64), (64, 64), n) for n in (2, 3)]
check(*held, 4, 3, 2)
# Twice: whole at the smaller size, from level 3 on at the larger.
charged = replace(
    Parameters(),
    first_scale=32,
    coarsest_reconstruction=5,
    evenness=(0.1,) * 5,
    vote_width=24.0,
)
led = [trace_transfer(network, charged, (64, 64), (64, 64), n) for n in (2, 3)]
check(*led, 5, 4, 3, 2, 3, 2)
assert {"occurrence._charge_cuda", "vote._vote_alike_cuda"} <= {launch.name for launch in led[0]}
# Matched at half their size: matches follow the images' edges.
half = trace_transfer(network, replace(charged, ratio=0.5), (64, 64), (64, 64), 2)
assert "guided._guided_cuda" in {launch.name for launch in half}
stages = modelled(few, (64, 64), Parameters(), lambda launch: launch.stage)
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
