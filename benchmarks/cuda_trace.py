"""Every kernel launch of a transfer, found out without a device.

The drivers of `analogy` and `kernels` run as they are, on arrays that have a shape and no memory,
and every launch is written down instead of made: kernel, blocks, threads and arguments. Only the
solver's decisions need numbers; it is replaced by a stated number of its iterations.
"""

from __future__ import annotations

import ctypes
import itertools
import math
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numba import typeof, types
from numba.np.numpy_support import from_dtype

from analogy.method import deconvolution
from analogy.method.algorithm import match_from_small_to_large
from analogy.method.full_size import scale_of, vote_at_full_size
from analogy.method.progress import Progress
from analogy.method.scales import scale_shapes
from analogy.model.architecture import channels_at
from analogy.parameters import LEVELS
from analogy_kernels.reduction import partial_sums, queue_products, queue_sums
from analogy_kernels.solvers.lbfgs import Minimum
from analogy_kernels.solvers.vectors import combine_and_step_cuda
from analogy_kernels.target import CUDA, SIMULATED, Device, vector_launch

_HISTORY = 4


_PLACES, _ROOM = itertools.count(1), 2**40


class ShapeOnly:
    """A device array without memory."""

    # By which it is told from arrays of other libraries.
    __cuda_ndarray__ = True

    def __init__(self, shape, dtype=np.float32):
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.dtype = np.dtype(dtype)
        # Where it would lie: apart from all others.
        self.device_ctypes_pointer = ctypes.c_void_p(next(_PLACES) * _ROOM)

    @property
    def size(self):
        return math.prod(self.shape)

    def is_c_contiguous(self):
        return True

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def nbytes(self):
        return self.size * self.dtype.itemsize

    @property
    def numba_type(self):
        return types.Array(from_dtype(self.dtype), self.ndim, "C")

    def reshape(self, *shape):
        shape = shape[0] if isinstance(shape[0], tuple) else shape
        known = math.prod(extent for extent in shape if extent >= 0)
        shape = tuple(extent if extent >= 0 else self.size // known for extent in shape)
        return ShapeOnly(shape, self.dtype)

    def __getitem__(self, index):
        # A single element, repeated: NumPy works the shape out.
        view = np.broadcast_to(np.zeros((), self.dtype), self.shape)[index]
        return ShapeOnly(view.shape, self.dtype)


@dataclass(frozen=True)
class Launch:
    """One kernel launch.

    Attributes
    ----------
    kernel : CUDADispatcher
    blocks, threads : int
        Blocks of the grid, threads of a block.
    arguments : tuple
        With `ShapeOnly` for arrays.
    stage : str
        Of the method, with the level.
    waits : int
        How often the host waits for the device before it.
    """

    kernel: object
    blocks: int
    threads: int
    arguments: tuple
    stage: str
    waits: int = 0

    @property
    def name(self):
        return kernel_name(self.kernel)

    @property
    def signature(self):
        return tuple(map(_numba_type, self.arguments))


def _numba_type(value):
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return types.NamedTuple(map(_numba_type, value), type(value))
    if isinstance(value, tuple):
        return types.BaseTuple.from_types(tuple(map(_numba_type, value)))
    return getattr(value, "numba_type", None) or typeof(value)


def launch_of(kernel, blocks_and_threads, arguments, stage=""):
    """A launch as :meth:`analogy_kernels.target.Device.launch` is asked for it."""
    blocks, threads = (int(np.prod(extent)) for extent in blocks_and_threads)
    return Launch(kernel, blocks, threads, tuple(arguments), stage)


def kernel_name(kernel):
    """Module and name, and for a kernel made by a factory what it was made of."""
    function = kernel.py_func
    module = function.__module__.rpartition(".")[2]
    # A factory of one kernel calls it just that; one of several names them.
    outer = function.__qualname__.replace(".<locals>", "").removesuffix(".kernel")
    made_of = _made_of(closure(kernel))
    return f"{module}.{outer}({', '.join(made_of)})" if made_of else f"{module}.{outer}"


def closure(kernel):
    """What a kernel that a factory made has of the factory, by name."""
    function = kernel.py_func
    cells = function.__closure__ or ()
    names = function.__code__.co_freevars
    return dict(zip(names, (cell.cell_contents for cell in cells), strict=True))


def _made_of(values):
    """Extents of a tile and functions that a kernel's factory was given, or else its numbers."""
    tile = [str(values[extent]) for extent in ("rows", "columns", "group") if extent in values]
    names = [
        getattr(getattr(value, "py_func", value), "__qualname__", "") for value in values.values()
    ]
    functions = [name for name in names if name and "<locals>" not in name]
    numbers = [str(value) for value in values.values() if isinstance(value, int)]
    return [*filter(None, ["x".join(tile)]), *functions] or numbers


def trace_transfer(network, parameters, shape_a, shape_b, evaluations):
    """Launches of a whole transfer, but for ONNX Runtime's.

    Parameters
    ----------
    network : Network
    parameters : Parameters
    shape_a, shape_b : (int, int)
        Height and width of the images.
    evaluations : int
        Of each deconvolution's loss and gradient.

    Returns
    -------
    list of Launch
    """
    if SIMULATED:
        raise RuntimeError("traces want the real kernels: run with NUMBA_ENABLE_CUDASIM=0")
    launches, stages = [], _Stages()
    parameters = replace(parameters, deconv_iterations=evaluations)
    a, b_prime = (np.zeros((*shape, 3), np.uint8) for shape in (shape_a, shape_b))
    shapes = scale_shapes(shape_a, shape_b, parameters)
    with _recording(launches, stages):
        matches, _ = match_from_small_to_large(
            a, b_prime, shapes, network, _Extractor(), parameters, stages
        )
        stride = 2 ** (parameters.finest_level - 1)
        scales = [
            scale_of(stride, *sizes) for sizes in zip(shapes[-1], (shape_a, shape_b), strict=True)
        ]
        votes = parameters.vote_side, parameters.vote_width
        with stages.stage("vote"):
            vote_at_full_size(matches.ab, a, b_prime, *scales, *votes)
            vote_at_full_size(matches.ba, b_prime, a, *scales[::-1], *votes)
    return launches


class _Extractor:
    """Gives the shapes of features."""

    def __call__(self, image):
        height, width = image.shape[:2]
        maps = [ShapeOnly((height, width, channels_at(0)))]
        for level in reversed(LEVELS):
            maps.append(ShapeOnly((height, width, channels_at(level))))
            height, width = (height + 1) // 2, (width + 1) // 2
        return maps

    def release(self):
        """Nothing is kept."""


class _Stages(Progress):
    """Knows the stage that is running; one of several sizes is the same stage in each."""

    def __init__(self):
        super().__init__(None, {"all": 1.0})
        self.now = "start"

    @contextmanager
    def stage(self, name, level=None, scale=None):
        self.now = name if level is None else f"{name} {level}"
        yield lambda share: None


@contextmanager
def _recording(launches, stages):
    waits = 0

    def record(device, kernel, blocks_and_threads, *arguments):
        nonlocal waits
        launch = launch_of(kernel, blocks_and_threads, arguments, stages.now)
        launches.append(replace(launch, waits=waits))
        waits = 0

    def receive(device, array, host):
        nonlocal waits
        waits += 1
        host[...] = 1

    substitutes = [
        (Device, "launch", record),
        (Device, "empty", staticmethod(ShapeOnly)),
        (Device, "zeros", staticmethod(ShapeOnly)),
        (Device, "asarray", staticmethod(lambda array: ShapeOnly(array.shape, array.dtype))),
        (Device, "receive", receive),
        (deconvolution, "lbfgs", _stated_iterations),
    ]
    originals = [(owner, name, vars(owner)[name]) for owner, name, _ in substitutes]
    try:
        for owner, name, substitute in substitutes:
            setattr(owner, name, substitute)
        yield
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


def _stated_iterations(objective, x, *, iterations, **_):
    """What `analogy_kernels.solvers.lbfgs.lbfgs` launches where every first step is accepted."""
    count = 2 * _HISTORY + 1
    rows, numbers = ShapeOnly((count, x.size)), ShapeOnly(count + 1, np.float64)
    partial, newest = partial_sums(count + 1, CUDA), rows[-1:]
    weights = (np.float32(0),) * count
    step = combine_and_step_cuda(count), vector_launch(x.size)
    for _ in range(iterations):
        CUDA.launch(*step, rows, weights, 0, x, x)
        objective.queue(x, partial[:1], newest)
        queue_products(CUDA, rows, newest, partial[1:])
        queue_sums(CUDA, partial, numbers)
        CUDA.to_host(numbers)
    return Minimum(x, (1.0,), 0.0, iterations, "iterations")
