"""Weights of other programs: each module opens one kind of file as named tensors.

An opener is a context manager that yields ``dict[str, Tensor]`` with the file's own names. Nothing
big is read before a tensor is asked for, and no more than the file holds is ever allocated.
Malformed files raise whatever they lead to; :mod:`analogy.model.conversion` answers for all.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# As NumPy had for long.
MOST_AXES = 32

# What a number of a network takes at most.
_MOST_ITEM_BYTES = 16


@dataclass(frozen=True)
class Tensor:
    """An array in a file.

    Attributes
    ----------
    shape : tuple of int
    load : callable, () -> array
        Reads it.
    """

    shape: tuple[int, ...]
    load: Callable[[], np.ndarray]

    def __post_init__(self):
        # What is no shape may be without end, and is shown in messages.
        if len(self.shape) > MOST_AXES or any(type(side) is not int for side in self.shape):
            raise ValueError("a tensor's shape is no row of a few whole numbers")


def mapped(path):
    """Content of a file as a read-only memoryview, unread until it is looked at.

    The map is closed with the last array that views it.
    """
    with Path(path).open("rb") as stream:
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def array_in(content, dtype, shape):
    """Array that views bytes, which must be exactly its own.

    Raises
    ------
    ValueError
        If the bytes are more or fewer than `shape` needs.
    """
    needed = math.prod(shape) * np.dtype(dtype).itemsize
    if min(shape, default=0) < 0 or len(content) != needed:
        raise ValueError(f"{len(content)} bytes where a tensor of shape {tuple(shape)} should be")
    return np.frombuffer(content, dtype).reshape(shape)


def check_numbers(dtype):
    """Raise ValueError unless a dtype is of plain numbers: others can be of any size."""
    if dtype.kind not in "fiub" or dtype.itemsize > _MOST_ITEM_BYTES:
        raise ValueError(f"a tensor of {dtype.itemsize} bytes an item and kind {dtype.kind}")
