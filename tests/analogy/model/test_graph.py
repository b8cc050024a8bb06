import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from analogy.errors import AnalogyError
from analogy.model import bundled_path
from analogy.model.architecture import CHANNELS, LAYERS, identity_convolution, is_identity
from analogy.model.graph import read_model, write_model


@pytest.fixture(scope="module")
def bundled():
    return read_model(bundled_path())[0]


@pytest.fixture
def model():
    """The bundled model, to be changed."""
    return onnx.load(bundled_path())


def test_writing_what_was_read_gives_the_same_bytes(bundled):
    assert write_model(bundled) == bundled_path().read_bytes()


def test_graph_is_valid_onnx(model):
    onnx.checker.check_model(model, full_check=True)


def test_layers_are_those_of_vgg19():
    assert LAYERS[:3] == ("conv1_1", "conv1_2", "pool1")
    assert LAYERS[-2:] == ("pool4", "conv5_1")
    assert CHANNELS["conv1_1"] == (3, 64)
    assert CHANNELS["conv4_1"] == (256, 512)
    assert len(CHANNELS) == 13


def test_identity_is_told_from_what_is_not():
    weights, bias = identity_convolution("conv3_4")
    moved = np.roll(weights, 1, axis=3)
    swapped = weights[::-1]

    assert is_identity(weights, bias)
    assert not is_identity(2 * weights, bias)
    assert not is_identity(weights, bias + 1)
    assert not is_identity(moved, bias)
    assert not is_identity(swapped, bias)
    assert not is_identity(weights[:, :3], bias)


def _node(model, name):
    return next(node for node in model.graph.node if node.name == name)


def _tensor(model, name):
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def _floor_pools(model):
    attributes = _node(model, "pool2").attribute
    next(entry for entry in attributes if entry.name == "ceil_mode").i = 0


def _other_pool(model):
    _node(model, "pool3").op_type = "AveragePool"


def _missing_layer(model):
    model.graph.node.remove(_node(model, "conv2_2/relu"))


def _end_early(model):
    del model.graph.node[-4:]


def _go_on(model):
    model.graph.node.append(helper.make_node("Relu", ["relu5_1"], ["more"], name="conv5_2"))


def _more_channels(model):
    tensor = _tensor(model, "conv3_1/weights_float16")
    tensor.CopyFrom(numpy_helper.from_array(np.zeros((256, 129, 3, 3), np.float16), tensor.name))


def _short_data(model):
    tensor = _tensor(model, "conv4_2/bias")
    tensor.raw_data = tensor.raw_data[:-4]


def _external_data(model):
    tensor = _tensor(model, "conv4_3/bias")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def _no_bias(model):
    model.graph.initializer.remove(_tensor(model, "conv1_2/bias"))


def _nan(model):
    tensor = _tensor(model, "conv1_1/bias")
    tensor.CopyFrom(numpy_helper.from_array(np.full(64, np.nan, np.float32), tensor.name))


def _double_mean(model):
    tensor = _tensor(model, "mean")
    tensor.CopyFrom(numpy_helper.from_array(np.zeros((1, 3, 1, 1)), tensor.name))


def _other_output(model):
    del model.graph.output[2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_floor_pools, "layer pool2: found .*'ceil_mode': 0.*, expected .*'ceil_mode': 1"),
        (_other_pool, "layer pool3: found AveragePool, expected MaxPool"),
        (_missing_layer, "layer conv2_2/relu: found MaxPool, expected Relu"),
        (_end_early, "layer conv5_1/cast: found the end, expected Cast"),
        (_go_on, "layer conv5_2: found Relu, expected the end"),
        (
            _more_channels,
            r"layer conv3_1: found .*\(256, 129, 3, 3\), expected .*\(256, 128, 3, 3\)",
        ),
        (_short_data, "layer conv4_2: found conv4_2/bias of 2044 bytes"),
        (_external_data, "layer conv4_3: found conv4_3/bias of 0 bytes"),
        (_no_bias, "layer conv1_2: found no conv1_2/bias"),
        (_nan, "layer conv1_1: found conv1_1/bias with NaN"),
        (_double_mean, "layer mean: found mean double"),
        (_other_output, "layer interface: found image -> centred, relu1_1, relu3_1"),
    ],
)
def test_first_wrong_layer_is_named(change, message, model, tmp_path):
    change(model)
    path = tmp_path / "wrong.onnx"
    path.write_bytes(model.SerializeToString())

    with pytest.raises(AnalogyError, match=rf"wrong\.onnx: .*{message}") as refusal:
        read_model(path)

    assert "\n" not in str(refusal.value)


def test_another_network_is_refused(tmp_path):
    node = helper.make_node("Conv", ["data", "w"], ["out"], name="features.0")
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("data", "out")]
    path = tmp_path / "other.onnx"
    path.write_bytes(
        helper.make_model(
            helper.make_graph([node], "other", values[:1], values[1:])
        ).SerializeToString()
    )

    with pytest.raises(AnalogyError, match=r"other\.onnx: .*layer mean: found Conv, expected Sub"):
        read_model(path)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"no model at all"])
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "a.onnx").write_bytes(content)

    with pytest.raises(AnalogyError, match=r"a\.onnx: .*model convert FILE"):
        read_model(tmp_path / "a.onnx")


def test_absent_file_is_named():
    with pytest.raises(AnalogyError, match=r"absent\.onnx: cannot be read"):
        read_model("absent.onnx")
