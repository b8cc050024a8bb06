"""The network's layers as one target computes them: forward, and the gradient back.

A convolution and the pooling after it are one step, so that the map between them, the largest of
all, is never written on the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from analogy.network.layers import MaxPool
from analogy_kernels.network.convolution import (
    conv3x3_relu,
    conv3x3_relu_backward,
    scratch_elements,
)
from analogy_kernels.network.filters import FilterBank
from analogy_kernels.network.pooled_convolution import (
    conv3x3_relu_maxpool,
    conv3x3_relu_maxpool_backward,
    pooled_scratch_elements,
)
from analogy_kernels.network.pooling import maxpool2x2, maxpool2x2_backward
from analogy_kernels.target import target_of


class Found(NamedTuple):
    """What a step gives: its map, and where the maxima were if it pools."""

    features: Any
    argmax: Any = None


@dataclass(frozen=True)
class Convolution:
    """A convolution and its ReLU."""

    bank: FilterBank

    def room(self, shape: tuple[int, int, int], target: Any) -> Found:
        """Memory for what it gives of a map of a shape."""
        return Found(target.empty((*shape[:2], self.bank.channels_out)))

    def scratch(self, shape: tuple[int, int, int]) -> int:
        """Float32 elements of scratch that it needs in either direction."""
        is_cuda = target_of(self.bank.bias).is_cuda
        return 0 if is_cuda else scratch_elements(self.bank, *shape[:2])

    def forward(self, x: Any, scratch: Any, out: Found) -> None:
        conv3x3_relu(x, self.bank, scratch, out.features)

    def backward(self, gradient: Any, found: Found, scratch: Any, out: Any) -> None:
        """Gradient to its input, whose shape is that of `out`."""
        conv3x3_relu_backward(gradient, found.features, self.bank, scratch, out)


@dataclass(frozen=True)
class PooledConvolution:
    """A convolution, its ReLU and the pooling after it."""

    bank: FilterBank

    def room(self, shape: tuple[int, int, int], target: Any) -> Found:
        return _pooled_room((*shape[:2], self.bank.channels_out), target)

    def scratch(self, shape: tuple[int, int, int]) -> int:
        return pooled_scratch_elements(self.bank, *shape[:2])

    def forward(self, x: Any, scratch: Any, out: Found) -> None:
        conv3x3_relu_maxpool(x, self.bank, scratch, *out)

    def backward(self, gradient: Any, found: Found, scratch: Any, out: Any) -> None:
        conv3x3_relu_maxpool_backward(gradient, *found, self.bank, out.shape[:2], scratch, out)


@dataclass(frozen=True)
class Pooling:
    """A pooling that follows no convolution."""

    def room(self, shape: tuple[int, int, int], target: Any) -> Found:
        return _pooled_room(shape, target)

    def scratch(self, shape: tuple[int, int, int]) -> int:
        return 0

    def forward(self, x: Any, scratch: Any, out: Found) -> None:
        maxpool2x2(x, *out)

    def backward(self, gradient: Any, found: Found, scratch: Any, out: Any) -> None:
        maxpool2x2_backward(gradient, found.argmax, out.shape[:2], out)


Step = Convolution | PooledConvolution | Pooling


def steps_of(banks: Sequence[FilterBank | MaxPool]) -> list[Step]:
    """Steps of layers in a row, each given by its filters or as a pooling."""
    steps: list[Step] = []
    for bank in banks:
        if not isinstance(bank, MaxPool):
            steps.append(Convolution(bank))
        elif steps and isinstance(steps[-1], Convolution):
            steps[-1] = PooledConvolution(steps[-1].bank)
        else:
            steps.append(Pooling())
    return steps


def _pooled_room(shape, target):
    height, width, channels = shape
    pooled = (height + 1) // 2, (width + 1) // 2, channels
    return Found(target.empty(pooled), target.empty(pooled, np.uint8))
