"""Weights of other programs into this project's form."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from analogy.errors import AnalogyError, brief
from analogy.model import describe
from analogy.model.architecture import (
    CHANNELS,
    LAYERS,
    OXFORD_MEAN,
    VGG16_LACKS,
    identity_convolution,
    is_convolution,
)
from analogy.model.graph import Weights, read_model, write_model
from analogy.system.outputs import staged

_READERS = {
    ".h5": "keras",
    ".hdf5": "keras",
    ".caffemodel": "caffe",
    ".pth": "pytorch",
    ".pt": "pytorch",
    ".npz": "numpy_archive",
    ".safetensors": "safetensors",
}

# Of torchvision's preprocessing, RGB on the scale 0-1.
_TORCHVISION_MEAN = np.array([0.485, 0.456, 0.406])
_TORCHVISION_DEVIATION = np.array([0.229, 0.224, 0.225])

# First biases of conv1_1 in Oxford's VGG-19 and VGG-16: they tell those weights in whatever layout.
_OXFORD_BIASES = np.array([[0.73018, 0.06494, 0.03429], [0.73430, 0.09340, 0.06776]])
_BIAS_TOLERANCE = 1e-3

_OXFORD_ORIGIN = (
    "Karen Simonyan and Andrew Zisserman, 'Very deep convolutional networks for large-scale image "
    "recognition', ICLR 2015, Visual Geometry Group, University of Oxford"
)
_OXFORD_LICENCE = "CC BY 4.0, Karen Simonyan and Andrew Zisserman"


def convert(source, destination):
    """Convert weights of VGG-19, or of VGG-16, to the ONNX form that this program reads.

    =================  ===================================================  ====================
    file               names understood                                     taken to expect
    =================  ===================================================  ====================
    ``.h5``            ``block1_conv1/.../kernel`` or ``..._W``, ``bias``   Oxford's (below)
    ``.caffemodel``    layers ``conv1_1`` ...                               Oxford's
    ``.pth``           ``features.0.weight``, ``features.0.bias``           torchvision's
    ``.npz``,          any of ``conv1_1/kernel``, ``conv1_1.weight``        as the names they
    ``.safetensors``   and ``features.0.weight``                            are like
    ``.onnx``          this program's own form
    =================  ===================================================  ====================

    A name ending in ``kernel`` or ``W`` is of shape (3, 3, in, out), one in ``weight`` (out, in, 3,
    3). Oxford's preprocessing is BGR on the scale 0-255 less (103.939, 116.779, 123.68),
    torchvision's RGB on the scale 0-1 less its mean over its deviation; Oxford's own weights
    under torchvision's names are recognised. Whichever it is goes into the first convolution.

    Parameters
    ----------
    source : path-like
    destination : path-like
        ONNX file to write, whole or not at all.

    Returns
    -------
    dict, str -> str
        As :func:`analogy.model.describe` tells of the result.

    Raises
    ------
    AnalogyError
        If the source is malformed or is another network, naming its first wrong layer, or if the
        destination cannot be written.
    """
    source, destination = Path(source), Path(destination)
    if source.suffix.lower() == ".onnx":
        weights, _ = read_model(source)
    else:
        weights = _read(source)
    content = write_model(weights)
    try:
        with staged(destination.parent) as folder:
            (folder / destination.name).write_bytes(content)
    except OSError as error:
        raise AnalogyError(
            f"{destination}: cannot be written ({error.strerror}); make room or write elsewhere"
        ) from error
    return describe(destination)


@dataclass(frozen=True)
class _Naming:
    """How a family of programs names the network's tensors.

    Attributes
    ----------
    pattern : re.Pattern
        Its groups "layer" and "part" say which tensor a name means.
    layers : callable, names -> dict
        From what the group "layer" matched to the layer's name here.
    channels_last : bool
        Whether kernels are (3, 3, in, out) and not (out, in, 3, 3).
    oxford : bool
        Whether Oxford's preprocessing goes with it.
    """

    pattern: re.Pattern
    layers: Callable
    channels_last: bool
    oxford: bool


def _numbered_layers(names):
    """Layers named by block and place: conv1_2 and block1_conv2."""
    own = {name.removeprefix("conv"): name for name in CHANNELS}
    return own | {number.replace("_", "_conv"): name for number, name in own.items()}


def _sequential_layers(names):
    """Layers by their index in torchvision's row of convolutions, ReLUs and pools."""
    # There VGG-16 has conv4_1 and VGG-19 a ReLU.
    omitted = VGG16_LACKS if "features.17.weight" in names else ()
    found, index = {}, 0
    for name in LAYERS:
        if name in omitted:
            continue
        found[str(index)] = name
        index += 2 if is_convolution(name) else 1
    return found


_NAMINGS = (
    _Naming(
        re.compile(
            r"(?:^|/)(?:block|conv)(?P<layer>\d_(?:conv)?\d)/(?:.*[/_])?"
            r"(?P<part>kernel|W|bias|b)(?:_1)?(?::0)?$"
        ),
        _numbered_layers,
        channels_last=True,
        oxford=True,
    ),
    _Naming(
        re.compile(r"(?:^|\.)conv(?P<layer>\d_\d)\.(?P<part>weight|bias)$"),
        _numbered_layers,
        channels_last=False,
        oxford=True,
    ),
    _Naming(
        re.compile(r"^features\.(?P<layer>\d+)\.(?P<part>weight|bias)$"),
        _sequential_layers,
        channels_last=False,
        oxford=False,
    ),
)


def _read(path):
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = " ".join([*_READERS, ".onnx"])
        raise AnalogyError(f"{path}: not a known kind of weights file; give one of {known}")
    with _malformed_told(path):
        sha256 = _sha256(path)
        with import_module(f"analogy.model.readers.{reader}").open_tensors(path) as tensors:
            naming, named = _recognise(path, tensors)
            padded = not any((layer, "kernel") in named for layer in VGG16_LACKS)
            _check_shapes(path, named, naming.channels_last, VGG16_LACKS if padded else ())
            convolutions = {
                layer: identity_convolution(layer)
                if padded and layer in VGG16_LACKS
                else _load(path, named, layer, naming.channels_last)
                for layer in CHANNELS
            }
    mean, convolutions, is_oxford = _fold_preprocessing(convolutions, naming.oxford)
    metadata = {
        "name": f"VGG-{16 if padded else 19} from {path.name}",
        "origin": _OXFORD_ORIGIN if is_oxford else "see the source",
        "licence": _OXFORD_LICENCE if is_oxford else "that of the source",
        "source": path.name,
        "source_sha256": sha256,
    }
    return Weights(mean, convolutions, metadata)


@contextmanager
def _malformed_told(path):
    """Answer for readers, which a malformed file may lead to any exception at all."""
    try:
        yield
    except AnalogyError:
        raise
    except OSError as error:
        reason = error.strerror or "damaged"
        raise AnalogyError(
            f"{path}: cannot be read ({reason}); name a file that is whole"
        ) from error
    except Exception as error:
        raise AnalogyError(
            f"{path}: no {path.suffix} weights file, or a damaged one ({brief(error)}); get it anew"
        ) from error


def _sha256(path):
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _recognise(path, tensors):
    """The naming a file follows, and its tensors by (layer, "kernel" or "bias")."""
    for naming in _NAMINGS:
        layers = naming.layers(tensors)
        named = {}
        for name, tensor in tensors.items():
            match = naming.pattern.search(name)
            layer = layers.get(match["layer"]) if match else None
            if match and layer in CHANNELS:
                part = "bias" if match["part"] in ("bias", "b") else "kernel"
                named.setdefault((layer, part), tensor)
        if named:
            return naming, named
    raise AnalogyError(
        f"{path}: no layer conv1_1 in it under any name known, such as block1_conv1/kernel, "
        "conv1_1.weight or features.0.weight; give weights of VGG-19"
    )


def _check_shapes(path, named, channels_last, omitted):
    """Before anything is loaded, so that a wrong size is never allocated."""
    for layer, (channels_in, channels_out) in CHANNELS.items():
        if layer in omitted:
            continue
        kernel = (
            (3, 3, channels_in, channels_out)
            if channels_last
            else (channels_out, channels_in, 3, 3)
        )
        for part, expected in (("kernel", kernel), ("bias", (channels_out,))):
            tensor = named.get((layer, part))
            if tensor is None:
                raise _wrong(path, layer, f"no {part}", f"one of shape {expected}")
            if tensor.shape != expected:
                raise _wrong(path, layer, f"a {part} of shape {tensor.shape}", expected)


def _load(path, named, layer, channels_last):
    kernel, bias = (named[layer, part].load() for part in ("kernel", "bias"))
    for part, values in (("kernel", kernel), ("bias", bias)):
        if values.dtype.kind != "f":
            raise _wrong(path, layer, f"a {part} of {values.dtype}", "floating-point numbers")
        if not np.isfinite(values).all():
            raise _wrong(path, layer, f"a {part} with NaN or infinity", "finite numbers")
    if channels_last:
        kernel = kernel.transpose(3, 2, 0, 1)
    return np.array(kernel, np.float32, order="C"), np.array(bias, np.float32)


def _fold_preprocessing(convolutions, oxford):
    """Mean to subtract from RGB on the scale 0-255, and convolutions made for that."""
    weights, bias = convolutions["conv1_1"]
    is_oxford = bool((abs(bias[:3] - _OXFORD_BIASES) < _BIAS_TOLERANCE).all(axis=1).any())
    if oxford or is_oxford:
        mean, weights = OXFORD_MEAN, weights[:, ::-1]
    else:
        mean = (255 * _TORCHVISION_MEAN).astype(np.float32)
        weights = weights / (255 * _TORCHVISION_DEVIATION)[:, None, None]
    folded = np.ascontiguousarray(weights, np.float32)
    return mean, convolutions | {"conv1_1": (folded, bias)}, is_oxford


def _wrong(path, layer, found, expected):
    return AnalogyError(
        f"{path}: not VGG-19 or VGG-16; layer {layer}: found {found}, expected {expected}; "
        "give weights of one of these"
    )
