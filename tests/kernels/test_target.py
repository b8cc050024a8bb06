import numpy as np
import pytest

from kernels.target import CPU, CUDA, target_of


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint8])
def test_zeros_are_zeros(target, dtype):
    array = target.zeros((3, 5, 2), dtype)

    assert target_of(array) is target
    assert array.dtype == dtype
    np.testing.assert_array_equal(target.to_host(array), np.zeros((3, 5, 2)))


def test_arrays_of_two_targets_are_refused():
    with pytest.raises(ValueError, match="must all be"):
        target_of(CPU.zeros(3), CUDA.zeros(3))
