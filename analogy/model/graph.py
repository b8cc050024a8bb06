"""The one form in which this project keeps its network: how it is written, checked and read.

An ONNX graph with the input ``image``, float32 (1, 3, height, width), RGB on the scale 0-255;
convolutions with ReLU and pools as :mod:`analogy.model.architecture` lists them; and the outputs
``centred``, which is the image with the mean subtracted, and ``relu1_1`` ... ``relu5_1``, all of
them channels last. Weights may be float16, the arithmetic is float32.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from analogy.errors import AnalogyError, brief
from analogy.model.architecture import (
    CHANNELS,
    LAYERS,
    OUTPUTS,
    REMEDY,
    channels_at,
    is_convolution,
)

# Old enough for every ONNX Runtime that has ceil_mode right.
_OPSET = 17
_IR_VERSION = 8

_DTYPES = {TensorProto.FLOAT: np.dtype(np.float32), TensorProto.FLOAT16: np.dtype(np.float16)}


@dataclass(frozen=True)
class Weights:
    """Everything that tells one network of this form from another.

    Attributes
    ----------
    mean : float32 array, (3,)
        RGB, on the scale 0-255.
    convolutions : dict, name -> (weights, bias)
        Weights (channels out, channels in, 3, 3), float16 or float32 alike in all layers, for
        RGB input; bias (channels out,), float32.
    metadata : dict, str -> str
        Name, origin, licence and the like.
    """

    mean: np.ndarray
    convolutions: dict[str, tuple[np.ndarray, np.ndarray]]
    metadata: dict[str, str]

    @property
    def dtype(self):
        return self.convolutions["conv1_1"][0].dtype


def write_model(weights):
    """Bytes of the ONNX file that holds `weights`; the same bytes for the same weights."""
    tensors = [numpy_helper.from_array(weights.mean.reshape(1, 3, 1, 1), "mean")]
    for name, (kernel, bias) in weights.convolutions.items():
        tensors.append(
            numpy_helper.from_array(np.ascontiguousarray(kernel), _stored(name, weights.dtype))
        )
        tensors.append(numpy_helper.from_array(bias, f"{name}/bias"))
    graph = helper.make_graph(
        list(_nodes(weights.dtype)),
        "vgg19",
        [_image()],
        [
            helper.make_tensor_value_info(
                name,
                TensorProto.FLOAT,
                (1, f"height_{level}", f"width_{level}", channels_at(level)),
            )
            for level, name in enumerate(OUTPUTS)
        ],
        tensors,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
    )
    helper.set_model_props(model, weights.metadata)
    return model.SerializeToString(deterministic=True)


def read_model(path):
    """Read and check an ONNX file of this form.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    weights : Weights
        Arrays are views of the file's content.
    sha256 : str
        SHA-256 of the file.

    Raises
    ------
    AnalogyError
        If the file cannot be read or is not this network; names the first layer that differs.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise AnalogyError(
            f"{path}: cannot be read ({error.strerror}); name an ONNX model that exists"
        ) from error
    try:
        model = onnx.ModelProto.FromString(content)
    except DecodeError as error:
        raise AnalogyError(f"{path}: no ONNX model; {REMEDY}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    del content
    try:
        return _checked(path, model), sha256
    # What protobuf takes as well formed may still be of types that ONNX does not know.
    except ValueError as error:
        raise AnalogyError(f"{path}: a damaged ONNX model ({brief(error)}); {REMEDY}") from error


def _checked(path, model):
    """Weights of a model, which must be of this form and have nothing besides."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    dtype = next((d for d in _DTYPES.values() if _stored("conv1_1", d) in tensors), None)
    _check_nodes(path, model.graph, dtype or np.dtype(np.float32))
    convolutions = {
        name: (
            _array(path, tensors, _stored(name, dtype), (*reversed(channels), 3, 3), dtype),
            _array(path, tensors, f"{name}/bias", (channels[1],), np.dtype(np.float32)),
        )
        for name, channels in CHANNELS.items()
    }
    mean = _array(path, tensors, "mean", (1, 3, 1, 1), np.dtype(np.float32)).reshape(3)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    # ONNX Runtime reads all there is, wherever a tensor says that it lies.
    if len(model.graph.initializer) != 1 + 2 * len(convolutions) or model.functions:
        raise _wrong(path, "weights", "more tensors or functions", "those of the layers")
    return Weights(mean, convolutions, metadata)


def _image():
    return helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, "height", "width"))


def _stored(name, dtype):
    """Name of a convolution's weights in the file; float16 ones are cast to the plain name."""
    return f"{name}/weights" if dtype == np.float32 else f"{name}/weights_{dtype}"


def _nodes(dtype):
    x = "image/centred"
    yield helper.make_node("Sub", ["image", "mean"], [x], name="mean")
    yield _channels_last(x, OUTPUTS[0])
    for name in LAYERS:
        if is_convolution(name):
            yield from _convolution(name, x, dtype)
            x = f"{name}/relu"
        else:
            yield helper.make_node(
                "MaxPool",
                [x],
                [name],
                name=name,
                kernel_shape=[2, 2],
                strides=[2, 2],
                pads=[0, 0, 0, 0],
                # Caffe's way: a window cut by the border counts, so no row or column is lost.
                ceil_mode=1,
            )
            x = name
        if name.endswith("_1"):
            yield _channels_last(x, f"relu{name[4:]}")


def _convolution(name, x, dtype):
    weights = _stored(name, np.dtype(np.float32))
    if dtype != np.float32:
        yield helper.make_node(
            "Cast", [_stored(name, dtype)], [weights], name=f"{name}/cast", to=TensorProto.FLOAT
        )
    yield helper.make_node(
        "Conv",
        [x, weights, f"{name}/bias"],
        [f"{name}/sum"],
        name=name,
        kernel_shape=[3, 3],
        strides=[1, 1],
        pads=[1, 1, 1, 1],
        dilations=[1, 1],
        group=1,
    )
    yield helper.make_node("Relu", [f"{name}/sum"], [f"{name}/relu"], name=f"{name}/relu")


def _channels_last(x, output):
    return helper.make_node("Transpose", [x], [output], name=output, perm=[0, 2, 3, 1])


def _check_nodes(path, graph, dtype):
    for expected, found in zip_longest(_nodes(dtype), graph.node):
        if expected is None:
            raise _wrong(path, found.name or found.op_type, found.op_type, "the end")
        if found is None:
            raise _wrong(path, expected.name, "the end", expected.op_type)
        if _essence(expected) != _essence(found):
            raise _wrong(path, expected.name, *_difference(expected, found))
    names = [[value.name for value in side] for side in (graph.input, graph.output)]
    if names != [["image"], list(OUTPUTS)]:
        raise _wrong(
            path,
            "interface",
            " -> ".join(map(", ".join, names)),
            f"image -> {', '.join(OUTPUTS)}",
        )
    if graph.input[0].type != _image().type:
        raise _wrong(path, "interface", "an image of another type", "float32 of any size")


def _essence(node):
    attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
    kind = f"{node.domain}:{node.op_type}" if node.domain else node.op_type
    return kind, tuple(node.input), tuple(node.output), attributes


def _difference(expected, found):
    """Whatever of two nodes differs first, found and expected."""
    parts = zip(_essence(found), _essence(expected), ("", "inputs ", "outputs ", ""), strict=True)
    for one, other, what in parts:
        if one != other:
            return f"{what}{one}", f"{what}{other}"
    raise AssertionError("the nodes are alike")


def _array(path, tensors, name, shape, dtype):
    layer = name.split("/")[0]
    tensor = tensors.get(name)
    if tensor is None:
        raise _wrong(path, layer, f"no {name}", f"{dtype} {shape}")
    if tuple(tensor.dims) != shape or _DTYPES.get(tensor.data_type) != dtype:
        kind = TensorProto.DataType.Name(tensor.data_type).lower()
        raise _wrong(path, layer, f"{name} {kind} {tuple(tensor.dims)}", f"{dtype} {shape}")
    if len(tensor.raw_data) != dtype.itemsize * int(np.prod(shape)):
        raise _wrong(path, layer, f"{name} of {len(tensor.raw_data)} bytes", f"{dtype} {shape}")
    array = np.frombuffer(tensor.raw_data, dtype).reshape(shape)
    if not np.isfinite(array).all():
        raise _wrong(path, layer, f"{name} with NaN or infinity", "finite numbers")
    return array


def _wrong(path, layer, found, expected):
    return AnalogyError(
        f"{path}: not VGG-19 in this program's form; "
        f"layer {brief(layer)}: found {brief(found)}, expected {expected}; {REMEDY}"
    )
