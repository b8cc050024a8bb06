"""Whether this machine can run a transfer: what is installed, what loads, and what it will take.

Every check tries the thing itself, says what it found, and, where it failed, what to do.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import numpy as np
import psutil

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

_USUAL_SIDE = 448
_SIDES = (1024, 896, 700, 640, 512, 448, 384, 320, 256, 192, 128, 96, 64)
_TRIAL_SIDE = 96

_REINSTALL = "install anew: pip install --force-reinstall ."
_COMPILE_ANEW = (
    "compile anew (NUMBA_CACHE_DIR=an-empty-folder analogy doctor); if it stays, "
    "pip install --force-reinstall numba numba-cuda numpy"
)

# Programs that wait for each processor, beyond which times tell more of them than of this one.
_BUSY = 1.5

# Of float32 sums of a few hundred terms near one, in whatever order.
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    check : str
    status : "ok", "note" or "broken"
        A note is worth knowing and stops nothing.
    found : str
    remedy : str
        What to do; empty where all is well.
    """

    check: str
    status: Literal["ok", "note", "broken"]
    found: str
    remedy: str = ""


def examine(device="auto", model=None):
    """Try everything that a transfer needs.

    Parameters
    ----------
    device : "auto", "cuda" or "cpu"
    model : path-like, optional
        ONNX weights, by default the bundled ones.

    Returns
    -------
    list of Finding
    """
    findings = [*_installed(), *_devices(device), _model(model), _providers(device, model)]
    targets = _targets(device)
    for target in targets:
        findings += _kernels(target)
    findings.append(_memory(targets[-1]))
    if all(finding.status != "broken" for finding in findings):
        findings.append(_time(device, model))
    return findings


def is_healthy(findings):
    return all(finding.status != "broken" for finding in findings)


def _installed():
    yield Finding("Python", "ok", f"{platform.python_version()} on {platform.platform()}")
    for package in _PACKAGES:
        found = _version(package)
        if found:
            yield Finding(package, "ok", found)
        elif package == "deep-image-analogy":
            yield Finding(package, "note", "not installed: run from a checkout")
        else:
            yield Finding(package, "broken", "not installed", _REINSTALL)
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
        return Finding("ONNX Runtime", "broken", "not installed", _REINSTALL)
    return Finding("ONNX Runtime", "ok", text)


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _devices(device):
    from analogy.system.device import resolve
    from analogy_kernels.target import SIMULATED, cuda

    yield Finding("CPU", "ok", f"{os.cpu_count()} logical processors")
    try:
        target = resolve(device)
    except AnalogyError as error:
        yield Finding("CUDA device", "broken", *_split(error))
        return
    if target.is_cuda:
        name = cuda.get_current_device().name
        yield Finding("CUDA device", "ok", name.decode() if isinstance(name, bytes) else name)
    elif device == "cpu":
        yield Finding("CUDA device", "note", "not asked for")
    else:
        why = "Numba's simulator is on" if SIMULATED else "none that Numba can use"
        yield Finding("CUDA device", "note", f"{why}: computes on the CPU")


def _model(model):
    from analogy.model import bundled_path, describe

    try:
        told = describe(model or bundled_path())
    except AnalogyError as error:
        return Finding("weights", "broken", *_split(error, _weights_remedy(model)))
    return Finding("weights", "ok", f"{told.get('name', 'unnamed')}, {told['weights']}")


def _weights_remedy(model):
    return "name others with --model" if model else _REINSTALL


def _providers(device, model):
    """What a session really runs on, asked of one; and whether it gives features."""
    from analogy.model import bundled_path
    from analogy.network.features import FeatureExtractor

    check = "network"
    try:
        extractor = FeatureExtractor(model or bundled_path(), device)
        features = extractor(np.full((64, 64, 3), 128, np.uint8))
    except AnalogyError as error:
        return Finding(check, "broken", *_split(error))
    # Whatever ONNX Runtime raises when it cannot run what it has loaded.
    except Exception as error:
        return Finding(check, "broken", f"does not run ({brief(error)})", _REINSTALL)
    text = f"runs on {', '.join(extractor.providers)}"
    if extractor.device == "cuda" and "CUDAExecutionProvider" not in extractor.providers:
        remedy = "install its CUDA and cuDNN libraries: pip install '.[gpu]'; or use --device cpu"
        return Finding(check, "broken", f"{text} although there is a CUDA device", remedy)
    last = _fetch(features[5])
    if not (np.isfinite(last).all() and last.any()):
        return Finding(check, "broken", f"{text}, and gives no features", _REINSTALL)
    return Finding(check, "ok", text)


def _fetch(array):
    from analogy_kernels.target import target_of

    return target_of(array).to_host(array)


def _targets(device):
    from analogy.system.device import resolve
    from analogy_kernels.target import CPU, CUDA

    try:
        return [CPU, CUDA] if resolve(device).is_cuda else [CPU]
    except AnalogyError:
        return [CPU]


def _kernels(target):
    """Compile kernels and compare what they give with plain NumPy."""
    for name, (kernel, expected) in _COMPARISONS.items():
        check = f"{name} on {target.name}"
        started = time.perf_counter()
        random = np.random.default_rng(0)
        try:
            arrays = _maps(random)
            given = kernel(target, *arrays)
        # A compiler, a driver or a cache may fail in any way.
        except Exception as error:
            yield Finding(check, "broken", f"does not run ({brief(error)})", _COMPILE_ANEW)
            continue
        seconds = time.perf_counter() - started
        error = float(np.abs(given - expected(*arrays)).max())
        if not error <= _TOLERANCE:
            yield Finding(check, "broken", f"differs from NumPy by {error:.2g}", _COMPILE_ANEW)
        else:
            yield Finding(check, "ok", f"agrees with NumPy within {error:.1g}; {seconds:.2f} s")


def _maps(random):
    """Two maps of 32 channels, a field from the one to the other, and filters."""
    source, target = (random.random((12, 13, 32), np.float32) for _ in range(2))
    nnf = random.integers(0, (12, 13), (12, 13, 2)).astype(np.int32)
    filters = (random.standard_normal((3, 3, 32, 8)) / 17).astype(np.float32)
    return source, target, nnf, filters


def _vote(on, source, target, nnf, filters):
    from analogy_kernels.imaging.vote import vote

    return on.to_host(vote(on.asarray(target), on.asarray(nnf), 3))


def _plain_vote(source, target, nnf, filters):
    total, count = np.zeros((*nnf.shape[:2], target.shape[2])), np.zeros((*nnf.shape[:2], 1))
    y, x = np.indices(nnf.shape[:2])
    for dy, dx in np.ndindex(3, 3):
        near_y, near_x = y + dy - 1, x + dx - 1
        clipped = np.clip(near_y, 0, y.max()), np.clip(near_x, 0, x.max())
        inside = (clipped[0] == near_y) & (clipped[1] == near_x)
        match = nnf[clipped] - (dy - 1, dx - 1)
        inside &= ((match >= 0) & (match < target.shape[:2])).all(axis=2)
        total[inside] += target[tuple(match[inside].T)]
        count[inside] += 1
    return total / count


def _warp(on, source, target, nnf, filters):
    from analogy_kernels.imaging.warp import warp

    return on.to_host(warp(on.asarray(target), on.asarray(nnf)))


def _plain_warp(source, target, nnf, filters):
    return target[nnf[..., 0], nnf[..., 1]]


def _normalize(on, source, target, nnf, filters):
    from analogy_kernels.matching.normalize import normalize

    return on.to_host(normalize(on.asarray(source)))


def _plain_normalize(source, target, nnf, filters):
    return source / np.linalg.norm(source, axis=2, keepdims=True)


def _convolution(on, source, target, nnf, filters):
    from analogy_kernels.network.convolution import conv3x3_relu, filter_bank

    bank = filter_bank(filters, np.zeros(filters.shape[3], np.float32), on)
    return on.to_host(conv3x3_relu(on.asarray(source), bank))


def _plain_convolution(source, target, nnf, filters):
    padded = np.pad(source, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    return np.maximum(np.einsum("yxcij,ijco->yxo", windows, filters), 0)


def _patch_cost(on, source, target, nnf, filters):
    from analogy_kernels.matching.patchmatch import patchmatch

    source, other = (on.asarray(_unit(features)) for features in (source, target))
    _, cost = patchmatch(source, other, 3, start=on.asarray(nnf), iterations=0)
    return on.to_host(cost)


def _plain_patch_cost(source, target, nnf, filters):
    source, target = _unit(source), _unit(target)
    total, count = np.zeros(nnf.shape[:2]), np.zeros(nnf.shape[:2])
    positions = np.moveaxis(np.indices(nnf.shape[:2]), 0, -1)
    for index in np.ndindex(3, 3):
        offset = np.array(index, np.int32) - 1
        position = positions + offset
        match = nnf + offset
        inside = ((position >= 0) & (position < source.shape[:2])).all(axis=2)
        inside &= ((match >= 0) & (match < target.shape[:2])).all(axis=2)
        pairs = source[tuple(position[inside].T)], target[tuple(match[inside].T)]
        total[inside] -= (pairs[0] * pairs[1]).sum(axis=1)
        count[inside] += 1
    return total / count


def _unit(features):
    return features / np.linalg.norm(features, axis=2, keepdims=True)


# What runs a kernel on a target, and what NumPy makes of the same maps.
_COMPARISONS: dict[str, tuple[Callable, Callable]] = {
    "vote": (_vote, _plain_vote),
    "warp": (_warp, _plain_warp),
    "normalisation": (_normalize, _plain_normalize),
    "convolution": (_convolution, _plain_convolution),
    "patch cost": (_patch_cost, _plain_patch_cost),
}


def _memory(target):
    from analogy.method.memory_estimate import MIB, estimate_memory
    from analogy.system.memory import available_memory

    free = target.free_memory() if target.is_cuda else available_memory()
    fitting = [side for side in _SIDES if estimate_memory((side, side), (side, side)) <= free]
    text = f"{free / MIB:.0f} MiB free on {target.name}"
    if not fitting:
        remedy = "end other programs, or give the machine more memory"
        return Finding("memory", "broken", f"{text}: no image fits", remedy)
    text = f"{text}: two images of {fitting[0]}x{fitting[0]} fit"
    if fitting[0] < _USUAL_SIDE:
        return Finding("memory", "note", text, f"--max-side {fitting[0]}")
    return Finding("memory", "ok", text)


def _time(device, model):
    """Estimate a transfer of the usual size from a small one and a layer's convolution."""
    try:
        seconds, trial = _trial_seconds(device, model)
    except (AnalogyError, RuntimeError) as error:
        return Finding("transfer", "broken", f"fails ({brief(error)})", _REINSTALL)
    size, small = (f"{side}x{side}" for side in (_USUAL_SIDE, _TRIAL_SIDE))
    text = f"{size}: about {seconds:.0f} s, an estimate from {small} in {trial:.1f} s"
    busy = psutil.getloadavg()[0] / (os.cpu_count() or 1)
    if busy > _BUSY:
        return Finding("transfer", "note", f"{text}; the machine is busy, an idle one is faster")
    return Finding("transfer", "ok", text)


def _trial_seconds(device, model):
    """Estimated seconds at the usual size, and those of the trial.

    Search and vote grow with the pixels. Deconvolutions do not: on small maps they wait for the
    filters. They are taken to need as many evaluations, each as long as its convolutions. The trial
    is too small to be matched at more than one size, and the usual image is matched at several.
    """
    from analogy.method.scales import FIRST_LEVEL, scale_shapes
    from analogy.method.transfer import transfer
    from analogy.parameters import Parameters
    from analogy.system.device import resolve

    random = np.random.default_rng(0)
    a, b_prime = (
        np.kron(random.integers(0, 256, (12, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        for _ in range(2)
    )
    record = transfer(a, b_prime, model=model, device=device).record
    seconds = record["seconds"]
    growing = sum(seconds["search"].values()) + seconds["vote"]
    fixed = seconds["total"] - growing - sum(seconds["reconstruction"].values())
    usual = _USUAL_SIDE, _USUAL_SIDE
    sides = [side for (side, _), _ in scale_shapes(usual, usual, Parameters())]
    growth = sum((side / _TRIAL_SIDE) ** 2 for side in sides)
    flops = sum(
        # Forward, and backward.
        2 * found["evaluations"] * _flops(found["level"], side)
        for scale, side in enumerate(sides)
        for found in record["deconvolution"]
        # Larger sizes begin below the levels that the smaller ones lead.
        if scale == 0 or found["level"] <= FIRST_LEVEL
    )
    convolving = flops / _flops_per_second(resolve(device))
    return fixed + growing * growth + convolving, seconds["total"]


def _flops(level, side):
    """Of the convolutions that the deconvolution of a level passes through, as defined."""
    from analogy.model.architecture import CHANNELS

    names = list(CHANNELS)
    first = names.index(f"conv{level - 2}_1") + 1 if level > 2 else 0
    return sum(
        18 * np.prod(CHANNELS[name]) * (side / 2 ** (int(name[4]) - 1)) ** 2
        for name in names[first : names.index(f"conv{level}_1") + 1]
    )


def _flops_per_second(target):
    """Of a convolution of 256 channels at the size that a map of the usual image has there."""
    from analogy_kernels.network.convolution import conv3x3_relu, filter_bank

    random = np.random.default_rng(0)
    side, channels = _USUAL_SIDE // 4, 256
    filters = random.random((3, 3, channels, channels), np.float32)
    bank = filter_bank(filters, np.zeros(channels, np.float32), target)
    source = target.asarray(random.random((side, side, channels), np.float32))
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        # Fetched: a device works on when the call has returned.
        target.to_host(conv3x3_relu(source, bank))
        seconds.append(time.perf_counter() - started)
    return 18 * channels**2 * side**2 / min(seconds)


def _split(error, remedy=""):
    """Found and remedy of an error's one line, which has them about a semicolon."""
    found, _, told = str(error).partition("; ")
    return found, told or remedy
