"""What is installed, and whether it loads."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from analogy.doctor.finding import REINSTALL, Finding, parted
from analogy.errors import AnalogyError, brief

_PACKAGES = (
    "deep-image-analogy",
    "analogy-kernels",
    "numpy",
    "scipy",
    "numba",
    "numba-cuda",
    "onnx",
)
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu")


def installed():
    """Python, and the packages that are needed."""
    yield Finding("Python", "ok", f"{platform.python_version()} on {platform.platform()}")
    for package in _PACKAGES:
        found = _version(package)
        if found:
            yield Finding(package, "ok", found)
        elif package == "deep-image-analogy":
            yield Finding(package, "note", "not installed: run from a checkout")
        else:
            yield Finding(package, "broken", "not installed", REINSTALL)
    yield _runtime()


def _runtime():
    found = {package: _version(package) for package in _RUNTIMES if _version(package)}
    text = ", ".join(f"{package} {number}" for package, number in found.items())
    if len(found) > 1:
        remedy = (
            "they overwrite one another; run: pip uninstall -y onnxruntime onnxruntime-gpu && "
            "pip install onnxruntime-gpu"
        )
        return Finding("ONNX Runtime", "broken", text, remedy)
    if not found:
        return Finding("ONNX Runtime", "broken", "not installed", REINSTALL)
    return Finding("ONNX Runtime", "ok", text)


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def devices(device):
    """What there is to compute on."""
    from analogy.system.device import resolve
    from analogy_kernels.target import SIMULATED, cuda

    yield Finding("CPU", "ok", f"{os.cpu_count()} logical processors")
    try:
        target = resolve(device)
    except AnalogyError as error:
        yield Finding("CUDA device", "broken", *parted(error))
        return
    if target.is_cuda:
        name = cuda.get_current_device().name
        yield Finding("CUDA device", "ok", name.decode() if isinstance(name, bytes) else name)
    elif device == "cpu":
        yield Finding("CUDA device", "note", "not asked for")
    else:
        why = "Numba's simulator is on" if SIMULATED else "none that Numba can use"
        yield Finding("CUDA device", "note", f"{why}: computes on the CPU")


def weights(model):
    """The network's weights."""
    from analogy.model import bundled_path, describe

    try:
        told = describe(model or bundled_path())
    except AnalogyError as error:
        return Finding("weights", "broken", *parted(error, _weights_remedy(model)))
    return Finding("weights", "ok", f"{told.get('name', 'unnamed')}, {told['weights']}")


def _weights_remedy(model):
    return "name others with --model" if model else REINSTALL


def network(device, model):
    """What a session really runs on, asked of one; and whether it gives features."""
    from analogy.model import bundled_path
    from analogy.network.features import FeatureExtractor

    check = "network"
    try:
        extractor = FeatureExtractor(model or bundled_path(), device)
        features = extractor(np.full((64, 64, 3), 128, np.uint8))
    except AnalogyError as error:
        return Finding(check, "broken", *parted(error))
    # Whatever ONNX Runtime raises when it cannot run what it has loaded.
    except Exception as error:
        return Finding(check, "broken", f"does not run ({brief(error)})", REINSTALL)
    text = f"runs on {', '.join(extractor.providers)}"
    if extractor.device == "cuda" and "CUDAExecutionProvider" not in extractor.providers:
        remedy = "install its CUDA and cuDNN libraries: pip install '.[gpu]'; or use --device cpu"
        return Finding(check, "broken", f"{text} although there is a CUDA device", remedy)
    last = _fetch(features[5])
    if not (np.isfinite(last).all() and last.any()):
        return Finding(check, "broken", f"{text}, and gives no features", REINSTALL)
    return Finding(check, "ok", text)


def _fetch(array):
    from analogy_kernels.target import target_of

    return target_of(array).to_host(array)
