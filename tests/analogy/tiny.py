"""A network of VGG-19's form with few channels, quick enough for the simulator."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analogy.network.layers import Convolution, MaxPool, Network
from tests import oracles

CHANNELS = {"conv1_1": (3, 4), "conv1_2": (4, 3), "conv2_1": (3, 5), "conv2_2": (5, 4)}
CHANNELS |= {"conv3_1": (4, 5), "conv3_2": (5, 5), "conv4_1": (5, 6), "conv5_1": (6, 5)}
POOL_BEFORE = {"conv2_1": "pool1", "conv3_1": "pool2", "conv4_1": "pool3", "conv5_1": "pool4"}


def tiny_network(random):
    layers = []
    for name, (channels_in, channels_out) in CHANNELS.items():
        if name in POOL_BEFORE:
            layers.append(MaxPool(POOL_BEFORE[name]))
        scale = np.sqrt(2 / (9 * channels_in))
        weights = random.standard_normal((3, 3, channels_in, channels_out)) * scale
        bias = random.uniform(0, 0.2, channels_out)
        layers.append(Convolution(name, weights.astype(np.float32), bias.astype(np.float32)))
    return Network("tiny", Path("tiny"), "", np.zeros(3, np.float32), tuple(layers))


def tiny_features(network, image):
    """Features by level, with the image as level 0."""
    features, x = [image.astype(np.float32)], image.astype(np.float64)
    for layer in network.all_layers:
        if isinstance(layer, MaxPool):
            x = oracles.maxpool2x2(x)
        else:
            x = np.maximum(oracles.conv3x3(x, layer.weights, layer.bias), 0)
            if layer.name.endswith("_1"):
                features.append(x.astype(np.float32))
    return features


@dataclass(frozen=True)
class TinyExtractor:
    """What gives a tiny network's features on a target, called as a `FeatureExtractor` is."""

    network: object
    target: object

    def __call__(self, image):
        levels = tiny_features(self.network, image / 255)
        return [self.target.asarray(level) for level in levels]

    def release(self):
        """It holds nothing."""
