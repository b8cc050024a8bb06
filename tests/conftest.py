"""Fixtures that run one assertion on every target.

Without a CUDA device the CUDA kernels run in Numba's simulator, which has to be chosen before
Numba is first imported; CPU kernels are compiled for real either way.
"""

import ctypes.util
import os
import sys
import threading

if not ctypes.util.find_library("cuda"):
    os.environ.setdefault("NUMBA_ENABLE_CUDASIM", "1")

import numpy as np
import pytest
from numba import typeof, types

from analogy_kernels.target import CPU, CUDA, SIMULATED
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


class AtomicAllocations(dict):
    """A block's shared arrays, of which each is made once.

    The simulator asks for an array and makes it where there is none. Two of a block's threads that
    ask at once would each make their own; here the second waits until the first has made it.
    """

    def __init__(self):
        super().__init__()
        self._lock = threading.Lock()

    def get(self, place):
        self._lock.acquire()
        array = super().get(place)
        if array is not None:
            self._lock.release()
        return array

    def __setitem__(self, place, array):
        super().__setitem__(place, array)
        self._lock.release()


@pytest.fixture(autouse=True)
def shared_arrays_are_made_once(monkeypatch):
    if not SIMULATED:
        return
    from numba.cuda.simulator.kernelapi import FakeCUDAShared

    make = FakeCUDAShared.__init__

    def make_with_lock(shared, *arguments):
        make(shared, *arguments)
        shared._allocations = AtomicAllocations()

    monkeypatch.setattr(FakeCUDAShared, "__init__", make_with_lock)


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
