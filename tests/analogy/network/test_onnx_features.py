import warnings

import numpy as np
import pytest
import skimage.data

from analogy.errors import AnalogyError
from analogy.model import bundled_path
from analogy.network import onnx_features as module
from analogy.network.features import FeatureExtractor
from analogy.network.onnx_features import OnnxFeatures
from analogy_kernels.target import CPU, CUDA


def photograph(height, width):
    return np.ascontiguousarray(skimage.data.astronaut()[60 : 60 + height, 180 : 180 + width])


@pytest.mark.parametrize("content", [None, b"", b"no model"])
def test_no_model_is_refused(content, tmp_path):
    path = tmp_path / "a.onnx"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(AnalogyError, match=r"a\.onnx: ONNX Runtime cannot load it") as refusal:
        OnnxFeatures(path, CPU)

    assert "\n" not in str(refusal.value)


def test_cuda_that_does_not_load_is_no_noise(capfd):
    """Of this the session's providers tell; on a machine with a GPU it loads."""
    with warnings.catch_warnings(action="error"):
        session = module._session(bundled_path(), CUDA)

    assert session.get_providers()[-1] == "CPUExecutionProvider"
    assert capfd.readouterr() == ("", "")


def test_providers_are_told():
    assert OnnxFeatures(bundled_path(), CPU).providers == ("CPUExecutionProvider",)


def test_features_go_to_the_target_where_the_network_cannot(target):
    """A GPU for the kernels with no cuDNN for ONNX Runtime: maps are copied there."""
    image = photograph(32, 32)

    features = OnnxFeatures(bundled_path(), target)(image)

    expected_features = FeatureExtractor(bundled_path(), "cpu")(image)
    for computed, expected in zip(features, expected_features, strict=True):
        assert isinstance(computed, np.ndarray) == (target is CPU)
        np.testing.assert_allclose(
            target.to_host(computed), expected, rtol=1e-4, atol=1e-5 * expected.max()
        )


def test_two_installations_are_told_with_the_remedy(tmp_path, monkeypatch):
    for package in ("onnxruntime", "onnxruntime_gpu"):
        folder = tmp_path / f"{package}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: 1.0\n"
        )
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(AnalogyError, match=r"both installed .*pip uninstall"):
        OnnxFeatures(bundled_path(), CPU)


def test_threads_are_as_many_as_numba_is_told(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    bounded = OnnxFeatures(bundled_path(), CPU)
    monkeypatch.delenv("NUMBA_NUM_THREADS")
    free = OnnxFeatures(bundled_path(), CPU)

    threads = [each._session.get_session_options().intra_op_num_threads for each in (bounded, free)]
    assert threads == [1, 0]
