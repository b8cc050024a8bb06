"""The simulator as the tests run it: `tests.simulator`."""

import numpy as np
import pytest
from numba import float32

from analogy_kernels.target import SIMULATED, cuda

pytestmark = pytest.mark.skipif(not SIMULATED, reason="there is a device")

THREADS, TRIALS = 4, 20


@cuda.jit
def _neighbours(with_barrier, out):
    scratch = cuda.shared.array(THREADS, float32)
    thread = cuda.threadIdx.x
    scratch[thread] = thread
    if with_barrier:
        cuda.syncthreads()
    out[cuda.blockIdx.x, thread] = scratch[(thread + 1) % THREADS]


@cuda.jit
def _rounds(with_barrier, out):
    """Neighbours' values, which change from round to round after all have read them."""
    scratch = cuda.shared.array(THREADS, float32)
    thread = cuda.threadIdx.x
    for step in range(TRIALS):
        scratch[thread] = step
        cuda.syncthreads()
        out[step, thread] = scratch[(thread + 1) % THREADS]
        if with_barrier:
            cuda.syncthreads()


@cuda.jit
def _some_end_before_others(out):
    thread = cuda.threadIdx.x
    if thread % 2:
        return
    cuda.syncthreads()
    out[thread] = 1


@cuda.jit
def _one_fails(out):
    if cuda.threadIdx.x == 2:
        raise ValueError("the third")
    cuda.syncthreads()
    out[cuda.threadIdx.x] = 1


def test_a_barrier_that_lacks_after_writing_shows():
    expected = np.tile(np.roll(np.arange(THREADS), -1), (TRIALS, 1))

    for with_barrier in (True, False):
        out = np.zeros((TRIALS, THREADS), np.float32)
        _neighbours[TRIALS, THREADS](with_barrier, out)

        assert np.array_equal(out, expected) == with_barrier


def test_a_barrier_that_lacks_before_writing_again_shows():
    expected = np.tile(np.arange(TRIALS)[:, None], THREADS)

    for with_barrier in (True, False):
        out = np.zeros((TRIALS, THREADS), np.float32)
        _rounds[1, THREADS](with_barrier, out)

        assert np.array_equal(out, expected) == with_barrier


def test_threads_that_have_ended_are_not_waited_for():
    out = np.zeros(THREADS, np.float32)
    _some_end_before_others[1, THREADS](out)

    np.testing.assert_array_equal(out, [1, 0, 1, 0])


def test_what_a_thread_raises_is_raised_and_the_next_launch_runs():
    out = np.zeros(THREADS, np.float32)
    with pytest.raises(ValueError, match="the third"):
        _one_fails[1, THREADS](out)
    assert not out.any()

    _some_end_before_others[1, THREADS](out)
    assert out.any()
