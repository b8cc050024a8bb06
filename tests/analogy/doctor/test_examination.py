import json

import numpy as np
import pytest

from analogy.cli.main import main
from analogy.doctor import estimate, examine, is_healthy
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
    monkeypatch.setattr(estimate, "_trial", None)

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
    assert "runs on analogy_kernels" in found["network"]["found"]
    assert "448x448: about" in found["transfer"]["found"]
    assert "estimate" in found["transfer"]["found"]
    assert {"vote on cpu", "patch cost on cpu", "memory"} <= set(found)


def test_broken_model_fails_with_a_remedy(command_line, tmp_path, monkeypatch):
    monkeypatch.setattr(estimate, "_trial", None)
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


def test_missing_device_fails_with_a_remedy(broken, monkeypatch):
    monkeypatch.setattr("analogy.system.device.cuda.is_available", lambda: False)

    found = broken(device="cuda")

    assert "no usable CUDA device" in found["CUDA device"].found
    assert "choose cpu" in found["CUDA device"].remedy
