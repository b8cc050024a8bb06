import pytest

from benchmarks.limits import Limits, measure_limits


def test_share_is_that_of_the_nearer_limit():
    limits = Limits(flops=100.0, bandwidth=10.0)

    assert limits.share(flops=100, moved=1, seconds=2) == pytest.approx(0.5)
    assert limits.share(flops=100, moved=40, seconds=5) == pytest.approx(0.8)


def test_peaks_are_measured():
    limits = measure_limits(rounds=1, matrix_side=128, vector_length=2**16)

    # No machine that runs this is a thousandth as fast as two of today's cores, or a thousand
    # times faster.
    assert 1e8 < limits.flops < 1e14
    assert 1e7 < limits.bandwidth < 1e13
