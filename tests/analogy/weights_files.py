"""Weights files of other programs, written byte by byte as those programs write them."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile

import h5py
import numpy as np

from analogy.model.architecture import CHANNELS, LAYERS, VGG16_LACKS, is_convolution

NAMES = tuple(CHANNELS)


def random_convolutions(random):
    """Weights (out, in, 3, 3) and biases of the whole network, float32, by layer."""
    return {
        name: (
            random.standard_normal((channels_out, channels_in, 3, 3), np.float32),
            random.standard_normal(channels_out, np.float32),
        )
        for name, (channels_in, channels_out) in CHANNELS.items()
    }


def channels_last(weights):
    return weights.transpose(2, 3, 1, 0)


def torchvision_names(convolutions, omitted=()):
    """Tensors under torchvision's names; layers are counted with their ReLUs and pools."""
    tensors, index = {}, 0
    for name in LAYERS:
        if name in omitted:
            continue
        if is_convolution(name):
            tensors[f"features.{index}.weight"], tensors[f"features.{index}.bias"] = convolutions[
                name
            ]
        index += 2 if is_convolution(name) else 1
    return tensors


def vgg16_names(convolutions):
    return torchvision_names(convolutions, VGG16_LACKS)


def caffe_names(convolutions):
    return {
        f"{name}.{part}": values
        for name, layer in convolutions.items()
        for part, values in zip(("weight", "bias"), layer, strict=True)
    }


def keras_names(convolutions):
    tensors = {}
    for name, (weights, bias) in convolutions.items():
        tensors[f"{name}/kernel"], tensors[f"{name}/bias"] = channels_last(weights), bias
    return tensors


def write_keras(path, convolutions):
    """As the Keras applications publish them: block1_conv1/block1_conv1_W_1:0."""
    with h5py.File(path, "w") as file:
        for name, (weights, bias) in convolutions.items():
            layer = f"block{name[4]}_conv{name[6]}"
            file[f"{layer}/{layer}_W_1:0"] = channels_last(weights)
            file[f"{layer}/{layer}_b_1:0"] = bias


def write_keras_model(path, convolutions):
    """As ``model.save("vgg19.h5")`` of Keras 2 writes a model with its optimizer's state."""
    with h5py.File(path, "w") as file:
        for name, (weights, bias) in convolutions.items():
            layer = f"block{name[4]}_conv{name[6]}"
            file[f"model_weights/{layer}/{layer}/kernel:0"] = channels_last(weights)
            file[f"model_weights/{layer}/{layer}/bias:0"] = bias
            file[f"optimizer_weights/Adam/{layer}/kernel/m:0"] = np.zeros(3)


def write_npz(names):
    return lambda path, convolutions: np.savez(path, **names(convolutions))


def write_safetensors(names):
    def write(path, convolutions):
        header, pieces, offset = {"__metadata__": {"format": "np"}}, [], 0
        for name, values in names(convolutions).items():
            piece = values.tobytes()
            header[name] = {
                "dtype": "F32",
                "shape": values.shape,
                "data_offsets": [offset, offset + len(piece)],
            }
            pieces.append(piece)
            offset += len(piece)
        text = json.dumps(header).encode()
        path.write_bytes(b"".join([struct.pack("<Q", len(text)), text, *pieces]))

    return write


def write_caffe_v1(path, convolutions):
    """Fields ``layers`` and blobs with num, channels, height and width: Caffe of 2014."""
    layers = [_field(1, b"VGG_ILSVRC_19_layers")]
    for name, layer in convolutions.items():
        blobs = [
            b"".join(_number(i, side) for i, side in enumerate(_four(values.shape), start=1))
            + _field(5, values.tobytes())
            for values in layer
        ]
        content = [_field(2, b"below"), _field(4, name.encode()), _number(5, 4)]
        layers.append(_field(2, b"".join(content + [_field(6, blob) for blob in blobs])))
    path.write_bytes(b"".join(layers))


def write_caffe(path, convolutions):
    """Fields ``layer`` and blobs with ``shape``; the biases' numbers are not packed."""
    layers = [_field(1, b"VGG19")]
    for name, (weights, bias) in convolutions.items():
        unpacked = b"".join(_varint(5 << 3 | 5) + struct.pack("<f", value) for value in bias)
        blobs = [
            _field(5, weights.tobytes()) + _shape(weights.shape),
            unpacked + _shape(bias.shape),
        ]
        content = [_field(1, name.encode()), _field(2, b"Convolution")]
        layers.append(_field(100, b"".join(content + [_field(7, blob) for blob in blobs])))
    path.write_bytes(b"".join(layers))


def write_torch_archive(names):
    """The zip archive of PyTorch 1.6 and later."""

    def write(path, convolutions):
        tensors = names(convolutions)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("vgg19/data.pkl", state_dict(tensors, view=b""))
            archive.writestr("vgg19/byteorder", "little")
            for key, values in enumerate(tensors.values()):
                archive.writestr(f"vgg19/data/{key}", values.tobytes())

    return write


def write_torch_pickles(names):
    """The row of pickles, storages after them, of earlier versions."""

    def write(path, convolutions):
        tensors = names(convolutions)
        stream = io.BytesIO()
        pickle.dump(0x1950A86A20F9469CFC6C, stream, 2)
        pickle.dump(1001, stream, 2)
        pickle.dump({"protocol_version": 1001, "little_endian": True}, stream, 2)
        stream.write(state_dict(tensors, view=b"N"))
        # Storages come in the order of their keys as text.
        keys = sorted(str(key) for key in range(len(tensors)))
        pickle.dump(keys, stream, 2)
        values = list(tensors.values())
        for key in keys:
            stream.write(struct.pack("<q", values[int(key)].size))
            stream.write(values[int(key)].tobytes())
        path.write_bytes(stream.getvalue())

    return write


def state_dict(tensors, view, length=None):
    """Pickle of a state dict, in the operations that PyTorch writes.

    `view` is the operation that makes the last entry of a storage's reference, `length` what
    storages claim to hold where it is not the truth.
    """
    empty = b"ccollections\nOrderedDict\n)R"
    items = []
    for key, (name, values) in enumerate(tensors.items()):
        strides = np.array(values.strides) // values.itemsize
        size = values.size if length is None else length
        storage = (
            b"(" + _plain("storage") + b"ctorch\nFloatStorage\n" + _plain(str(key))
            + _plain("cpu") + _plain(size) + view + b"tQ"
        )  # fmt: skip
        items.append(
            _plain(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + _plain(0)
            + _plain(values.shape) + _plain(tuple(strides.tolist())) + b"\x89" + empty + b"tR"
        )  # fmt: skip
    return b"\x80\x02" + empty + b"(" + b"".join(items) + b"u."


def _plain(value):
    """Operations that push a plain value: its pickle without frame."""
    return pickle.dumps(value, 2)[2:-1]


def _four(shape):
    return (1,) * (4 - len(shape)) + shape


def _shape(shape):
    return _field(7, _field(1, b"".join(map(_varint, shape))))


def _field(number, content):
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number, value):
    return _varint(number << 3) + _varint(value)


def _varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
