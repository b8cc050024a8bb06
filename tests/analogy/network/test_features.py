import warnings

import numpy as np
import onnx
import pytest
import skimage.data
from onnx import numpy_helper

from analogy.errors import AnalogyError
from analogy.model import bundled_path
from analogy.network import features as module
from analogy.network.features import FeatureExtractor
from analogy.network.layers import MaxPool, Network
from analogy_kernels.target import CPU, CUDA, SIMULATED, cuda
from tests import oracles

CHANNELS = (3, 64, 128, 256, 512, 512)


@pytest.fixture(scope="module")
def extractor():
    return FeatureExtractor(bundled_path(), "cpu")


def photograph(height, width):
    return np.ascontiguousarray(skimage.data.astronaut()[60 : 60 + height, 180 : 180 + width])


def naive_features(image):
    """Level by level, from the layers that deconvolution uses."""
    network = Network.load(bundled_path())
    x = image - network.mean.astype(np.float64)
    maps = [x]
    for layer in network.layers(0, 5):
        if isinstance(layer, MaxPool):
            x = oracles.maxpool2x2(x)
        else:
            x = np.maximum(oracles.conv3x3(x, layer.weights, layer.bias), 0)
        if layer.name.endswith("_1"):
            maps.append(x)
    return maps


# 33 and 41 have odd halves on their way down, where rounding up and down differ.
@pytest.mark.parametrize("shape", [(32, 48), (33, 41)])
def test_features_are_those_of_the_layers(extractor, shape):
    image = photograph(*shape)

    features = extractor(image)

    assert len(features) == 6
    for computed, expected in zip(features, naive_features(image), strict=True):
        assert computed.dtype == np.float32
        assert computed.flags.c_contiguous
        # Dot products of up to 4608 terms in float32, a dozen of them in a row.
        np.testing.assert_allclose(computed, expected, rtol=1e-4, atol=1e-5 * expected.max())


def test_sizes_are_halved_rounding_up(extractor):
    features = extractor(photograph(37, 70))

    sizes = [(37, 70), (37, 70), (19, 35), (10, 18), (5, 9), (3, 5)]
    assert [x.shape for x in features] == [
        (*size, channels) for size, channels in zip(sizes, CHANNELS, strict=True)
    ]


def test_each_run_has_its_own_maps(extractor):
    image = photograph(32, 32)
    first = extractor(image)
    kept = [features.copy() for features in first]

    extractor(255 - image)

    for features, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(features, copy)


def test_image_need_not_be_contiguous(extractor):
    image = photograph(32, 64)

    mirrored = extractor(image[:, ::-1])

    np.testing.assert_array_equal(mirrored[5], extractor(np.ascontiguousarray(image[:, ::-1]))[5])


def test_float16_weights_stay_within_their_bound():
    """Weights that round to the bundled ones give nearly the bundled features."""
    bound = 2e-3
    model = onnx.load(bundled_path())
    random = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        if tensor.name.endswith("float16"):
            values = numpy_helper.to_array(tensor)
            # Half a unit in the last place to either side is what rounding can have done.
            values = values + random.uniform(-0.5, 0.5, values.shape) * np.spacing(abs(values))
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), tensor.name))
    image = photograph(64, 64)
    nodes = [node for node in model.graph.node if node.op_type == "Cast"]
    assert len(nodes) == 13

    unrounded = module.onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    ).run(None, {"image": image.astype(np.float32).transpose(2, 0, 1)[None]})

    for level, features in enumerate(FeatureExtractor(bundled_path(), "cpu")(image)):
        error = np.linalg.norm(features - unrounded[level][0]) / np.linalg.norm(features)
        assert error < bound


def test_cuda_that_does_not_load_is_no_noise(capfd):
    """Of this the session's providers tell; on a machine with a GPU it loads."""
    with warnings.catch_warnings(action="error"):
        session = module._session(bundled_path(), CUDA)

    assert session.get_providers()[-1] == "CPUExecutionProvider"
    assert capfd.readouterr() == ("", "")


def test_providers_and_device_are_told(extractor):
    assert extractor.device == "cpu"
    assert extractor.providers == ("CPUExecutionProvider",)


@pytest.mark.skipif(SIMULATED or not cuda.is_available(), reason="no GPU")
def test_cuda_agrees_with_the_cpu(extractor):
    on_cuda = FeatureExtractor(bundled_path(), "cuda")
    image = photograph(65, 48)

    for features, expected in zip(on_cuda(image), extractor(image), strict=True):
        assert not isinstance(features, np.ndarray)
        np.testing.assert_allclose(
            CUDA.to_host(features), expected, rtol=1e-4, atol=1e-5 * expected.max()
        )


def test_features_go_to_the_target_where_the_network_cannot(target):
    """A GPU for the kernels with no cuDNN for ONNX Runtime: maps are copied there."""
    extractor = FeatureExtractor(bundled_path(), "cpu")
    extractor._target = target
    image = photograph(32, 32)

    features = extractor(image)

    for computed, expected in zip(features, naive_features(image), strict=True):
        assert isinstance(computed, np.ndarray) == (target is CPU)
        np.testing.assert_allclose(
            target.to_host(computed), expected, rtol=1e-4, atol=1e-5 * expected.max()
        )


@pytest.mark.parametrize("content", [None, b"", b"no model"])
def test_no_model_is_refused(content, tmp_path):
    path = tmp_path / "a.onnx"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(AnalogyError, match=r"a\.onnx: ONNX Runtime cannot load it") as refusal:
        FeatureExtractor(path, "cpu")

    assert "\n" not in str(refusal.value)


def test_two_installations_are_told_with_the_remedy(tmp_path, monkeypatch):
    for package in ("onnxruntime", "onnxruntime_gpu"):
        folder = tmp_path / f"{package}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: 1.0\n"
        )
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(AnalogyError, match=r"both installed .*pip uninstall"):
        FeatureExtractor(bundled_path(), "cpu")


def test_threads_are_as_many_as_numba_is_told(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    bounded = FeatureExtractor(bundled_path(), "cpu")
    monkeypatch.delenv("NUMBA_NUM_THREADS")
    free = FeatureExtractor(bundled_path(), "cpu")

    threads = [each._session.get_session_options().intra_op_num_threads for each in (bounded, free)]
    assert threads == [1, 0]
