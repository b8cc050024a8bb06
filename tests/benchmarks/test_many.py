from benchmarks.many import compare
from benchmarks.table import at_most
from benchmarks.whole_run import CommandLine


def test_a_batch_is_measured_in_runs_by_themselves(tmp_path):
    command_line = CommandLine(tmp_path)
    # The tests' kernels are compiled; those of a cache of its own would take a minute.
    del command_line._environment["NUMBA_CACHE_DIR"]
    single, batch, pair, in_runs = compare(command_line, pairs=2, side=40)

    assert in_runs.value == batch.value / single.value
    assert in_runs.bar == at_most(2)
    assert 0 < pair.value < batch.value
