"""Images to features: relu1_1 ... relu5_1 of VGG-19.

On the CPU the project's own convolutions compute them: Winograd's method is twice as fast there as
ONNX Runtime. On a device ONNX Runtime does.
"""

from __future__ import annotations

import logging
import os
from typing import Any

import numpy as np

from analogy.network.layers import MaxPool, Network
from analogy.network.steps import Step, steps_of
from analogy.system.device import resolve
from analogy_kernels.network.filters import filter_bank
from analogy_kernels.target import CPU

_log = logging.getLogger(__name__)

_OWN = "analogy_kernels"


class FeatureExtractor:
    """VGG-19 ready to run.

    Attributes
    ----------
    device : "cpu" or "cuda"
        Where the features are put.
    providers : tuple of str
        What computes them: this project's kernels, or what ONNX Runtime really runs on, in its
        order of preference.
    """

    def __init__(
        self, path: str | os.PathLike, device: str = "auto", network: Network | None = None
    ) -> None:
        """Load a model.

        Parameters
        ----------
        path : path-like
            ONNX file of this project's form.
        device : "auto", "cuda" or "cpu"
        network : Network, optional
            What has been loaded from `path` before.

        Raises
        ------
        AnalogyError
            If `device` or the model cannot be used, or ONNX Runtime is to be and is installed
            twice.
        """
        target = resolve(device)
        self.device = target.name
        self._features = _on_device(path, target) if target.is_cuda else _own(path, network)
        self.providers: tuple[str, ...] = self._features.providers
        _log.info("%s: loaded on %s", path, ", ".join(self.providers))

    def __call__(self, image: np.ndarray) -> tuple[Any, ...]:
        """Features of an image.

        Parameters
        ----------
        image : uint8 array, (height, width, 3)
            RGB.

        Returns
        -------
        tuple of six float32 arrays, (height, width, channels)
            Maps by level: the image less the mean, then relu1_1 ... relu5_1, on the target
            of the device. Each level from 2 on has half the size of the one before, rounded up.
        """
        return self._features(image)

    def release(self) -> None:
        """Give back memory that the next call takes again, where that is quickly done."""
        self._features.release()


def _on_device(path, target):
    # It takes a fifth of a second to import, and the CPU does without.
    from analogy.network.onnx_features import OnnxFeatures

    return OnnxFeatures(path, target)


def _own(path, network):
    return ConvolvedFeatures(Network.load(path) if network is None else network)


class ConvolvedFeatures:
    """The network by this project's convolutions, on the CPU.

    Parameters
    ----------
    network : Network
    """

    providers = (_OWN,)

    def __init__(self, network: Network) -> None:
        self._network = network
        self._parts: list[list[Step]] = []

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, ...]:
        """Maps of an image; as :meth:`FeatureExtractor.__call__`."""
        self._parts = self._parts or _parts(self._network)
        maps = [np.ascontiguousarray(image - self._network.mean, np.float32)]
        for steps in self._parts:
            x = maps[-1]
            for step in steps:
                found = step.room(x.shape, CPU)
                step.forward(x, None, found)
                x = found.features
            maps.append(x)
        return tuple(maps)

    def release(self) -> None:
        """Give back the filters, 200 MB that are laid out again in a quarter of a second."""
        self._parts = []


def _parts(network):
    """By level, the steps that lead there from the one before."""
    return [
        steps_of([_bank(layer) for layer in network.layers(level, level + 1)]) for level in range(5)
    ]


def _bank(layer):
    if isinstance(layer, MaxPool):
        return layer
    return filter_bank(layer.weights, layer.bias, CPU, backward=False)
