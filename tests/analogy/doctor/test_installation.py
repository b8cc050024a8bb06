from analogy.doctor import installation
from analogy.network import features
from analogy.network.onnx_features import OnnxFeatures
from analogy_kernels.target import CPU


def test_missing_provider_fails_with_a_remedy(monkeypatch):
    """ONNX Runtime falls back silently: only the session tells."""

    class OnCuda(OnnxFeatures):
        device = "cuda"

        def __init__(self, path, _):
            super().__init__(path, CPU)

    monkeypatch.setattr(features, "FeatureExtractor", OnCuda)

    finding = installation.network("cpu", None)

    assert finding.status == "broken"
    assert finding.found == "runs on CPUExecutionProvider although there is a CUDA device"
    assert "[gpu]" in finding.remedy


def test_runtime_installed_twice_fails_with_a_remedy(monkeypatch):
    monkeypatch.setattr(installation, "version", lambda package: "1.22")

    finding = installation._runtime()

    assert finding.status == "broken"
    assert finding.found == "onnxruntime 1.22, onnxruntime-gpu 1.22"
    assert "pip uninstall" in finding.remedy
