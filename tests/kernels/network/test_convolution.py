import numpy as np
import pytest

from analogy_kernels.network.convolution import (
    conv3x3,
    conv3x3_backward,
    conv3x3_relu,
    conv3x3_relu_backward,
    scratch_elements,
)
from analogy_kernels.network.filters import FilterBank, filter_bank
from analogy_kernels.target import CPU, CUDA
from tests import oracles
from tests.layers import LARGEST_OF_GRADIENTS, assert_close, layer

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
    assert_close(
        target.to_host(out),
        oracles.conv3x3_relu_backward(gradient, activation, weights),
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


def off_by_one(target, array):
    """The array at no multiple of 16 bytes, as a slice may lie."""
    memory = target.asarray(np.append(np.float32(0), array))
    return memory[1:].reshape(array.shape)


def test_maps_that_cannot_be_read_by_fours_are_read_one_by_one(target, random):
    weights = random.standard_normal((3, 3, 8, 4), np.float32)
    bank = filter_bank(weights, np.zeros(4, np.float32), target)
    source, gradient = (random.standard_normal((3, 4, size), np.float32) for size in (8, 4))
    activation = random.standard_normal((3, 4, 4), np.float32)

    def results(place):
        out, back = (place(np.zeros((3, 4, size), np.float32)) for size in (4, 8))
        conv3x3(place(source), bank, out=out)
        conv3x3_relu_backward(place(gradient), place(activation), bank, out=back)
        return target.to_host(out), target.to_host(back)

    aligned, other = results(target.asarray), results(lambda array: off_by_one(target, array))
    for expected, found in zip(aligned, other, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("channels", [3, 16])
def test_what_does_not_fit_a_bank_is_refused(channels):
    weights = np.ones((3, 3, channels, 5), np.float32)
    bank = filter_bank(weights, np.zeros(5, np.float32))
    source, other = (np.ones((4, 4, size), np.float32) for size in (channels, channels + 1))
    short = np.empty(scratch_elements(bank, 4, 4) - 1, np.float32)

    with pytest.raises(ValueError, match=rf"has to be float32 \(height, width, {channels}\)"):
        conv3x3(other, bank)
    with pytest.raises(ValueError, match=r"has to be float32 \(height, width, 5\)"):
        conv3x3_backward(source, bank)
    with pytest.raises(ValueError, match="scratch has"):
        conv3x3(source, bank, short)
    with pytest.raises(TypeError, match="bank is a ndarray"):
        conv3x3(source, weights)
    with pytest.raises(ValueError, match="bank is not on the target of the arrays, cuda"):
        conv3x3(CUDA.asarray(source), bank)


def test_a_bank_without_filters_for_the_gradient_gives_none(target):
    weights, bias = np.ones((3, 3, 1, 1), np.float32), np.zeros(1, np.float32)
    bank = filter_bank(weights, bias, target, backward=False)
    image = target.asarray(np.ones((1, 1, 1), np.float32))

    assert bank.backward is None
    assert target.to_host(conv3x3(image, bank)).item() == 1
    with pytest.raises(ValueError, match="bank convolves forward alone"):
        conv3x3_backward(image, bank)


def test_a_map_is_not_convolved_in_place():
    bank = filter_bank(np.ones((3, 3, 3, 3), np.float32), np.zeros(3, np.float32))
    source = np.ones((4, 4, 3), np.float32)

    with pytest.raises(ValueError, match="out shares memory with source"):
        conv3x3(source, bank, out=source)


def test_a_bank_keeps_its_filters_when_the_weights_change():
    weights, bias = np.ones((3, 3, 1, 1), np.float32), np.zeros(1, np.float32)
    bank = filter_bank(weights, bias)
    weights[:], bias[:] = 7, 7

    assert conv3x3(np.ones((1, 1, 1), np.float32), bank).item() == 1


def test_filters_of_another_form_make_no_bank():
    bank = filter_bank(np.ones((3, 3, 16, 5), np.float32), np.zeros(5, np.float32))

    with pytest.raises(ValueError, match="forward is float32"):
        FilterBank(15, 5, bank.forward, bank.backward, bank.bias)
    with pytest.raises(ValueError, match=r"bias is float32 \(5,\)"):
        FilterBank(16, 4, bank.forward, bank.backward, bank.bias)


def test_what_is_no_number_is_not_hidden(target, random):
    weights = random.standard_normal((3, 3, 16, 8), np.float32)
    bank = filter_bank(weights, np.zeros(8, np.float32), target)
    source = np.ones((6, 6, 16), np.float32)
    source[2, 3] = np.nan

    out = target.to_host(conv3x3(target.asarray(source), bank))

    assert np.isnan(out[1:4, 2:5]).all()
