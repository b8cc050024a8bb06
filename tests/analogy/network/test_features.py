import numpy as np
import onnx
import pytest
import skimage.data
from onnx import numpy_helper

from analogy.errors import AnalogyError
from analogy.model import bundled_path
from analogy.network.features import FeatureExtractor
from analogy.network.layers import MaxPool, Network
from analogy.network.onnx_features import OnnxFeatures
from analogy.network.onnx_runtime import onnxruntime
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


def test_features_are_those_of_onnx_runtime(extractor):
    image = photograph(130, 161)

    for computed, expected in zip(
        extractor(image), OnnxFeatures(bundled_path(), CPU)(image), strict=True
    ):
        # Where kernels take over from a library: thirteen layers of Winograd's 2e-6 at most.
        error = np.linalg.norm(computed - expected) / np.linalg.norm(expected)
        assert error < 1e-5


def test_a_network_that_is_there_is_not_loaded_again():
    network = Network.load(bundled_path())

    extractor = FeatureExtractor("nowhere.onnx", "cpu", network)

    np.testing.assert_array_equal(
        extractor(photograph(32, 32))[0], photograph(32, 32) - network.mean
    )


def test_what_computes_is_told(extractor):
    assert extractor.device == "cpu"
    assert extractor.providers == ("analogy_kernels",)


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

    unrounded = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    ).run(None, {"image": image.astype(np.float32).transpose(2, 0, 1)[None]})

    for level, features in enumerate(FeatureExtractor(bundled_path(), "cpu")(image)):
        error = np.linalg.norm(features - unrounded[level][0]) / np.linalg.norm(features)
        assert error < bound


@pytest.mark.skipif(SIMULATED or not cuda.is_available(), reason="no GPU")
def test_cuda_agrees_with_the_cpu(extractor):
    on_cuda = FeatureExtractor(bundled_path(), "cuda")
    image = photograph(65, 48)

    for features, expected in zip(on_cuda(image), extractor(image), strict=True):
        assert not isinstance(features, np.ndarray)
        np.testing.assert_allclose(
            CUDA.to_host(features), expected, rtol=1e-4, atol=1e-5 * expected.max()
        )


@pytest.mark.parametrize("content", [None, b"", b"no model"])
def test_no_model_is_refused(content, tmp_path):
    path = tmp_path / "a.onnx"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(AnalogyError, match=r"a\.onnx") as refusal:
        FeatureExtractor(path, "cpu")

    assert "\n" not in str(refusal.value)
