"""Fixtures that run one assertion on every target.

Without a CUDA device the CUDA kernels run in Numba's simulator, which has to be chosen before
Numba is first imported; CPU kernels are compiled for real either way.
"""

import ctypes.util
import os
import sys

if not ctypes.util.find_library("cuda"):
    os.environ.setdefault("NUMBA_ENABLE_CUDASIM", "1")

import numpy as np
import pytest
from numba import typeof

from kernels.target import CPU, CUDA, SIMULATED
from tests.launches import is_declared, name

if SIMULATED:
    # The simulator polls its threads without rest, so a barrier lasts several of Python's thread
    # switches: at the default of 5 ms each, kernels with barriers take six times as long.
    sys.setswitchinterval(1e-4)


@pytest.fixture(params=[CPU, CUDA], ids=["cpu", "cuda"])
def target(request):
    """Each target in turn: ``target.asarray(x)`` puts an array there, ``to_host`` fetches it."""
    return request.param


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def launches_have_declared_types(monkeypatch):
    """Fail when a kernel of the package is launched with types that no device compiled it for."""
    if not SIMULATED:
        return
    from numba.cuda.simulator.kernel import FakeCUDAKernel

    launch = FakeCUDAKernel.__call__

    def checked_launch(kernel, *arguments):
        types = tuple(typeof(getattr(argument, "_ary", argument)) for argument in arguments)
        if not is_declared(kernel, types):
            raise TypeError(f"{name(kernel)} launched with {types}: not in tests/launches.py")
        return launch(kernel, *arguments)

    monkeypatch.setattr(FakeCUDAKernel, "__call__", checked_launch)
