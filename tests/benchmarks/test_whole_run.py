import subprocess

import pytest

from benchmarks.whole_run import CommandLine, Run, stages

RECORD = {
    "peak_memory_bytes": 3 * 2**29,
    "seconds": {
        "features": 0.5,
        "preparing kernels": 0.25,
        "search": {"5": 1.0, "4": 2.0},
        "vote": 0.5,
        "total": 4.25,
    },
}


def test_overhead_is_what_is_no_stage_of_the_method():
    run = Run(5.5, RECORD)

    assert dict(stages(RECORD["seconds"])) == {
        "features": 0.5,
        "poses": 0.0,
        "search": 3.0,
        "reconstruction": 0.0,
        "vote": 0.5,
    }
    assert run.overhead == 1.5
    assert run.peak_gib == 1.5


def test_help_is_timed_and_leaves_no_kernels_behind(tmp_path):
    assert CommandLine(tmp_path).help_seconds() > 0
    assert not list(tmp_path.iterdir())


def test_a_failed_run_is_no_measurement(tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        CommandLine(tmp_path).transfer(40, 40, "--ratio", "0.5")
