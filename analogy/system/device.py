"""Which target a run computes on."""

from __future__ import annotations

import os
from typing import Any

from analogy.errors import AnalogyError
from analogy_kernels.target import CPU, CUDA, SIMULATED, cuda


def resolve(device: str) -> Any:
    """Choose a target by its name.

    Parameters
    ----------
    device : "auto", "cuda" or "cpu"
        ``"auto"`` is CUDA where Numba can use it. Its simulator does not count.

    Returns
    -------
    target : analogy_kernels.target.CPU or analogy_kernels.target.CUDA

    Raises
    ------
    AnalogyError
        If `device` is unknown, or ``"cuda"`` where no CUDA device can be used.
    """
    if device not in ("auto", "cuda", "cpu"):
        raise AnalogyError(f"device {device!r}: unknown; choose auto, cuda or cpu")
    if device == "cpu":
        return CPU
    if not SIMULATED and cuda.is_available():
        return CUDA
    if device == "auto":
        return CPU
    raise AnalogyError(
        "device cuda: Numba finds no usable CUDA device; install an NVIDIA driver and "
        "the extra [gpu], or choose cpu"
    )


def gpu_names():
    """CUDA devices that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them.

    Returns
    -------
    list of str
        Empty where Numba can use none.
    """
    if not resolve("auto").is_cuda:
        return []
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else [str(index) for index in range(len(cuda.gpus))]
