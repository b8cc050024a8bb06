"""Fixtures that run one assertion on every target.

Without a CUDA device the CUDA kernels run in Numba's simulator, which has to be chosen before
Numba is first imported; CPU kernels are compiled for real either way.
"""

import ctypes.util
import functools
import os

if not ctypes.util.find_library("cuda"):
    os.environ.setdefault("NUMBA_ENABLE_CUDASIM", "1")

# Where workers run side by side, each has a processor. BLAS's threads, of which it would start one
# for each, wait for one another by polling, and take from the workers what they are to gain.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from numba import typeof, types

from analogy_kernels.target import CPU, CUDA, SIMULATED
from tests.launches import has_declared, is_declared, name
from tests.order import place

if SIMULATED:
    from tests.simulator import take_turns

    take_turns()


def pytest_collection_modifyitems(items):
    """Begin with the files that take long."""
    items.sort(key=lambda item: place(item.path))


@pytest.fixture(scope="session", autouse=True)
def kernels_are_warmed_up_once():
    """Let a process run its kernels once ahead of all transfers, not ahead of each one's first.

    Every session does so for itself, which is a quarter of a transfer of a few pixels.
    """
    from analogy.method import warm_up

    warm_up.warm_up, alone = functools.cache(warm_up.warm_up), warm_up.warm_up
    yield
    warm_up.warm_up = alone


@pytest.fixture(params=[CPU, CUDA], ids=["cpu", "cuda"])
def target(request):
    """Each target in turn: ``target.asarray(x)`` puts an array there, ``to_host`` fetches it."""
    return request.param


@pytest.fixture
def random():
    return np.random.default_rng(0)


def numba_type(argument):
    """Type of a simulated kernel's argument, an array's or a tuple of such included."""
    if isinstance(argument, tuple) and hasattr(argument, "_fields"):
        return types.NamedTuple(map(numba_type, argument), type(argument))
    if isinstance(argument, tuple):
        return types.BaseTuple.from_types(tuple(map(numba_type, argument)))
    return typeof(getattr(argument, "_ary", argument))


@pytest.fixture(autouse=True)
def launches_have_declared_types(monkeypatch):
    """Fail when a kernel of the package is launched with types that no device compiled it for."""
    if not SIMULATED:
        return
    from numba.cuda.simulator.kernel import FakeCUDAKernel

    launch = FakeCUDAKernel.__call__

    def checked_launch(kernel, *arguments):
        # Device functions come here, too, thousands of times.
        if not has_declared(kernel):
            return launch(kernel, *arguments)
        signature = tuple(map(numba_type, arguments))
        if not is_declared(kernel, signature):
            raise TypeError(f"{name(kernel)} launched with {signature}: not in tests/launches.py")
        return launch(kernel, *arguments)

    monkeypatch.setattr(FakeCUDAKernel, "__call__", checked_launch)
