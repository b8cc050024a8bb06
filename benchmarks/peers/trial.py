"""One contender, in a process of its own; :mod:`benchmarks.peers.contest` starts it.

``python -m benchmarks.peers.trial MODULE FUNCTION OPTIONS FOLDER OUT ROUNDS``
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time
from pathlib import Path

import numpy as np

# No more rounds once they have taken so many seconds together.
_ENOUGH = 30.0

_STATUS = Path("/proc/self/status")
_MEMORY_CONTROL = Path("/proc/self/clear_refs")

# Written there, it sets the peak of the resident memory back to what is resident now; see proc(5).
_RESET_PEAK = "5"


def main(module, function, options, folder, out, rounds):
    """Do the small work once, then the work itself, and write what came of it."""
    prepare = getattr(importlib.import_module(module), function)
    options = json.loads(options)
    prepare(**_arrays(folder, "warm_up"), **options)()
    work = prepare(**_arrays(folder, "problem"), **options)
    returned, seconds, mebibytes = _first_round(work)
    seconds = min([seconds, *_more_rounds(work, int(rounds) - 1)])
    arrays = returned if isinstance(returned, tuple) else (returned,)
    np.savez(out, *arrays, seconds=seconds, mebibytes=mebibytes)


def _arrays(folder, name):
    with np.load(Path(folder, f"{name}.npz")) as stored:
        return dict(stored)


def _first_round(work):
    """What the work returns, its seconds, and by how many MiB it raises the resident memory.

    Those are NaN where the system does not tell.
    """
    gc.collect()
    can_tell = _MEMORY_CONTROL.exists()
    if can_tell:
        _MEMORY_CONTROL.write_text(_RESET_PEAK)
        before = _resident("VmRSS")
    returned, seconds = _timed(work)
    return returned, seconds, _resident("VmHWM") - before if can_tell else np.nan


def _resident(entry):
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(entry)) / 1024


def _more_rounds(work, rounds):
    start = time.perf_counter()
    for _ in range(rounds):
        if time.perf_counter() - start > _ENOUGH:
            return
        yield _timed(work)[1]


def _timed(work):
    start = time.perf_counter()
    returned = work()
    return returned, time.perf_counter() - start


if __name__ == "__main__":
    main(*sys.argv[1:])
