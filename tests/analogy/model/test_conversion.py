import os
import pickle
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from analogy.errors import AnalogyError
from analogy.model import bundled_path, convert
from analogy.model.architecture import OXFORD_MEAN, VGG16_LACKS, is_identity
from analogy.model.graph import read_model
from analogy.network.features import FeatureExtractor
from tests import oracles
from tests.analogy import weights_files as files

pytestmark = pytest.mark.smoke

ROOT = Path(__file__).resolve().parents[3]
ORIGINAL = ROOT.parent / "shared" / "vgg19" / "vgg19_notop_upto_block5_conv1.h5"

DEVIATION = np.array([0.229, 0.224, 0.225])
TORCHVISION_MEAN = np.array([0.485, 0.456, 0.406])

OXFORD_FORMATS = {
    "keras.h5": files.write_keras,
    "keras_model.h5": files.write_keras_model,
    "v1.caffemodel": files.write_caffe_v1,
    "new.caffemodel": files.write_caffe,
    "keras.npz": files.write_npz(files.keras_names),
    "caffe.safetensors": files.write_safetensors(files.caffe_names),
}
TORCHVISION_FORMATS = {
    "archive.pth": files.write_torch_archive(files.torchvision_names),
    "pickles.pth": files.write_torch_pickles(files.torchvision_names),
    "torch.npz": files.write_npz(files.torchvision_names),
    "torch.safetensors": files.write_safetensors(files.torchvision_names),
}
FORMATS = OXFORD_FORMATS | TORCHVISION_FORMATS


@pytest.fixture
def folder():
    """A folder gone after the test, since these files are big."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@pytest.fixture(scope="module")
def convolutions():
    return files.random_convolutions(np.random.default_rng(0))


def converted(write, path, convolutions):
    write(path, convolutions)
    destination = path.with_suffix(".onnx")
    convert(path, destination)
    return read_model(destination)[0]


@pytest.mark.parametrize("name", OXFORD_FORMATS)
def test_oxford_weights_keep_every_number(name, folder, convolutions):
    weights = converted(FORMATS[name], folder / name, convolutions)

    np.testing.assert_array_equal(weights.mean, OXFORD_MEAN)
    for layer, (kernel, bias) in convolutions.items():
        expected = kernel[:, ::-1] if layer == "conv1_1" else kernel
        np.testing.assert_array_equal(weights.convolutions[layer][0], expected)
        np.testing.assert_array_equal(weights.convolutions[layer][1], bias)


@pytest.mark.parametrize("name", TORCHVISION_FORMATS)
def test_torchvision_weights_are_scaled_in_the_first_layer_only(name, folder, convolutions):
    weights = converted(FORMATS[name], folder / name, convolutions)

    np.testing.assert_allclose(weights.mean, 255 * TORCHVISION_MEAN, rtol=1e-6)
    for layer, (kernel, bias) in convolutions.items():
        if layer == "conv1_1":
            kernel = kernel / (255 * DEVIATION[:, None, None])
        # float32's rounding of the quotient.
        np.testing.assert_allclose(weights.convolutions[layer][0], kernel, rtol=1e-6)
        np.testing.assert_array_equal(weights.convolutions[layer][1], bias)


@pytest.mark.parametrize("name", ["keras.h5", "pickles.pth"])
def test_first_features_are_those_of_the_preprocessing(name, folder, convolutions, random):
    write = FORMATS[name]
    write(folder / name, convolutions)
    convert(folder / name, folder / "model.onnx")
    image = random.integers(0, 256, (9, 12, 3), np.uint8)
    if name == "keras.h5":
        prepared = image[..., ::-1] - np.array([103.939, 116.779, 123.68])
    else:
        prepared = (image / 255 - TORCHVISION_MEAN) / DEVIATION
    kernel, bias = convolutions["conv1_1"]
    expected = np.maximum(oracles.conv3x3(prepared, files.channels_last(kernel), bias), 0)

    features = FeatureExtractor(folder / "model.onnx", "cpu")(image)[1]

    # 28 terms of up to 1e3, each rounded to float32.
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-6 * expected.max())


def test_vgg16_gets_identities(folder, convolutions):
    write = files.write_torch_archive(files.vgg16_names)

    weights = converted(write, folder / "vgg16.pth", convolutions)

    for layer in VGG16_LACKS:
        assert is_identity(*weights.convolutions[layer])
    np.testing.assert_array_equal(weights.convolutions["conv5_1"][0], convolutions["conv5_1"][0])


def test_oxford_weights_under_torchvision_names_are_recognised(folder, convolutions):
    kernel, bias = convolutions["conv1_1"]
    bias = np.concatenate([[0.7301776, 0.06493629, 0.03428847], bias[3:]]).astype(np.float32)
    oxford = convolutions | {"conv1_1": (kernel, bias)}

    weights = converted(FORMATS["pickles.pth"], folder / "oxford.pth", oxford)

    np.testing.assert_array_equal(weights.mean, OXFORD_MEAN)
    np.testing.assert_array_equal(weights.convolutions["conv1_1"][0], kernel[:, ::-1])
    assert "CC BY 4.0" in weights.metadata["licence"]


def test_own_form_is_taken_as_it_is(folder):
    convert(bundled_path(), folder / "again.onnx")

    assert (folder / "again.onnx").read_bytes() == bundled_path().read_bytes()


@pytest.mark.skipif(not ORIGINAL.exists(), reason="../shared absent")
def test_original_weights(folder):
    record = convert(ORIGINAL, folder / "original.onnx")

    weights, _ = read_model(folder / "original.onnx")
    assert record["licence"].startswith("CC BY 4.0")
    assert record["identity layers"] == "none"
    # The first bias of Oxford's VGG-19, as printed wherever it is used.
    assert weights.convolutions["conv1_1"][1][0] == pytest.approx(0.7301776, abs=1e-6)


@pytest.mark.parametrize("name", FORMATS)
def test_truncated_files_are_refused(name, folder, convolutions):
    FORMATS[name](folder / name, convolutions)
    os.truncate(folder / name, (folder / name).stat().st_size * 2 // 3)

    with pytest.raises(AnalogyError, match=name) as refusal:
        convert(folder / name, folder / "model.onnx")

    assert "\n" not in str(refusal.value)
    assert not (folder / "model.onnx").exists()


@pytest.mark.parametrize(
    "name", ["a.h5", "a.caffemodel", "a.pth", "a.npz", "a.safetensors", "a.onnx", "a.bin"]
)
@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + bytes(range(256))])
def test_other_files_are_refused(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(AnalogyError, match=name) as refusal:
        convert(tmp_path / name, tmp_path / "model.onnx")

    assert "\n" not in str(refusal.value)


def test_absent_file_is_named(tmp_path):
    with pytest.raises(AnalogyError, match=r"absent\.h5: cannot be read \(No such file"):
        convert(tmp_path / "absent.h5", tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conv3_2": None}, r"layer conv3_2: found no kernel, expected .*\(3, 3, 256, 256\)"),
        (
            {"conv2_1": (np.zeros((128, 64, 5, 5), np.float32), np.zeros(128, np.float32))},
            r"layer conv2_1: found a kernel of shape \(5, 5, 64, 128\), expected \(3, 3, 64, 128",
        ),
        (
            {"conv1_2": (np.zeros((64, 64, 3, 3), np.float32), np.zeros(63, np.float32))},
            r"layer conv1_2: found a bias of shape \(63,\), expected \(64,\)",
        ),
        (
            {"conv1_1": (np.full((64, 3, 3, 3), np.nan, np.float32), np.zeros(64, np.float32))},
            r"layer conv1_1: found a kernel with NaN",
        ),
        (
            {"conv1_1": (np.zeros((64, 3, 3, 3), np.int32), np.zeros(64, np.float32))},
            r"layer conv1_1: found a kernel of int32",
        ),
    ],
)
def test_first_wrong_layer_is_named(change, message, folder, convolutions):
    changed = {name: layer for name, layer in (convolutions | change).items() if layer}
    FORMATS["keras.npz"](folder / "wrong.npz", changed)

    with pytest.raises(AnalogyError, match=message):
        convert(folder / "wrong.npz", folder / "model.onnx")


@pytest.mark.parametrize("form", ["archive", "pickles"])
def test_nothing_in_a_pickle_is_run(form, tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "attacked"),)

    attack = pickle.dumps({"features.0.weight": Attack()}, 2)
    path = tmp_path / "evil.pth"
    if form == "archive":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", attack)
    else:
        path.write_bytes(attack)

    with pytest.raises(AnalogyError, match=r"evil\.pth: .*it asks for .*mkdir"):
        convert(path, tmp_path / "model.onnx")
    assert not (tmp_path / "attacked").exists()


def test_storage_that_claims_more_than_there_is_is_refused(folder, convolutions):
    tensors = files.torchvision_names(convolutions)
    with zipfile.ZipFile(folder / "claims.pth", "w") as archive:
        archive.writestr("vgg/data.pkl", files.state_dict(tensors, b"", length=2**40))
        for key, values in enumerate(tensors.values()):
            archive.writestr(f"vgg/data/{key}", values.tobytes())

    with pytest.raises(AnalogyError, match=r"claims\.pth: .* where a tensor of shape"):
        convert(folder / "claims.pth", folder / "model.onnx")


def test_tensor_that_reaches_out_of_its_storage_is_refused(folder, convolutions):
    tensors = files.torchvision_names(convolutions)
    with zipfile.ZipFile(folder / "claims.pth", "w") as archive:
        archive.writestr("vgg/data.pkl", files.state_dict(tensors, b"", length=8))
        for key in range(len(tensors)):
            archive.writestr(f"vgg/data/{key}", bytes(32))

    with pytest.raises(AnalogyError, match="reaches out of its storage"):
        convert(folder / "claims.pth", folder / "model.onnx")


def test_compressed_storage_is_refused(folder, convolutions):
    tensors = files.torchvision_names(convolutions)
    with zipfile.ZipFile(folder / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("vgg/data.pkl", files.state_dict(tensors, b""), zipfile.ZIP_STORED)
        archive.writestr("vgg/data/0", bytes(2**20))

    with pytest.raises(AnalogyError, match=r"bomb\.pth: .*vgg/data/0 is compressed"):
        convert(folder / "bomb.pth", folder / "model.onnx")


def test_unwritable_destination_is_named(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(AnalogyError, match="file"):
        convert(bundled_path(), tmp_path / "file" / "model.onnx")
