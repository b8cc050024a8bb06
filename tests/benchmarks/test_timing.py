import numpy as np
import pytest

from benchmarks.timing import median_ratio, take_turns


def test_functions_take_turns():
    calls = []

    seconds = take_turns(lambda: calls.append("a"), lambda: calls.append("b"), rounds=3)

    assert "".join(calls) == "ababab"
    assert seconds.shape == (3, 2)
    assert (seconds >= 0).all()


def test_ratio_is_taken_round_by_round():
    # The machine was slow for a round: both were, and the ratio was not.
    seconds = np.array([[4.0, 2.0], [40.0, 20.0], [6.0, 2.0]])

    assert median_ratio(seconds) == pytest.approx(2.0)
