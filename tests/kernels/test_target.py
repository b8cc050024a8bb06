import numpy as np
import pytest

from kernels.target import CPU, CUDA, element_launch, pixel_launch, target_of, vector_launch
from tests.processes import run_without_simulator


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint8])
def test_zeros_are_zeros(target, dtype):
    array = target.zeros((3, 5, 2), dtype)

    assert target_of(array) is target
    assert array.dtype == dtype
    np.testing.assert_array_equal(target.to_host(array), np.zeros((3, 5, 2)))


def test_arrays_of_two_targets_are_refused():
    with pytest.raises(ValueError, match="must all be"):
        target_of(CPU.zeros(3), CUDA.zeros(3))


@pytest.mark.parametrize(
    ("launch", "extents"),
    [(element_launch, (5, 70)), (pixel_launch, (5, 70)), (vector_launch, (1000,))],
)
def test_launches_are_of_pythons_integers(launch, extents):
    """Shapes that were computed with are often NumPy's, which a device refuses."""
    parts = np.hstack(launch(*np.int64(extents))).tolist()

    assert parts == np.hstack(launch(*extents)).tolist()
    for extent in launch(*np.int64(extents)):
        assert {type(part) for part in (extent if isinstance(extent, tuple) else [extent])} == {int}


SMALL_LAUNCH = """
import warnings
warnings.simplefilter("error")
from kernels.launches import warp_kernel
from kernels.target import _configured
_configured(warp_kernel.cuda, *warp_kernel.launch(1, 1), 0)
"""


def test_numba_does_not_warn_of_small_maps():
    done = run_without_simulator("-c", SMALL_LAUNCH)

    assert (done.returncode, done.stderr) == (0, "")
