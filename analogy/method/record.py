"""The record of a run: what was run, on what, and how long it took."""

from __future__ import annotations

import platform
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = (
    "deep-image-analogy",
    "analogy-kernels",
    "numba",
    "numba-cuda",
    "numpy",
    "onnxruntime-gpu",
    "onnxruntime",
)


def run_record(parameters, network, used, progress, deconvolutions, shapes):
    """Describe a finished run in what JSON can hold."""
    return {
        "parameters": asdict(parameters),
        "model": {
            "name": network.name,
            "path": str(network.path),
            "sha256": network.sha256,
        },
        **used,
        "versions": {"python": platform.python_version()} | _versions(),
        "seconds": _seconds(progress.seconds),
        # Height and width of A and of B' at each size, from small to large.
        "sizes": [[list(shape) for shape in pair] for pair in shapes],
        "deconvolution": [
            {
                "scale": scale,
                "level": level,
                "image": image,
                "residuals": list(result.residuals),
                "evaluations": result.evaluations,
                "stopped_by": result.reason,
            }
            for (scale, level, image), result in deconvolutions.items()
        ],
        "peak_memory_bytes": peak_memory(),
    }


def peak_memory():
    """Most memory that this process ever had resident, in bytes."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def program_version():
    """Version of this program, or None where it runs from a checkout."""
    return _versions(_PACKAGES[:1]).get(_PACKAGES[0])


def _versions(packages=_PACKAGES):
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _seconds(seconds):
    """Seconds by stage, and by level within the stages that levels have."""
    nested = {}
    for (stage, level), value in seconds.items():
        if level is None:
            nested[stage] = round(value, 3)
        else:
            nested.setdefault(stage, {})[str(level)] = round(value, 3)
    nested["total"] = round(sum(seconds.values()), 3)
    return nested
