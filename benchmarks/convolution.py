"""Deconvolution's sub-nets, forward and backward, against ONNX Runtime's forward pass."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numba import get_num_threads
from onnx import TensorProto, helper, numpy_helper

from analogy.method.deconvolution import SubNet, prepare
from analogy.model import bundled_path
from analogy.network.features import FeatureExtractor
from analogy.network.layers import MaxPool, Network
from analogy_kernels.network.convolution import conv3x3_relu, conv3x3_relu_backward
from analogy_kernels.network.filters import filter_bank
from analogy_kernels.network.pooling import maxpool2x2
from analogy_kernels.network.winograd import FREQUENCIES
from analogy_kernels.network.winograd_tiles import TILE
from analogy_kernels.target import CPU
from benchmarks.cuda_model import network_work
from benchmarks.images import example_pair
from benchmarks.table import Figure, at_least, at_most
from benchmarks.timing import median_ratio, take_turns
from tests import oracles

# Levels between which a deconvolution works; level 0 is the image.
SUBNETS = ((5, 3), (4, 2), (3, 1), (2, 0))

# Bars: throughput over ONNX Runtime's, and the error's length over that of the result.
_THROUGHPUT = 1.7
_ERROR = 1e-5

# Bar: share of the limit, in percent.
_SHARE = 75

# Pixels a side on which a layer is compared with float64: more than 128 tiles, so that large maps
# are worked on as they would be whole.
_CROP = 48

_PASSES = 2


def measure(limits, *, side, rounds):
    """Throughput of the four sub-nets on images of `side` pixels, and every layer's error.

    Returns
    -------
    list of Figure
    """
    network = Network.load(bundled_path())
    features = FeatureExtractor(bundled_path(), "cpu")(example_pair(side, side)[0])
    figures = []
    for top, bottom in SUBNETS:
        layers = network.layers(bottom, top)
        name = f"{top}→{bottom or 'image'}"
        figures += _throughput(layers, features[bottom], name, limits, rounds)
    errors = np.max(list(layer_errors(network, features[0])), axis=0)
    for way, (relative, largest) in zip(("forward", "backward"), errors, strict=True):
        figures += [
            Figure("convolution", f"{way}: relative error", relative, "", at_most(_ERROR)),
            Figure("convolution", f"{way}: largest error / value", largest),
        ]
    return figures


def _throughput(layers, x, name, limits, rounds):
    prepared, shape = prepare(layers, 0, CPU), x.shape[:2]
    banks, subnet = prepared.banks, SubNet(prepared, x.shape, CPU)
    gradient = np.random.default_rng(0).standard_normal(subnet.output_shape, np.float32)
    out = np.empty_like(x)
    session, planes = onnx_session(layers, x.shape[2]), x.transpose(2, 0, 1)[None].copy()

    def both_passes():
        subnet.forward(x)
        subnet.backward(gradient, out)

    def onnx_forward():
        session.run(None, {"x": planes})

    both_passes()
    onnx_forward()
    seconds = take_turns(onnx_forward, both_passes, rounds=rounds)
    onnx_seconds, own_seconds = np.median(seconds, axis=0)
    flops = direct_flops(layers, shape)
    share = limits.share(
        _PASSES * product_flops(banks, shape), _PASSES * least_bytes(banks, shape), own_seconds
    )
    return [
        Figure(
            "convolution",
            f"{name}: speed / ONNX Runtime's",
            _PASSES * median_ratio(seconds),
            "",
            at_least(_THROUGHPUT),
        ),
        Figure("convolution", f"{name}: forward and backward", 1e3 * own_seconds, "ms"),
        Figure("convolution", f"{name}: own", _PASSES * flops / own_seconds / 1e9, "GFLOP/s"),
        Figure("convolution", f"{name}: ONNX Runtime", flops / onnx_seconds / 1e9, "GFLOP/s"),
        Figure("convolution", f"{name}: share of the limit", 100 * share, "%", at_least(_SHARE)),
    ]


def direct_flops(layers, shape):
    """Operations of a forward pass by the definition of convolution."""
    return network_work([layer.name for layer in layers], _channels(layers), shape).flops


def product_flops(banks, shape):
    """Operations of the matrix products in a forward pass, Winograd's for all but thin layers."""
    total = 0
    for bank, height, width in _convolutions(banks, shape):
        if bank.is_thin:
            rows = 9 * height * width
        else:
            rows = FREQUENCIES * -(-height // TILE) * -(-width // TILE)
        total += 2 * rows * bank.channels_in * bank.channels_out
    return total


def least_bytes(banks, shape):
    """Bytes of a forward pass if every map and every filter goes through memory once."""
    return sum(
        4 * (height * width * (bank.channels_in + bank.channels_out) + bank.forward.size)
        for bank, height, width in _convolutions(banks, shape)
    )


def _convolutions(banks, shape):
    height, width = shape
    for bank in banks:
        if isinstance(bank, MaxPool):
            height, width = (height + 1) // 2, (width + 1) // 2
        else:
            yield bank, height, width


def _channels(layers):
    return {
        layer.name: layer.weights.shape[2:] for layer in layers if not isinstance(layer, MaxPool)
    }


def onnx_session(layers, channels):
    """ONNX Runtime with the same layers and as many threads as Numba has.

    Its maps are channels first, as it likes them best.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = get_num_threads()
    return onnxruntime.InferenceSession(
        onnx_model(layers, channels), options, providers=["CPUExecutionProvider"]
    )


def onnx_model(layers, channels):
    """Bytes of an ONNX model, "x" (1, channels, height, width) -> "y"."""
    nodes, tensors, x = [], [], "x"
    for layer in layers:
        if isinstance(layer, MaxPool):
            nodes.append(
                helper.make_node(
                    "MaxPool",
                    [x],
                    [layer.name],
                    kernel_shape=[2, 2],
                    strides=[2, 2],
                    ceil_mode=1,
                )
            )
        else:
            weights, bias, total = (f"{layer.name}/{what}" for what in ("weights", "bias", "sum"))
            planes = np.ascontiguousarray(layer.weights.transpose(3, 2, 0, 1))
            tensors.append(numpy_helper.from_array(planes, weights))
            tensors.append(numpy_helper.from_array(layer.bias, bias))
            nodes.append(
                helper.make_node(
                    "Conv", [x, weights, bias], [total], kernel_shape=[3, 3], pads=[1, 1, 1, 1]
                )
            )
            nodes.append(helper.make_node("Relu", [total], [layer.name]))
        x = layer.name
    graph = helper.make_graph(
        nodes,
        "subnet",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, channels, "h", "w"))],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, None)],
        tensors,
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def layer_errors(network, image):
    """Errors of every layer against float64, on a crop; the gradient is white noise.

    Parameters
    ----------
    network : Network
    image : float32 array, (height, width, 3)
        With the mean subtracted.

    Yields
    ------
    ((float, float), (float, float))
        Forward and backward: length of the error over that of the result, and largest error over
        the largest value.
    """
    random, x = np.random.default_rng(0), image
    for layer in network.all_layers:
        if isinstance(layer, MaxPool):
            x, _ = maxpool2x2(x)
            continue
        bank = filter_bank(layer.weights, layer.bias)
        crop = np.ascontiguousarray(x[:_CROP, :_CROP])
        activation = conv3x3_relu(crop, bank)
        expected = np.maximum(oracles.conv3x3(crop, layer.weights, layer.bias), 0)
        gradient = random.standard_normal(activation.shape, np.float32)
        backward = conv3x3_relu_backward(gradient, activation, bank)
        expected_backward = oracles.conv3x3_relu_backward(gradient, activation, layer.weights)
        yield _errors(activation, expected), _errors(backward, expected_backward)
        x = conv3x3_relu(x, bank)


def _errors(actual, expected):
    error = actual - expected
    relative = np.linalg.norm(error) / np.linalg.norm(expected)
    return relative, np.abs(error).max() / np.abs(expected).max()
