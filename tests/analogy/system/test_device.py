import pytest

from analogy.errors import AnalogyError
from analogy.system.device import gpu_names, resolve
from analogy_kernels.target import CPU, CUDA, SIMULATED, cuda

HAS_CUDA = not SIMULATED and cuda.is_available()


def test_cpu_is_always_there():
    assert resolve("cpu") is CPU


def test_auto_takes_what_is_there():
    assert resolve("auto") is (CUDA if HAS_CUDA else CPU)


def test_cuda_is_given_or_its_remedy_named():
    if HAS_CUDA:
        assert resolve("cuda") is CUDA
        return
    with pytest.raises(AnalogyError, match=r"device cuda: .*choose cpu"):
        resolve("cuda")


def test_unknown_device_is_refused():
    with pytest.raises(AnalogyError, match="device 'tpu': unknown; choose auto, cuda or cpu"):
        resolve("tpu")


@pytest.mark.skipif(HAS_CUDA, reason="no CUDA device wanted")
def test_without_cuda_no_gpu_is_named(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert gpu_names() == []


@pytest.mark.skipif(not HAS_CUDA, reason="no CUDA device")
def test_gpus_are_named_as_cuda_names_them(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpu_names() == [str(index) for index in range(len(cuda.gpus))]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-5a")
    assert gpu_names() == ["2", "GPU-5a"]
