"""Times taken on a machine that others use too: in turns, and compared turn by turn."""

from __future__ import annotations

import time

import numpy as np

# Threads of the library that ran last go on polling for work: long enough for them to sleep.
_PAUSE = 0.05


def take_turns(*functions, rounds):
    """Seconds of functions that run alternately, A B A B ...

    Whatever slows the machine for a while slows them alike. Anything to be compiled or read into
    caches the caller runs first.

    Returns
    -------
    float64 array, (rounds, functions)
    """
    return np.array([[_seconds(function) for function in functions] for _ in range(rounds)])


def median_ratio(seconds):
    """Median over the rounds of how many times longer the first of two took."""
    return float(np.median(seconds[:, 0] / seconds[:, 1]))


def _seconds(function):
    time.sleep(_PAUSE)
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
