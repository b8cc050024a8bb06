import os

from benchmarks.many import compare
from benchmarks.table import at_most
from benchmarks.whole_run import CommandLine


def test_a_batch_is_measured_in_runs_by_themselves(tmp_path):
    # The tests' kernels are compiled; those of a cache of its own would take a minute.
    cache = os.environ.get("NUMBA_CACHE_DIR", "")
    command_line = CommandLine(tmp_path, NUMBA_CACHE_DIR=cache)
    single, batch, pair, in_runs = compare(command_line, pairs=2, side=40)

    assert in_runs.value == batch.value / single.value
    assert in_runs.bar == at_most(2)
    assert 0 < pair.value < batch.value
