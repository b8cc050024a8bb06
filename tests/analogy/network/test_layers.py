import numpy as np
import pytest

from analogy.errors import AnalogyError
from analogy.model import bundled_path
from analogy.model.graph import read_model
from analogy.network.layers import Convolution, MaxPool, Network


@pytest.fixture(scope="module")
def network():
    return Network.load(bundled_path())


@pytest.mark.parametrize(
    ("levels", "names"),
    [
        ((0, 1), ["conv1_1"]),
        ((0, 2), ["conv1_1", "conv1_2", "pool1", "conv2_1"]),
        ((1, 3), ["conv1_2", "pool1", "conv2_1", "conv2_2", "pool2", "conv3_1"]),
        # Without the identities conv3_4 and conv4_4.
        ((3, 4), ["conv3_2", "conv3_3", "pool3", "conv4_1"]),
        ((4, 5), ["conv4_2", "conv4_3", "pool4", "conv5_1"]),
    ],
)
def test_layers_between_levels(network, levels, names):
    assert [layer.name for layer in network.layers(*levels)] == names


def test_layers_fit_one_another(network):
    channels = 3
    for layer in network.layers(0, 5):
        if isinstance(layer, MaxPool):
            continue
        assert isinstance(layer, Convolution)
        assert layer.weights.shape[:3] == (3, 3, channels)
        assert layer.weights.flags.c_contiguous
        assert layer.weights.dtype == layer.bias.dtype == np.float32
        channels = layer.weights.shape[3]
        assert layer.bias.shape == (channels,)
    assert channels == network.channels(5)


def test_weights_are_those_of_the_file(network):
    stored, sha256 = read_model(bundled_path())
    kernel, bias = stored.convolutions["conv2_1"]
    layer = network.layers(1, 2)[-1]

    assert network.sha256 == sha256
    np.testing.assert_array_equal(layer.weights[2, 0, 5, 7], np.float32(kernel[7, 5, 2, 0]))
    np.testing.assert_array_equal(layer.bias, bias)


def test_mean_is_rgb(network):
    np.testing.assert_array_equal(network.mean, np.float32([123.68, 116.779, 103.939]))


@pytest.mark.parametrize(("level", "channels"), list(enumerate([3, 64, 128, 256, 512, 512])))
def test_channels(network, level, channels):
    assert network.channels(level) == channels


def test_no_model_is_refused(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"no model")

    with pytest.raises(AnalogyError, match=r"a\.onnx"):
        Network.load(tmp_path / "a.onnx")
