import numpy as np
import pytest

from kernels.network.convolution import (
    conv3x3_relu,
    conv3x3_relu_backward,
    filter_bank,
    scratch_elements,
)
from kernels.target import CPU
from tests import oracles

# (height, width, channels in, channels out): odd sizes, maps smaller than a tile, channel counts
# that no block divides, and thin first layers.
SMALL = [(5, 7, 3, 5), (1, 1, 2, 3), (4, 9, 6, 4), (3, 6, 17, 5)]
LARGE = [
    (33, 46, 3, 64),
    (31, 29, 16, 24),
    (73, 81, 64, 32),
    # Uncompiled they take long, and sum in an order that loses more.
    pytest.param((80, 90, 130, 160), marks=pytest.mark.compiled),
    pytest.param((9, 150, 128, 96), marks=pytest.mark.compiled),
]

# Winograd's F(4x4, 3x3) loses about four bits in its transforms, so some 16 times float32's half
# ulp (6e-8) of the largest magnitude; ten times that leaves room for the sum over the channels.
RELATIVE_TOLERANCE = 1e-5


def layer(random, size):
    height, width, channels_in, channels_out = size
    source = np.maximum(random.standard_normal((height, width, channels_in), np.float32), 0)
    scale = np.float32(1 / np.sqrt(9 * channels_in))
    weights = random.standard_normal((3, 3, channels_in, channels_out), np.float32) * scale
    bias = random.standard_normal(channels_out, np.float32) * np.float32(0.1)
    return source, weights, bias


def assert_close(actual, expected):
    assert np.abs(actual - expected).max() <= RELATIVE_TOLERANCE * np.abs(expected).max()


def check_forward(target, random, size):
    source, weights, bias = layer(random, size)
    out = conv3x3_relu(target.asarray(source), filter_bank(weights, bias, target))
    assert_close(target.to_host(out), np.maximum(oracles.conv3x3(source, weights, bias), 0))


def check_backward(target, random, size):
    source, weights, bias = layer(random, size)
    activation = np.maximum(oracles.conv3x3(source, weights, bias), 0).astype(np.float32)
    gradient = random.standard_normal(activation.shape, np.float32)
    out = conv3x3_relu_backward(
        target.asarray(gradient), target.asarray(activation), filter_bank(weights, bias, target)
    )
    assert_close(target.to_host(out), oracles.conv3x3_relu_backward(gradient, activation, weights))


@pytest.mark.parametrize("size", SMALL, ids=str)
def test_forward(target, random, size):
    check_forward(target, random, size)


@pytest.mark.parametrize("size", SMALL, ids=str)
def test_backward(target, random, size):
    check_backward(target, random, size)


@pytest.mark.parametrize("size", LARGE, ids=str)
def test_many_tiles_forward_on_the_cpu(random, size):
    check_forward(CPU, random, size)


@pytest.mark.parametrize("size", LARGE, ids=str)
def test_many_tiles_backward_on_the_cpu(random, size):
    check_backward(CPU, random, size)


def test_scratch_and_out_are_used_and_may_hold_anything(random):
    source, weights, bias = layer(random, (13, 11, 16, 20))
    bank = filter_bank(weights, bias)
    scratch = np.full(scratch_elements(bank, 13, 11), np.nan, np.float32)
    out = np.full((13, 11, 20), np.nan, np.float32)

    assert conv3x3_relu(source, bank, scratch, out) is out

    assert_close(out, np.maximum(oracles.conv3x3(source, weights, bias), 0))


def test_rejects_filters_of_another_size():
    with pytest.raises(ValueError, match="not a 3x3 convolution"):
        filter_bank(np.zeros((5, 5, 3, 4), np.float32), np.zeros(4, np.float32))
