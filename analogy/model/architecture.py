"""VGG-19 up to relu5_1: layers in order, their channels, and what Oxford's weights expect.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition",
ICLR 2015, configuration E.
"""

from __future__ import annotations

import numpy as np

_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 1))

LEVELS = range(1, len(_BLOCKS) + 1)

# Of the graph, by level: the image with the mean subtracted, then features.
OUTPUTS = ("centred", *(f"relu{level}_1" for level in LEVELS))

# For whoever has a file that is not this network.
REMEDY = "make one from other weights by: model convert FILE"

# Mean of the training images, RGB, on the scale 0-255.
OXFORD_MEAN = np.array([123.68, 116.779, 103.939], np.float32)

# Convolutions that VGG-19 has and VGG-16 has not.
VGG16_LACKS = ("conv3_4", "conv4_4")


def _layers():
    for block, (_, convolutions) in enumerate(_BLOCKS, start=1):
        yield from (f"conv{block}_{index}" for index in range(1, convolutions + 1))
        if block < len(_BLOCKS):
            yield f"pool{block}"


def _channels():
    channels_in = 3
    for name in LAYERS:
        if is_convolution(name):
            channels_out = _BLOCKS[int(name[4]) - 1][0]
            yield name, (channels_in, channels_out)
            channels_in = channels_out


def is_convolution(name):
    return name.startswith("conv")


LAYERS = tuple(_layers())

# Channels in and out of each convolution, in order.
CHANNELS = dict(_channels())


def channels_at(level):
    """Channels of relu{level}_1, or of the image for level 0."""
    return CHANNELS[f"conv{level}_1"][1] if level else 3


def identity_convolution(name):
    """Weights and bias of a convolution that changes nothing.

    After a ReLU nothing is negative, so that the identity and its own ReLU leave the features as
    they are: VGG-16 becomes a VGG-19 with the same features (Chen et al., "Net2Net", ICLR 2016).

    Returns
    -------
    weights : float32 array, (channels out, channels in, 3, 3)
    bias : float32 array, (channels out,)
    """
    channels_in, channels_out = CHANNELS[name]
    weights = np.zeros((channels_out, channels_in, 3, 3), np.float32)
    weights[:, :, 1, 1] = np.eye(channels_out, channels_in)
    return weights, np.zeros(channels_out, np.float32)


def is_identity(weights, bias):
    """Whether a convolution, weights (channels out, channels in, 3, 3), changes nothing."""
    channels_out, channels_in = weights.shape[:2]
    return (
        channels_in == channels_out
        and not bias.any()
        and np.count_nonzero(weights) == channels_out
        and bool((weights[range(channels_out), range(channels_out), 1, 1] == 1).all())
    )
