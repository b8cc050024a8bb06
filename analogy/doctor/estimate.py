"""How large images may be, and how long a transfer will take."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import numpy as np
import psutil

from analogy.doctor.finding import REINSTALL, Finding
from analogy.errors import AnalogyError, brief

_USUAL_SIDE = 448
_SIDES = (1024, 896, 700, 640, 512, 448, 384, 320, 256, 192, 128, 96, 64)
_TRIAL_SIDE = 96

# Programs that wait for each processor, beyond which times tell more of them than of this one; and
# the share of a processor under which it waits for them: one thread of it is always at work.
_BUSY, _LEAST_SHARE = 1.5, 0.8


def fitting_size(target):
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


def transfer_time(device, model):
    """Estimate a transfer of the usual size from a small one and a layer's convolution."""
    try:
        trial = _trial(device, model)
    except (AnalogyError, RuntimeError) as error:
        return Finding("transfer", "broken", f"fails ({brief(error)})", REINSTALL)
    size, small = (f"{side}x{side}" for side in (_USUAL_SIDE, _TRIAL_SIDE))
    text = (
        f"{size}: about {trial.usual_seconds:.0f} s once kernels are compiled, an estimate from "
        f"{small} in {trial.seconds:.1f} s"
    )
    waiting = psutil.getloadavg()[0] / (os.cpu_count() or 1)
    if waiting > _BUSY or trial.processor_share < _LEAST_SHARE:
        return Finding("transfer", "note", f"{text}; the machine is busy, an idle one is faster")
    return Finding("transfer", "ok", text)


@dataclass(frozen=True)
class _Trial:
    """A small transfer, and what it says of one of the usual size.

    Attributes
    ----------
    usual_seconds : float
        Estimate of the usual size.
    seconds : float
        Time that it took itself.
    processor_share : float
        Processors that it had, on average; 1 on a device, which works while the host waits.
    """

    usual_seconds: float
    seconds: float
    processor_share: float


def _trial(device, model):
    """Time a small transfer by compiled kernels, and estimate the usual one.

    Search and vote grow with the pixels. Deconvolutions do not: on small maps they wait for the
    filters. They are taken to need as many evaluations, each as long as its convolutions. The trial
    is too small to be matched at more than one size, and the usual image is matched at several.
    """
    from analogy.method.scales import scale_shapes
    from analogy.method.session import Session
    from analogy.method.transfer import transfer
    from analogy.parameters import Parameters

    session = Session(model, device, compiles_beside=True)
    # What is compiled is kept, and the next run is to be foretold.
    session.warm_up(Parameters())
    random = np.random.default_rng(0)
    a, b_prime = (
        np.kron(random.integers(0, 256, (12, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        for _ in range(2)
    )
    started = time.perf_counter(), time.process_time()
    record = transfer(a, b_prime, session=session).record
    wall, used = time.perf_counter() - started[0], time.process_time() - started[1]
    seconds = record["seconds"]
    growing = sum(seconds["search"].values()) + seconds["vote"]
    fixed = seconds["total"] - growing - sum(seconds["reconstruction"].values())
    usual = _USUAL_SIDE, _USUAL_SIDE
    sides = [side for (side, _), _ in scale_shapes(usual, usual, Parameters())]
    growth = sum((side / _TRIAL_SIDE) ** 2 for side in sides)
    flops = sum(
        # Forward, and backward.
        2 * found["evaluations"] * _flops(found["level"], side)
        for side, levels in zip(sides, map(_deconvolved, range(len(sides))), strict=True)
        for found in record["deconvolution"]
        if found["level"] in levels
    )
    convolving = flops / _flops_per_second(session.target)
    share = 1.0 if session.target.is_cuda else used / wall
    return _Trial(fixed + growing * growth + convolving, seconds["total"], share)


def _deconvolved(scale):
    """Levels that a size, counted from 0, is deconvolved from by the defaults."""
    from analogy.method.plan import plan_levels
    from analogy.parameters import Parameters

    plans = plan_levels(Parameters(), is_led=scale > 0)
    return {plan.level for plan in plans if plan.carrying == "deconvolution"}


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
    from analogy_kernels.network.convolution import conv3x3_relu
    from analogy_kernels.network.filters import filter_bank

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
