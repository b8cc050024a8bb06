"""What other projects rely on: three layers of names, arrays of other libraries, and streams."""

import inspect
import subprocess
import sys
import typing

import numpy as np
import pytest
from numba import njit
from numba.extending import register_jitable

import analogy_kernels
from analogy_kernels import device, launches
from analogy_kernels.target import CUDA, SIMULATED, Device, Kernel, as_array, cuda
from tests import oracles

LAYERS = {
    "analogy_kernels": analogy_kernels,
    "analogy_kernels.launches": launches,
    "analogy_kernels.device": device,
}
PUBLIC = [(layer, name) for layer, module in LAYERS.items() for name in module.__all__]


@pytest.mark.parametrize(("layer", "name"), PUBLIC)
def test_every_public_name_is_there_and_documented(layer, name):
    thing = getattr(LAYERS[layer], name)
    # A kernel is described by the function that launches it.
    if not isinstance(thing, Kernel):
        assert inspect.getdoc(getattr(thing, "py_func", thing))


@pytest.mark.parametrize("name", analogy_kernels.__all__)
def test_functions_on_arrays_say_what_they_take_and_give(name):
    function = getattr(analogy_kernels, name)
    if inspect.isfunction(function):
        hints = typing.get_type_hints(function)
        untyped = set(inspect.signature(function).parameters) - set(hints) - {"target"}
        assert not untyped
        assert "return" in hints


def test_importing_imports_nothing_else_and_names_are_functions_not_modules():
    code = (
        "import sys, analogy_kernels; assert 'numba' not in sys.modules; "
        "import analogy_kernels.matching.patchmatch, analogy_kernels.imaging.vote; "
        "from analogy_kernels import patchmatch, vote; patchmatch.__call__, vote.__call__"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


TOUCHED = """
import os
os.environ["NUMBA_ENABLE_CUDASIM"] = "0"
from numba.cuda.cudadrv import devices, driver

def touched(*arguments):
    raise SystemExit("a device was touched")

driver.Driver.get_device = driver.Driver.get_device_count = touched
import analogy_kernels, analogy_kernels.device, analogy_kernels.launches
for name in analogy_kernels.__all__:
    getattr(analogy_kernels, name)
"""


def test_no_import_touches_a_device():
    subprocess.run([sys.executable, "-c", TOUCHED], check=True, timeout=60)
    # And what does is caught.
    touching = TOUCHED + "analogy_kernels.CUDA.empty((3,))"
    assert subprocess.run([sys.executable, "-c", touching], timeout=60).returncode


@pytest.mark.parametrize(
    "kernel",
    [thing for thing in vars(launches).values() if isinstance(thing, Kernel)],
    ids=lambda kernel: kernel.cpu.__name__,
)
def test_the_kernels_of_both_targets_take_the_same(kernel):
    on_cuda = getattr(kernel.cuda, "py_func", None) or kernel.cuda.fn
    of_cpu = inspect.signature(getattr(kernel.cpu, "py_func", kernel.cpu)).parameters
    assert list(of_cpu) == list(inspect.signature(on_cuda).parameters)


class Exchanged:
    """An array of a library that knows nothing of NumPy but DLPack."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


def test_arrays_of_other_libraries_are_read_and_written_where_they_lie(random):
    source = random.random((4, 5, 3), np.float32)
    nnf = random.integers(0, (4, 5), (4, 5, 2)).astype(np.int32)
    out = np.zeros_like(source)

    returned = analogy_kernels.warp(Exchanged(source), Exchanged(nnf), Exchanged(out))

    assert np.shares_memory(returned, out)
    np.testing.assert_array_equal(out, source[nnf[..., 0], nnf[..., 1]])


@pytest.mark.skipif(SIMULATED, reason="no GPU")
def test_arrays_with_the_cuda_interface_are_taken_as_they_are(random):
    class OnDevice:
        def __init__(self, array):
            self.__cuda_array_interface__ = array.__cuda_array_interface__

    array = CUDA.asarray(random.random((4, 5), np.float32))
    view = as_array(OnDevice(array))
    assert view.__cuda_array_interface__["data"] == array.__cuda_array_interface__["data"]


@pytest.mark.parametrize(
    ("array", "error", "told"),
    [
        ([1.0, 2.0], TypeError, "list is no array"),
        (np.zeros((4, 4), np.float32)[:, ::2], ValueError, "not C-contiguous"),
        (np.frombuffer(bytes(17), np.float32, 4, 1), ValueError, "not aligned"),
        (np.ma.masked_array([1.0], [True]), TypeError, "masked"),
    ],
)
def test_what_cannot_be_viewed_is_refused(array, error, told):
    with pytest.raises(error, match=told):
        as_array(array)


def test_a_result_of_another_shape_or_type_is_refused():
    source, nnf = np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 2), np.int32)
    with pytest.raises(ValueError, match=r"has to be float32 \(4, 4, 3\)"):
        analogy_kernels.warp(source, nnf, np.zeros((4, 4, 3), np.float64))
    with pytest.raises(ValueError, match=r"has to be float32 \(4, 4, 3\)"):
        analogy_kernels.warp(source, nnf, np.zeros((4, 3, 3), np.float32))


def image(random, *shape):
    return CUDA.asarray(random.random(shape, np.float32))


def field(random):
    return CUDA.asarray(random.integers(0, 4, (4, 4, 2)).astype(np.int32))


def calls(random):
    """A call of every function that takes a stream."""
    a, b, plane, nnf = (
        image(random, 4, 4, 3),
        image(random, 4, 4, 3),
        image(random, 4, 4),
        field(random),
    )
    real = CUDA.asarray(random.random((4, 4, 2), np.float32))
    bank = analogy_kernels.filter_bank(
        np.ones((3, 3, 3, 3), np.float32), np.zeros(3, np.float32), CUDA
    )
    labels = analogy_kernels.label_map(np.zeros((4, 4), np.int32), CUDA)
    pooled, argmax = analogy_kernels.maxpool2x2(a)
    table = image(random, 16, 16)
    vector = image(random, 8)
    yield "add_scaled", (vector, 2.0, vector, vector), {}
    yield "append_colour", (a, 1.0, True, image(random, 4, 4, 8), 3), {}
    yield "as_field", (nnf,), {}
    yield "best_of_columns", (table,), {}
    yield "best_of_rows", (table,), {}
    yield "blend", (a, b, plane), {}
    yield "combine", (image(random, 9, 8), [1.0] * 9, 0), {}
    yield "conv3x3", (a, bank), {}
    yield "conv3x3_backward", (a, bank), {}
    yield "conv3x3_relu", (a, bank), {}
    yield "conv3x3_relu_backward", (a, b, bank), {}
    yield "conv3x3_relu_maxpool", (a, bank), {}
    yield "conv3x3_relu_maxpool_backward", (pooled, pooled, argmax, bank, (4, 4)), {}
    yield "correlate", (a, b), {}
    yield "gather_votes", (table, (4, 4), (4, 4), 1.0, 0.5), {}
    yield "hough_matching", (table, (4, 4), (4, 4), 1.0, [(1.0, 0.5)]), {}
    yield "hough_votes", (table, (4, 4), (4, 4), 1.0, 1.0, 0.5), {}
    yield "inner_product", (vector, vector), {}
    yield "inner_products", (image(random, 1, 8), image(random, 1, 8)), {}
    yield "interpolate", (a, (2, 2), 0.5), {}
    yield "keep_better", (a, b, real, nnf, 3, 1.1, 0.1), {}
    yield "keep_content", (plane, image(random, 4, 4)), {}
    yield "lbfgs", (lambda x: (1.0, x), vector), {"iterations": 1}
    yield "legal_nnf", (nnf, labels, labels, 0), {}
    yield "maxpool2x2", (a,), {}
    yield "maxpool2x2_backward", (pooled, argmax, (4, 4)), {}
    yield "minmax", (plane,), {}
    yield "nearest_patches", (a, b, 3, 2), {}
    yield "normalize", (a,), {}
    yield "patchmatch", (a, b, 3), {"start": nnf, "iterations": 1}
    yield "patchmatch_both_ways", (a, b, 3), {"iterations": 1}
    yield "refine_field", (a, b, real, 1), {}
    yield "reliability", (nnf, nnf), {}
    yield "response", (a,), {}
    yield "restrain", (nnf, nnf, 1), {}
    yield "round_trip", (nnf, nnf), {}
    yield "smooth", (real, plane, a), {}
    yield "upsample_nnf", (nnf, (8, 8), (8, 8)), {}
    picture = CUDA.asarray(np.zeros((4, 4, 3), np.uint8))
    scales = (1.0, 1.0), (1.0, 1.0)
    yield "upsample_nnf_guided", (nnf, picture, picture, (4, 4), *scales), {}
    yield "occurrence", (nnf, (4, 4), 3), {}
    yield "vote_alike", (a, nnf, 3, 1.0), {}
    yield "vote", (a, nnf, 3), {}
    yield "vote_field", (a, real, 3), {}
    yield "warp", (a, nnf), {}
    yield "weight_map", (plane, 0.5), {}
    yield "wls", (a, plane), {}


def test_all_work_is_queued_on_the_stream_that_is_given(random, monkeypatch):
    used, launch, stream = [], Device.launch, cuda.stream()

    def watched(on, *arguments):
        used.append(on._stream)
        return launch(on, *arguments)

    prepared = list(calls(random))
    monkeypatch.setattr(Device, "launch", watched)
    for name, arguments, options in prepared:
        used.clear()
        getattr(analogy_kernels, name)(*arguments, **options, stream=stream)
        assert used, name
        assert all(on is stream for on in used), name


def test_every_function_that_takes_a_stream_is_tried(random):
    takes = {
        name
        for name in analogy_kernels.__all__
        if inspect.isfunction(getattr(analogy_kernels, name))
        and "stream" in inspect.signature(getattr(analogy_kernels, name)).parameters
    }
    assert {name for name, _, _ in calls(random)} == takes


@njit
def blurred_on_the_cpu(values, out):
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = blurred(values, y, x)


@cuda.jit
def blurred_on_cuda(values, out):
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        out[y, x] = blurred(values, y, x)


@register_jitable
def blurred(values, y, x):
    bits = device.hash_random(1, 2, y, x, 3)
    shift = np.float32(device.random_below(bits, 3)) / np.float32(2)
    return device.bilinear(values, np.float32(y) + shift, np.float32(x), 0)


def test_device_functions_serve_other_peoples_kernels(target, random):
    values = random.random((5, 6, 1), np.float32)
    out = target.empty((5, 6))
    if target.is_cuda:
        # Not one of the package's, so that its launch is declared nowhere.
        blurred_on_cuda[(1, 3), (8, 2)](target.asarray(values), out)
    else:
        blurred_on_the_cpu(values, out)

    for y, x in np.ndindex(5, 6):
        shift = device.random_below(device.hash_random(1, 2, y, x, 3), 3) / 2
        expected = oracles.bilinear(values, y + shift, x)[0]
        assert target.to_host(out)[y, x] == pytest.approx(expected, rel=1e-6)
