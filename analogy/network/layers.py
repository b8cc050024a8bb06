"""The network's layers, as deconvolution passes through them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analogy.model.architecture import LAYERS, channels_at, is_convolution, is_identity


@dataclass(frozen=True)
class Convolution:
    """A 3x3 convolution with zero padding, always followed by a ReLU.

    Attributes
    ----------
    name : str
    weights : float32 array, (3, 3, channels in, channels out)
        ``weights[ky, kx, c_in, c_out]``, correlated with the map and not turned.
    bias : float32 array, (channels out,)
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True)
class MaxPool:
    """A 2x2 max pool of stride 2; a window cut by the border takes what is inside."""

    name: str


@dataclass(frozen=True)
class Network:
    """VGG-19 up to relu5_1.

    Attributes
    ----------
    name : str
    path : pathlib.Path
        The ONNX file.
    sha256 : str
        SHA-256 of the ONNX file.
    mean : float32 array, (3,)
        RGB on the scale 0-255, subtracted from an image before the first layer.
    all_layers : tuple of Convolution or MaxPool
        Up to conv5_1, convolutions that change nothing left out.
    """

    name: str
    path: Path
    sha256: str
    mean: np.ndarray
    all_layers: tuple[Convolution | MaxPool, ...]

    @classmethod
    def load(cls, path: str | os.PathLike) -> Network:
        """Read the layers from an ONNX file of this project's form.

        Raises
        ------
        AnalogyError
            If the file is not this network.
        """
        # ONNX takes a while to import, and nothing else here needs it.
        from analogy.model.graph import read_model

        weights, sha256 = read_model(path)
        name = weights.metadata.get("name", Path(path).stem)
        layers = tuple(_layers(weights.convolutions))
        return cls(name, Path(path), sha256, weights.mean.copy(), layers)

    def layers(self, start_level: int, end_level: int) -> tuple[Convolution | MaxPool, ...]:
        """Layers that lead from the features of one level to those of a deeper one.

        Parameters
        ----------
        start_level : int
            0 ... 4, where 0 is the image with the mean subtracted and L is relu{L}_1.
        end_level : int
            Above `start_level`, at most 5.

        Returns
        -------
        tuple of Convolution or MaxPool
        """
        names = [layer.name for layer in self.all_layers]
        start = names.index(f"conv{start_level}_1") + 1 if start_level else 0
        return self.all_layers[start : names.index(f"conv{end_level}_1") + 1]

    @staticmethod
    def channels(level: int) -> int:
        """Channels of the features of a level."""
        return channels_at(level)


def _layers(convolutions):
    for name in LAYERS:
        if not is_convolution(name):
            yield MaxPool(name)
            continue
        weights, bias = convolutions[name]
        if not is_identity(weights, bias):
            yield Convolution(
                name,
                np.ascontiguousarray(weights.transpose(2, 3, 1, 0), np.float32),
                bias.copy(),
            )
