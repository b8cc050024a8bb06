import json

import numpy as np
import pytest

from analogy import doctor
from analogy.cli.main import main
from analogy.doctor import examine, is_healthy
from analogy.network import features
from analogy.parameters import Parameters
from analogy_kernels.imaging import vote, warp


@pytest.fixture
def command_line(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main(["doctor", *map(str, arguments)])
        return exit_.value.code, capsys.readouterr().out

    return call


@pytest.fixture
def broken(monkeypatch):
    """Checks of a machine on which something is broken: findings by check, of the broken ones."""
    # Where something is broken no transfer is tried, which this makes sure of.
    monkeypatch.setattr(doctor, "_trial_seconds", None)

    def examined(**options):
        findings = examine(**{"device": "cpu"} | options)
        assert not is_healthy(findings)
        return {finding.check: finding for finding in findings if finding.status == "broken"}

    return examined


def test_healthy_machine_passes_and_is_told_how_long_a_transfer_takes(command_line):
    code, out = command_line("--device", "cpu", "--json")

    report = json.loads(out)
    found = {finding["check"]: finding for finding in report["findings"]}
    assert code == 0
    assert report["healthy"]
    assert found["numpy"]["found"] == np.__version__
    assert "runs on CPUExecutionProvider" in found["network"]["found"]
    assert "448x448: about" in found["transfer"]["found"]
    assert "estimate" in found["transfer"]["found"]
    assert {"vote on cpu", "patch cost on cpu", "memory"} <= set(found)


def test_kernels_agree_with_plain_numpy(target):
    findings = list(doctor._kernels(target))

    assert len(findings) == 5
    assert [finding.status for finding in findings] == ["ok"] * 5, findings


def test_broken_model_fails_with_a_remedy(command_line, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_trial_seconds", None)
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"no model")

    code, out = command_line("--device", "cpu", "--model", path)

    assert code == 2
    assert "broken" in out
    assert "model convert" in " ".join(out.split())


@pytest.mark.parametrize(
    ("module", "name", "check"),
    [(vote, "vote", "vote on cpu"), (warp, "warp", "warp on cpu")],
    ids=["vote", "warp"],
)
def test_kernel_that_disagrees_fails_with_a_remedy(broken, monkeypatch, module, name, check):
    kernel = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *arguments: kernel(*arguments) + 0.01)

    found = broken()

    assert list(found) == [check]
    assert found[check].found == "differs from NumPy by 0.01"
    assert "NUMBA_CACHE_DIR" in found[check].remedy


def test_kernel_that_gives_no_numbers_fails(broken, monkeypatch):
    kernel = warp.warp
    monkeypatch.setattr(warp, "warp", lambda *arguments: kernel(*arguments) * np.nan)

    assert list(broken()) == ["warp on cpu"]


def test_kernel_that_does_not_compile_fails(broken, monkeypatch):
    def uncompilable(*_):
        raise RuntimeError("no\ncompiler")

    monkeypatch.setattr(warp, "warp", uncompilable)

    assert broken()["warp on cpu"].found == "does not run (no compiler)"


def test_missing_provider_fails_with_a_remedy(monkeypatch):
    """ONNX Runtime falls back silently: only the session tells."""

    class OnCuda(features.FeatureExtractor):
        def __init__(self, *arguments):
            super().__init__(arguments[0], "cpu")
            self.device = "cuda"

    monkeypatch.setattr(features, "FeatureExtractor", OnCuda)

    finding = doctor._providers("cpu", None)

    assert finding.status == "broken"
    assert finding.found == "runs on CPUExecutionProvider although there is a CUDA device"
    assert "[gpu]" in finding.remedy


def test_missing_device_fails_with_a_remedy(broken, monkeypatch):
    monkeypatch.setattr("analogy.system.device.cuda.is_available", lambda: False)

    found = broken(device="cuda")

    assert "no usable CUDA device" in found["CUDA device"].found
    assert "choose cpu" in found["CUDA device"].remedy


def test_runtime_installed_twice_fails_with_a_remedy(monkeypatch):
    monkeypatch.setattr(doctor, "version", lambda package: "1.22")

    finding = doctor._runtime()

    assert finding.status == "broken"
    assert finding.found == "onnxruntime 1.22, onnxruntime-gpu 1.22"
    assert "pip uninstall" in finding.remedy


@pytest.mark.parametrize(
    ("mib", "status", "words"),
    [(100, "broken", "no image fits"), (800, "note", "fit"), (2**20, "ok", "1024x1024 fit")],
)
def test_memory_says_what_fits(monkeypatch, mib, status, words):
    from analogy_kernels.target import CPU

    monkeypatch.setattr("analogy.system.memory.available_memory", lambda: mib * 2**20)

    finding = doctor._memory(CPU)

    assert finding.status == status
    assert words in finding.found
    assert bool(finding.remedy) == (status != "ok")


@pytest.mark.parametrize("first_scale", [None, 224])
def test_time_is_estimated_from_pixels_and_evaluations_at_each_size(monkeypatch, first_scale):
    seconds = {"features": 5.0, "search": {"1": 0.5}, "reconstruction": {"5": 9.0}, "vote": 0.5}
    record = {"seconds": seconds | {"total": 15.0}}
    record["deconvolution"] = [
        {"level": 5, "evaluations": 20},
        {"level": 2, "evaluations": 10},
    ]

    class Result:
        pass

    Result.record = record
    monkeypatch.setattr("analogy.method.transfer.transfer", lambda *_, **__: Result)
    monkeypatch.setattr(doctor, "_flops_per_second", lambda target: 1e9)
    parameters = Parameters(first_scale=first_scale)
    monkeypatch.setattr("analogy.parameters.Parameters", lambda: parameters)

    estimate, trial = doctor._trial_seconds("cpu", None)

    # conv1_1 and conv1_2 at full size, conv2_1 at half of it.
    fine = 18 * 448**2 * (3 * 64 + 64 * 64 + 64 * 128 / 4)
    # conv3_2 to conv3_4 at a quarter, conv4_1 to conv4_4 at an eighth, conv5_1 at a sixteenth.
    coarse = 18 * 448**2 * (3 * 256**2 / 4**2 + (256 + 3 * 512) * 512 / 8**2 + 512**2 / 16**2)
    # At half of the size all levels, and the finer ones again at the whole.
    growth, of_coarse = (1, 1) if first_scale is None else (1 + 1 / 4, 1 / 4)
    flops = 2 * (10 * growth * fine + 20 * of_coarse * coarse)
    assert trial == 15
    assert estimate == pytest.approx(5 + growth * (448 / 96) ** 2 + flops / 1e9)


def test_speed_of_convolution_is_plausible():
    assert 1e8 < doctor._flops_per_second(doctor._targets("cpu")[0]) < 1e14
