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

from kernels.target import CPU, CUDA


@pytest.fixture(params=[CPU, CUDA], ids=["cpu", "cuda"])
def target(request):
    """Each target in turn: ``target.asarray(x)`` puts an array there, ``to_host`` fetches it."""
    return request.param


@pytest.fixture
def random():
    return np.random.default_rng(0)
