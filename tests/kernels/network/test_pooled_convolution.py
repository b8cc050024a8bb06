import numpy as np
import pytest

from analogy_kernels.network.convolution import conv3x3_relu
from analogy_kernels.network.filters import filter_bank
from analogy_kernels.network.pooled_convolution import (
    conv3x3_relu_maxpool,
    conv3x3_relu_maxpool_backward,
    pooled_scratch_elements,
)
from analogy_kernels.network.pooling import maxpool2x2
from analogy_kernels.target import CPU
from tests import oracles
from tests.layers import LARGEST_OF_GRADIENTS, assert_close, layer

# (height, width, channels in, channels out): odd sizes, maps smaller than a tile and than a window,
# channel counts that no block divides, and thin layers, whose map goes through scratch.
SMALL = [(5, 7, 3, 5), (1, 1, 2, 3), (1, 4, 16, 4), (6, 5, 17, 5)]
LARGE = [
    (33, 46, 16, 24),
    pytest.param((73, 81, 64, 80), marks=pytest.mark.compiled),
    pytest.param((90, 130, 70, 130), marks=pytest.mark.compiled),
]


def check_forward(target, random, size):
    source, weights, bias = layer(random, size)
    bank = filter_bank(weights, bias, target)

    out, argmax = conv3x3_relu_maxpool(target.asarray(source), bank)

    full = np.maximum(oracles.conv3x3(source, weights, bias), 0)
    assert_close(target.to_host(out), oracles.maxpool2x2(full))
    # Where it was: by the map of the same arithmetic, as rounding decides between like values.
    _, expected = maxpool2x2(conv3x3_relu(target.asarray(source), bank))
    np.testing.assert_array_equal(target.to_host(argmax), target.to_host(expected))


def check_backward(target, random, size):
    source, weights, bias = layer(random, size)
    full = target.to_host(conv3x3_relu(target.asarray(source), filter_bank(weights, bias, target)))
    pooled, argmax = maxpool2x2(target.asarray(full))
    gradient = random.standard_normal(pooled.shape, np.float32)

    out = conv3x3_relu_maxpool_backward(
        target.asarray(gradient),
        pooled,
        argmax,
        filter_bank(weights, bias, target),
        source.shape[:2],
    )

    unpooled = oracles.maxpool2x2_backward(gradient, full)
    assert_close(
        target.to_host(out),
        oracles.conv3x3_relu_backward(unpooled, full, weights),
        LARGEST_OF_GRADIENTS,
    )


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


@pytest.mark.parametrize("channels", [3, 16])
def test_scratch_and_results_are_used_and_may_hold_anything(target, random, channels):
    source, weights, bias = layer(random, (5, 6, channels, 20))
    bank = filter_bank(weights, bias, target)
    expected, expected_argmax = conv3x3_relu_maxpool(target.asarray(source), bank)
    scratch = target.asarray(np.full(pooled_scratch_elements(bank, 5, 6), np.nan, np.float32))
    out = target.asarray(np.full((3, 3, 20), np.nan, np.float32))
    argmax = target.asarray(np.full((3, 3, 20), 9, np.uint8))

    found = conv3x3_relu_maxpool(target.asarray(source), bank, scratch, out, argmax)

    assert found[0] is out
    assert found[1] is argmax
    np.testing.assert_array_equal(target.to_host(out), target.to_host(expected))
    np.testing.assert_array_equal(target.to_host(argmax), target.to_host(expected_argmax))


def test_what_does_not_fit_is_refused(random):
    source, weights, bias = layer(random, (5, 6, 16, 20))
    bank = filter_bank(weights, bias)
    out, argmax = conv3x3_relu_maxpool(source, bank)
    short = np.empty(pooled_scratch_elements(bank, 5, 6) - 1, np.float32)

    with pytest.raises(ValueError, match="scratch has"):
        conv3x3_relu_maxpool(source, bank, short)
    with pytest.raises(ValueError, match=r"source is float32 \(5, 6, 15\)"):
        conv3x3_relu_maxpool(source[..., 1:].copy(), bank)
    with pytest.raises(ValueError, match=r"gradient is float32 \(3, 3, 20\)"):
        conv3x3_relu_maxpool_backward(out, out, argmax, bank, (5, 8))
    with pytest.raises(ValueError, match="argmax is float32"):
        conv3x3_relu_maxpool_backward(out, out, out, bank, (5, 6))
    with pytest.raises(TypeError, match="bank is a ndarray"):
        conv3x3_relu_maxpool(source, weights)
