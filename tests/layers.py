"""Layers of a network that tests convolve, and how near results have to come to the oracles'."""

import numpy as np

# Winograd's F(4x4, 3x3) loses about four bits in its transforms, so some 16 times float32's half
# ulp (6e-8); ten times that leaves room for the sum over the channels. It holds of the length of
# the error and of its largest value.
RELATIVE_TOLERANCE = 1e-5

# Of the largest error of a gradient, which is like noise: that of a million comes to 0.9 to 1.2e-5
# by the seed and by the BLAS threads that transform the filters, where the length is 2.5e-6.
LARGEST_OF_GRADIENTS = 2 * RELATIVE_TOLERANCE


def layer(random, size):
    """Map, filters and bias of a size: height, width, channels in and out."""
    height, width, channels_in, channels_out = size
    source = np.maximum(random.standard_normal((height, width, channels_in), np.float32), 0)
    scale = np.float32(1 / np.sqrt(9 * channels_in))
    weights = random.standard_normal((3, 3, channels_in, channels_out), np.float32) * scale
    bias = random.standard_normal(channels_out, np.float32) * np.float32(0.1)
    return source, weights, bias


def assert_close(actual, expected, largest=RELATIVE_TOLERANCE):
    error = actual - expected
    assert np.linalg.norm(error) <= RELATIVE_TOLERANCE * np.linalg.norm(expected)
    assert np.abs(error).max() <= largest * np.abs(expected).max()
