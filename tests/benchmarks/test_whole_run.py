import subprocess

import pytest

from benchmarks.whole_run import CommandLine, Run, _by_stage


def test_figures_of_a_run():
    run = Run(12.5, {"peak_memory_bytes": 3 * 2**29, "seconds": {"vote": 1.0, "total": 11.0}})

    assert run.peak_gib == 1.5
    assert run.overhead == 1.5


def test_levels_of_a_stage_are_added_up():
    seconds = {"features": 0.5, "search": {"5": 1.0, "4": 2.0}, "total": 3.5}

    assert dict(_by_stage(seconds)) == {"features": 0.5, "search": 3.0}


def test_help_is_timed_and_leaves_no_kernels_behind(tmp_path):
    assert CommandLine(tmp_path).help_seconds() > 0
    assert not list(tmp_path.iterdir())


def test_a_failed_run_is_no_measurement(tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        CommandLine(tmp_path).transfer(40, 40, "--ratio", "0.5")
