import pytest

from analogy.device import resolve
from analogy.errors import AnalogyError
from kernels.target import CPU, CUDA, SIMULATED, cuda

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
