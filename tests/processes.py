"""Processes that tests start."""

import os
import signal
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[1]


def heed_interrupts():
    """Let a process that is started with this heed Ctrl-C.

    A shell's background job, which the tests may be, ignores the signal and hands that on.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_without_simulator(*arguments, **environment):
    """Run Python, where Numba's CUDA part is the real one even if there is no device."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=_ROOT,
        env=os.environ | {"NUMBA_ENABLE_CUDASIM": "0"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
