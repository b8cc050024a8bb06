"""How the threads of CPU kernels wait for work."""

from __future__ import annotations

import contextlib
import importlib
import os

_POLICY = "OMP_WAIT_POLICY"


def wait_passively():
    """Have Numba's threads sleep while they wait, where ``OMP_WAIT_POLICY`` says nothing else.

    By default they poll for some milliseconds after each loop, and take the processors from
    whatever else wants them. GNU's OpenMP, by which Numba runs loops on Linux, reads the variable
    when it is loaded, which this does; no thread is started, and the variable is as it was
    afterwards. Without effect on other libraries of OpenMP, and where some other package has loaded
    GNU's before.
    """
    if _POLICY in os.environ:
        return
    os.environ[_POLICY] = "passive"
    try:
        with contextlib.suppress(ImportError):
            importlib.import_module("numba.np.ufunc.omppool")
    finally:
        del os.environ[_POLICY]
