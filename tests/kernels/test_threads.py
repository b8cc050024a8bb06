"""Numba's threads sleep while they wait, unless the user has said how they shall."""

import os
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="another OpenMP, which reads the variable when threads start"
)

# OpenMP tells what it goes by when it is loaded.
IMPORTED = """
import os
import numba, scipy.linalg, numba.cuda
before = len(os.listdir("/proc/self/task"))
import analogy_kernels, analogy_kernels.target
print(os.environ.get("OMP_WAIT_POLICY"), len(os.listdir("/proc/self/task")) - before)
import numba.np.ufunc.omppool
"""


def told(**environment):
    """What a process prints that imports the kernels, and what its OpenMP goes by."""
    inherited = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED],
        env=inherited | {"OMP_DISPLAY_ENV": "true"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    # Newer ones put the device before it: "[host] ".
    policies = re.findall(r"OMP_WAIT_POLICY = '\w+'", done.stderr)
    return done.stdout.split(), policies


def test_they_sleep_and_importing_changes_nothing_else():
    assert told() == (["None", "0"], ["OMP_WAIT_POLICY = 'PASSIVE'"])


def test_what_the_user_says_stands():
    assert told(OMP_WAIT_POLICY="active") == (["active", "0"], ["OMP_WAIT_POLICY = 'ACTIVE'"])
