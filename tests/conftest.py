"""Fixtures that run one assertion on every target.

Without a CUDA device the CUDA kernels run in Numba's simulator, which has to be chosen before
Numba is first imported; CPU kernels are compiled for real either way.
"""

import ctypes.util
import os

if not ctypes.util.find_library("cuda"):
    os.environ.setdefault("NUMBA_ENABLE_CUDASIM", "1")

import numpy as np
import pytest
from numba import typeof, types

from analogy_kernels.target import CPU, CUDA, SIMULATED
from tests.launches import is_declared, name

if SIMULATED:
    from tests.simulator import take_turns

    take_turns()


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
        signature = tuple(map(numba_type, arguments))
        if not is_declared(kernel, signature):
            raise TypeError(f"{name(kernel)} launched with {signature}: not in tests/launches.py")
        return launch(kernel, *arguments)

    monkeypatch.setattr(FakeCUDAKernel, "__call__", checked_launch)
