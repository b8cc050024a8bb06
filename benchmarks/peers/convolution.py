"""A 3x3 convolution with ReLU, as VGG has it, forward and back to its input.

Everyone has maps in the order of axes that suits it best; turning them around is not measured.
"""

from __future__ import annotations

import sys
from functools import partial

import numpy as np

from benchmarks.peers.contest import Contender, Contest

CHANNELS = 64

# Enough for the kernels that large maps are worked on by.
_WARM_UP_SIDE = 64


def contests(side):
    """64 channels to 64, at `side` pixels."""
    problem, warm_up = _problem(side), _problem(_WARM_UP_SIDE)
    size = f"{side}x{side}, {CHANNELS} channels"
    return (
        Contest(
            f"Convolution and ReLU, forward, {size}",
            _contenders(forward_by_ours, forward_by_onnx, forward_by_torch, forward_by_numpy),
            problem,
            warm_up,
            partial(_judge, problem["activation"]),
            {"relative error": min},
        ),
        Contest(
            f"Convolution and ReLU, gradient to the input, {size}",
            _contenders(backward_by_ours, backward_by_onnx, backward_by_torch, backward_by_numpy),
            problem,
            warm_up,
            partial(_judge, _gradient(problem)),
            {"relative error": min},
            (
                "ONNX Runtime has no gradients: here it is given the convolution that the gradient "
                "is, of the masked gradient with the filters turned.",
            ),
        ),
    )


def _contenders(ours, onnx, torch, by_numpy):
    onnx_distribution = "onnxruntime" if sys.platform == "darwin" else "onnxruntime-gpu"
    return (
        Contender("ours", ours),
        Contender("ONNX Runtime", onnx, onnx_distribution),
        Contender("PyTorch", torch, "torch", {"channels_last": False}),
        Contender("PyTorch, channels last", torch, "torch", {"channels_last": True}),
        Contender("NumPy, im2col", by_numpy, "numpy"),
    )


def forward_by_ours(x, weights, bias, activation, gradient, threads):
    from analogy_kernels.network.convolution import conv3x3_relu, scratch_elements
    from analogy_kernels.network.filters import filter_bank

    bank = filter_bank(weights, bias)
    scratch = np.empty(scratch_elements(bank, *x.shape[:2]), np.float32)
    out = np.empty((*x.shape[:2], CHANNELS), np.float32)
    return lambda: conv3x3_relu(x, bank, scratch, out)


def backward_by_ours(x, weights, bias, activation, gradient, threads):
    from analogy_kernels.network.convolution import (
        conv3x3_relu_backward,
        scratch_elements,
    )
    from analogy_kernels.network.filters import filter_bank

    bank = filter_bank(weights, bias)
    scratch = np.empty(scratch_elements(bank, *x.shape[:2]), np.float32)
    out = np.empty_like(x)
    return lambda: conv3x3_relu_backward(gradient, activation, bank, scratch, out)


def forward_by_onnx(x, weights, bias, activation, gradient, threads):
    nodes = [_onnx_convolution("x", "sum"), _onnx_node("Relu", ["sum"], ["y"])]
    session = _onnx_session(nodes, ["x"], weights, bias, threads)
    feed = {"x": _planes(x)}
    return lambda: session.run(None, feed)[0][0].transpose(1, 2, 0)


def backward_by_onnx(x, weights, bias, activation, gradient, threads):
    nodes = [
        _onnx_node("Sign", ["activation"], ["mask"]),
        _onnx_node("Mul", ["gradient", "mask"], ["masked"]),
        _onnx_convolution("masked", "y"),
    ]
    session = _onnx_session(
        nodes, ["gradient", "activation"], _turned(weights), np.zeros_like(bias), threads
    )
    feed = {"gradient": _planes(gradient), "activation": _planes(activation)}
    return lambda: session.run(None, feed)[0][0].transpose(1, 2, 0)


def forward_by_torch(x, weights, bias, activation, gradient, threads, channels_last):
    import torch

    torch.set_num_threads(threads)
    x, filters = (_torch_tensor(array, channels_last) for array in (_planes(x), _filters(weights)))
    bias = torch.from_numpy(bias)

    def work():
        with torch.inference_mode():
            y = torch.relu(torch.nn.functional.conv2d(x, filters, bias, padding=1))
            return y[0].permute(1, 2, 0).numpy()

    return work


def backward_by_torch(x, weights, bias, activation, gradient, threads, channels_last):
    import torch

    torch.set_num_threads(threads)
    filters, activation, gradient = (
        _torch_tensor(array, channels_last)
        for array in (_filters(weights), _planes(activation), _planes(gradient))
    )

    def work():
        # Both steps that its automatic gradients take, from the activation given.
        masked = torch.ops.aten.threshold_backward(gradient, activation, 0)
        found = torch.nn.grad.conv2d_input(activation.shape, filters, masked, padding=1)
        return found[0].permute(1, 2, 0).numpy()

    return work


def forward_by_numpy(x, weights, bias, activation, gradient, threads):
    return lambda: np.maximum(_by_patches(x, weights) + bias, 0)


def backward_by_numpy(x, weights, bias, activation, gradient, threads):
    turned = _turned(weights)
    return lambda: _by_patches(np.where(activation > 0, gradient, np.float32(0)), turned)


def _by_patches(x, weights):
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1))
    rows = windows.transpose(0, 1, 3, 4, 2).reshape(-1, weights[..., 0].size)
    return (rows @ weights.reshape(-1, weights.shape[3])).reshape(*x.shape[:2], -1)


def _torch_tensor(array, channels_last):
    import torch

    order = torch.channels_last if channels_last else torch.contiguous_format
    return torch.from_numpy(array).contiguous(memory_format=order)


def _onnx_node(kind, inputs, outputs, **attributes):
    from onnx import helper

    return helper.make_node(kind, inputs, outputs, **attributes)


def _onnx_convolution(name, out):
    inputs = [name, "weights", "bias"]
    return _onnx_node("Conv", inputs, [out], kernel_shape=[3, 3], pads=[1] * 4)


def _onnx_session(nodes, names, weights, bias, threads):
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    shape = 1, CHANNELS, "height", "width"
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in names],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [
            numpy_helper.from_array(_filters(weights), "weights"),
            numpy_helper.from_array(bias, "bias"),
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _planes(array):
    return np.ascontiguousarray(array.transpose(2, 0, 1)[None])


def _filters(weights):
    return np.ascontiguousarray(weights.transpose(3, 2, 0, 1))


def _turned(weights):
    """Filters of the transposed convolution."""
    return np.ascontiguousarray(weights[::-1, ::-1].transpose(0, 1, 3, 2))


def _judge(expected, out):
    error = np.linalg.norm(out - expected) / np.linalg.norm(expected)
    return {"relative error": float(error)}


def _gradient(problem):
    from tests import oracles

    return oracles.conv3x3_relu_backward(
        problem["gradient"], problem["activation"], problem["weights"]
    )


def _problem(side):
    from tests import oracles

    random = np.random.default_rng(0)
    x, gradient = random.standard_normal((2, side, side, CHANNELS), np.float32)
    weights = random.standard_normal((3, 3, CHANNELS, CHANNELS), np.float32)
    bias = random.standard_normal(CHANNELS, np.float32)
    # The same for all: rounding would switch the ReLU of a few pixels, and differently for each.
    activation = np.maximum(oracles.conv3x3(x, weights, bias), 0).astype(np.float32)
    return {
        "x": x,
        "weights": weights,
        "bias": bias,
        "activation": activation,
        "gradient": gradient,
    }
