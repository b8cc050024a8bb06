"""Nothing travels between host and device while two images are matched, but what is stated here.

To the host: the results of inner products, on which the solver's decisions rest. To the device: a
level's filters, once for both directions, and at level 5 the weights by which votes are gathered.
"""

import inspect
import sys
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numba.cuda.cudadrv import devicearray

from analogy.method.algorithm import match_features
from analogy.method.progress import Progress
from analogy.network.layers import Convolution
from analogy.parameters import PRESETS
from analogy_kernels.reduction import inner_products
from analogy_kernels.solvers.wls import wls
from analogy_kernels.target import CUDA, SIMULATED, cuda
from tests.analogy.tiny import tiny_features, tiny_network

QUICK = replace(PRESETS["matches"], search_iterations=(1,) * 5, deconv_iterations=1)

# A loss, and the newest gradient's inner products with L-BFGS's memory, four directions and five
# gradients.
MOST_SCALARS = 10

# Each with weights along and across the displacement.
ROUNDS_OF_VOTES = 2


@dataclass(frozen=True)
class Copy:
    direction: str
    size: int
    asked_by: str


@pytest.fixture
def copies(monkeypatch):
    """List of the copies made since the test began."""
    made = []
    if SIMULATED:
        _watch_simulator(monkeypatch, made)
    else:
        _watch_driver(monkeypatch, made)
    return made


def _watch_simulator(monkeypatch, made):
    from numba.cuda.simulator import kernel

    array = devicearray.FakeCUDAArray
    to_device, copy_to_host = devicearray.to_device, array.copy_to_host
    read, write = array.__getitem__, array.__setitem__

    def watched_to_device(values, *arguments, **options):
        made.append(Copy("to device", np.size(values), _asking()))
        return to_device(values, *arguments, **options)

    def watched_copy_to_host(values, *arguments, **options):
        made.append(Copy("to host", values.size, _asking()))
        return copy_to_host(values, *arguments, **options)

    # Outside a kernel an element that is read or written travels too.
    def watched_read(values, index):
        found = read(values, index)
        if kernel._get_kernel_context() is None and not isinstance(found, array):
            made.append(Copy("to host", 1, _asking()))
        return found

    def watched_write(values, index, value):
        if kernel._get_kernel_context() is None and not isinstance(value, array):
            made.append(Copy("to device", np.size(value), _asking()))
        write(values, index, value)

    # What a kernel is given on the host travels by the function of the module.
    monkeypatch.setattr(devicearray, "to_device", watched_to_device)
    monkeypatch.setattr(cuda, "to_device", watched_to_device)
    monkeypatch.setattr(array, "copy_to_host", watched_copy_to_host)
    monkeypatch.setattr(array, "__getitem__", watched_read)
    monkeypatch.setattr(array, "__setitem__", watched_write)


def _watch_driver(monkeypatch, made):
    from numba.cuda.cudadrv import driver

    def watched(function, direction):
        signature = inspect.signature(function)

        def call(*arguments, **options):
            size = signature.bind(*arguments, **options).arguments["size"]
            made.append(Copy(direction, size // 8, _asking()))
            return function(*arguments, **options)

        return call

    for name, direction in (("host_to_device", "to device"), ("device_to_host", "to host")):
        monkeypatch.setattr(driver, name, watched(getattr(driver, name), direction))


def _asking():
    """Name of the package's function, other than a target's, that asked for a copy."""
    frame = sys._getframe(2)
    while frame:
        module = frame.f_globals.get("__name__", "")
        if (
            module.split(".")[0] in ("analogy", "analogy_kernels", __name__)
            and module != "analogy_kernels.target"
        ):
            return frame.f_code.co_name
        frame = frame.f_back
    return "unknown"


def test_matching_copies_filters_and_scalars_only(random, copies):
    network = tiny_network(random)
    sides = (tiny_features(network, random.random((*size, 3))) for size in ((1, 2), (2, 1)))
    a, b_prime = ([CUDA.asarray(features) for features in side] for side in sides)
    before = len(copies)

    _, deconvolutions = match_features(a, b_prime, network, QUICK, Progress(None, {}))

    during = copies[before:]
    asked = Counter((copy.direction, copy.asked_by) for copy in during)
    expected = {("to device", "filter_bank"), ("to device", "_gaussian")}
    assert set(asked) == expected | {("to host", "products_of"), ("to host", "read")}
    assert asked["to device", "_gaussian"] == 2 * ROUNDS_OF_VOTES
    assert asked["to device", "filter_bank"] == _filters_of_levels(network)
    assert max(copy.size for copy in during if copy.direction == "to host") <= MOST_SCALARS
    scalars = asked["to host", "products_of"] + asked["to host", "read"]
    assert scalars <= sum(map(_scalars_of, deconvolutions.values()))


def test_copies_are_noticed(copies):
    array = CUDA.asarray(np.zeros(3, np.float32))
    CUDA.to_host(array)
    array[1]
    array[1] = 2

    directions = [copy.direction for copy in copies]
    assert directions == ["to device", "to host", "to host", "to device"]


def test_zeros_are_made_on_the_device(copies):
    CUDA.zeros((2, 5))

    assert copies == []


def test_inner_products_bring_home_their_result_only(random, copies):
    rows = CUDA.asarray(random.standard_normal((4, 50), dtype=np.float32))
    copies.clear()

    inner_products(rows, rows[:2])

    assert copies == [Copy("to host", 8, "products_of")]


def test_a_filter_brings_home_scalars_only(random, copies):
    image = CUDA.asarray(random.random((3, 4, 2), np.float32))
    guide = CUDA.asarray(random.random((3, 4), np.float32))
    copies.clear()

    wls(image, guide)

    assert set(copies) == {Copy("to host", 1, "products_of")}


def _filters_of_levels(network):
    """Filters forward, filters backward and bias of each layer that a level goes through."""
    # Level 4 is matched by votes: nothing is reconstructed from level 5.
    layers = [layer for level in (4, 3, 2) for layer in network.layers(level - 2, level)]
    return 3 * sum(isinstance(layer, Convolution) for layer in layers)


def _scalars_of(found):
    """Copies that a solution may take at most.

    The square of the features wanted and the length of the start; a loss and the gradient's
    products at each evaluation.
    """
    return 2 + 2 * found.evaluations
