import ast
from pathlib import Path

import numpy as np
import pytest

import analogy_kernels
from analogy_kernels import target as target_module
from analogy_kernels.geometry import place_in_row
from analogy_kernels.target import (
    CPU,
    CUDA,
    as_array,
    cuda,
    element_launch,
    on_target,
    pixel_launch,
    target_of,
    vector_launch,
)
from tests.processes import run_without_simulator

PASSES = ("start", "propagate", "search")

# What a kernel is found by that makes arrays, or is made with what a caller gives.
MAKES_ARRAYS = ("np.empty(", "np.dot(", "weight(")


def cpu_kernels():
    """Parallel kernels of the package for the CPU: name, options and text."""
    for path in Path(analogy_kernels.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for decorator in getattr(node, "decorator_list", ()):
                options = ast.unparse(decorator)
                if options.startswith("njit(") and "parallel=True" in options:
                    yield f"{path.stem}.{node.name}", options, ast.unparse(node)


def test_kernels_count_who_holds_an_array_only_where_they_make_some():
    """Threads wait for one another where they do: a search took twice the time."""
    found = list(cpu_kernels())
    counting = {name for name, options, _ in found if "**COUNTED" in options}
    making = {name for name, _, text in found if any(call in text for call in MAKES_ARRAYS)}
    # Those that are given their options are made with a cost, or with inner products.
    told = {name for name, options, _ in found if "**counting" in options}

    assert counting == making
    assert told == {"nearest.nearest", *(f"search_kernels.{name}" for name in PASSES)}
    assert {name for name, options, _ in found if "COUNTED" not in options} == told


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
from analogy_kernels.launches import warp_kernel
from analogy_kernels.target import _configured
_configured(warp_kernel.cuda, *warp_kernel.launch(1, 1), 0)
"""


def test_numba_does_not_warn_of_small_maps():
    done = run_without_simulator("-c", SMALL_LAUNCH)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("launch", "extents"),
    [(element_launch, (0, 70)), (pixel_launch, (5, 0)), (vector_launch, (0,))],
)
def test_launches_have_blocks_even_for_nothing(launch, extents):
    """A device refuses a launch of none."""
    assert np.hstack(launch(*extents)).min() > 0


def test_vectors_of_no_length_are_worked_on(target):
    nothing = target.asarray(np.zeros(0, np.float32))

    analogy_kernels.add_scaled(nothing, 1.0, nothing, nothing)
    assert analogy_kernels.inner_product(nothing, nothing) == 0


def test_a_device_array_in_fortran_order_is_refused(random):
    array = cuda.to_device(np.asfortranarray(random.random((4, 5), np.float32)))

    with pytest.raises(ValueError, match=r"array is float32 \(4, 5\) and not C-contiguous"):
        analogy_kernels.minmax(array)


class OutOfMemory(target_module.CudaAPIError):
    code = 2

    def __init__(self):
        Exception.__init__(self, "CUDA_ERROR_OUT_OF_MEMORY")


def fail(error):
    def failing(*arguments, **options):
        raise error

    return failing


def test_a_full_device_is_a_memory_error(monkeypatch):
    monkeypatch.setattr(cuda, "device_array", fail(OutOfMemory()))
    monkeypatch.setattr(cuda, "to_device", fail(OutOfMemory()))

    for make in (lambda: CUDA.empty((3, 4)), lambda: CUDA.asarray(np.zeros((3, 4), np.float32))):
        with pytest.raises(MemoryError, match=r"left for an array of float32 \(3, 4\)"):
            make()


def test_other_errors_of_a_device_stay_what_they_are(monkeypatch):
    error = OutOfMemory()
    error.code = 700
    monkeypatch.setattr(cuda, "device_array", fail(error))

    with pytest.raises(target_module.CudaAPIError):
        CUDA.empty((3, 4))


class Produced:
    """An array that a library of its own is still writing on a stream."""

    def __init__(self, array):
        self.array = array
        self.__cuda_array_interface__ = {}


class Producer:
    """A stream with a number."""

    def __init__(self, handle):
        self.handle, self.waited_for = handle, False

    def __int__(self):
        return self.handle

    def synchronize(self):
        self.waited_for = True


@pytest.fixture
def events(monkeypatch):
    """What is done to events: recorded on one stream, waited for on another."""
    done = []

    class Event:
        def record(self, stream):
            done.append(("record", stream))

        def wait(self, stream):
            done.append(("wait", stream))

    monkeypatch.setattr(cuda, "event", lambda timing: Event())
    monkeypatch.setattr(
        cuda, "from_cuda_array_interface", lambda _, owner, sync: owner.array, raising=False
    )
    return done


@pytest.fixture
def produced():
    def make(handle):
        array = CUDA.asarray(np.zeros((3, 4), np.float32))
        array.stream = Producer(handle)
        return Produced(array)

    return make


def test_work_waits_for_the_stream_that_an_array_names(events, produced):
    array, own = produced(7), cuda.stream()

    on_target(array=array, stream=own)

    assert events == [("record", array.array.stream), ("wait", own)]
    assert not array.array.stream.waited_for


def test_the_default_stream_waits_for_others_but_not_for_itself(events, produced):
    other = produced(7)

    on_target(other=other, same=produced(1))

    assert events == [("record", other.array.stream), ("wait", 0)]


def test_a_view_is_of_what_is_written_already(events, produced):
    array = produced(7)

    assert as_array(array) is array.array
    assert array.array.stream.waited_for
    assert events == []


def test_what_is_no_target_is_refused():
    with pytest.raises(TypeError, match="target is of the type str; it has to be CPU"):
        analogy_kernels.random_nnf((2, 2), (2, 2), 0, "cuda")


def test_a_row_that_32_bits_cannot_count_is_refused():
    element_launch(1, 2**32 - 1)
    with pytest.raises(ValueError, match="a row has 4294967296 elements; on a device it has to"):
        element_launch(1, 2**32)


@pytest.mark.parametrize(("index", "channels"), [(0, 1), (7, 3), (2**32 - 2, 5)])
def test_place_in_a_row(index, channels):
    """As a kernel finds it, up to the longest row."""
    out = CUDA.zeros((2,), np.int64)

    _places[1, 1](index, channels, out)

    assert CUDA.to_host(out).tolist() == list(divmod(index, channels))


@cuda.jit
def _places(index, channels, out):
    out[0], out[1] = place_in_row(index, channels)
