"""Feature deconvolution (eq. 5): features whose image under a sub-net of VGG is as wanted."""

from __future__ import annotations

import math
from dataclasses import dataclass

from analogy.network.layers import MaxPool
from analogy.network.steps import Found, steps_of
from analogy_kernels.network.filters import filter_bank
from analogy_kernels.reduction import inner_product, inner_products_scratch, queue_difference
from analogy_kernels.solvers.lbfgs import lbfgs
from analogy_kernels.solvers.vectors import add_scaled
from analogy_kernels.target import target_of

# Evaluations in which half of what is left of a deconvolution is done, as far as can be foretold:
# most stop by their tolerance after five to twenty, few go on to the last iteration.
_HALVING = 5

# Length of the first step, as a share of the start's: what a smaller one would take back, the next
# iteration has to find out. One of 0.01 lowers the loss by a seventh, this one by nearly half.
_FIRST_STEP = 0.05


@dataclass(frozen=True)
class Deconvolution:
    """What a deconvolution found.

    Attributes
    ----------
    features : float32 array, (height, width, channels)
        One level above those wanted.
    residuals : tuple of float
        ``|CNN(x) - wanted|^2 / |wanted|^2`` at the start and after every iteration.
    evaluations : int
        Passes through the sub-net.
    reason : str
        Why the solver stopped.
    """

    features: object
    residuals: tuple[float, ...]
    evaluations: int
    reason: str


@dataclass(frozen=True)
class PreparedLayers:
    """A sub-net's layers with their filters as one target reads them.

    Attributes
    ----------
    banks : tuple of FilterBank or MaxPool
    kept : int
        How many layers, from the input, lead to the features that are wanted in the end; 0 where
        that is the input itself.
    """

    banks: tuple
    kept: int


def prepare(layers, kept, target):
    """Put a sub-net on `target`; both directions of a level share it."""
    banks = tuple(
        layer if isinstance(layer, MaxPool) else filter_bank(layer.weights, layer.bias, target)
        for layer in layers
    )
    return PreparedLayers(banks, kept)


def deconvolve(layers, wanted, start, *, iterations, tolerance, tick=None):
    """Solve ``CNN(x) = wanted`` in the least-squares sense and pass `x` up to the layer kept.

    Parameters
    ----------
    layers : PreparedLayers
    wanted : float32 array, (height, width, channels)
        Features at the sub-net's output.
    start : float32 array, (height, width, channels)
        Where the solver starts, at the sub-net's input, and what it writes the solution to.
    iterations, tolerance
        See :func:`analogy_kernels.solvers.lbfgs.lbfgs`.
    tick : callable, float -> None, optional
        Called after each evaluation with the share that is done, as far as that can be foretold.

    Returns
    -------
    Deconvolution
    """
    subnet = SubNet(layers, start.shape, target_of(wanted, start))
    objective = _Objective(subnet, wanted, tick or _ignore, iterations)
    vector = start.reshape(start.size)
    options = {"iterations": iterations, "tolerance": tolerance, "first_step": _FIRST_STEP}
    minimum = lbfgs(objective, vector, out=vector, **options)
    residuals = tuple(2 * loss / objective.wanted_square for loss in minimum.losses)
    features = subnet.forward_kept(start)
    return Deconvolution(features, residuals, minimum.evaluations, minimum.reason)


class SubNet:
    """Layers of VGG in a row: forward, and the gradient back to the input.

    Everything that a pass writes is allocated once.

    Parameters
    ----------
    layers : PreparedLayers
    shape : (int, int, int)
        Of the input: height, width and channels.
    target : CPU or CUDA of `analogy_kernels.target`
    """

    def __init__(self, layers, shape, target):
        banks, kept = layers.banks, layers.kept
        first, further = steps_of(banks[:kept]), steps_of(banks[kept:])
        self._steps, self._kept = (*first, *further), len(first)
        self.input_shape = shape
        self._found: list[Found] = []
        elements, widest = 0, [0, 0]
        for index, step in enumerate(self._steps):
            elements = max(elements, step.scratch(shape))
            if index:
                widest[index % 2] = max(widest[index % 2], math.prod(shape))
            self._found.append(step.room(shape, target))
            shape = self._found[-1].features.shape
        self._scratch = target.empty(elements) if elements else None
        # A gradient is read from one and written to the other on its way down.
        self._gradients = [target.empty(size) for size in widest]

    @property
    def output_shape(self):
        return self._found[-1].features.shape

    def forward(self, x):
        """Features of the last layer, valid until the next pass."""
        return self._forward(x, len(self._steps))

    def forward_kept(self, x):
        """Features of the layer that is kept, valid until the next pass."""
        return self._forward(x, self._kept)

    def _forward(self, x, steps):
        self._x = x
        for step, found in zip(self._steps[:steps], self._found[:steps], strict=True):
            step.forward(x, self._scratch, found)
            x = found.features
        return x

    def backward(self, gradient, out):
        """Write to `out` the gradient to the input of the last :meth:`forward`."""
        inputs = [self._x, *(found.features for found in self._found[:-1])]
        for index in range(len(self._steps) - 1, -1, -1):
            shape = inputs[index].shape
            to = self._gradients[index % 2][: math.prod(shape)].reshape(shape) if index else out
            self._steps[index].backward(gradient, self._found[index], self._scratch, to)
            gradient = to
        return out


class _Objective:
    """Half the squared distance of the sub-net's output from the features wanted."""

    def __init__(self, subnet, wanted, tick, iterations):
        self._subnet = subnet
        self._wanted = wanted.reshape(wanted.size)
        self._target = target = target_of(wanted)
        self._residual = target.empty(wanted.size)
        self._scratch = inner_products_scratch(1, 1, target)
        self._tick, self._iterations, self._evaluations = tick, iterations, 0
        self.wanted_square = inner_product(self._wanted, self._wanted)

    def value(self, x):
        add_scaled(self._predict(x), -1, self._wanted, self._residual)
        self._tell()
        return self.loss_of(inner_product(self._residual, self._residual, self._scratch))

    def queue(self, x, partial, out):
        """As `analogy_kernels.solvers.lbfgs.Queued` has it."""
        prediction = self._predict(x)
        queue_difference(self._target, prediction, self._wanted, self._residual, partial)
        self._tell()
        self.gradient(x, out)

    def loss_of(self, square):
        return 0.5 * square

    def _predict(self, x):
        prediction = self._subnet.forward(x.reshape(self._subnet.input_shape))
        return prediction.reshape(prediction.size)

    def _tell(self):
        self._evaluations += 1
        foretold = 1 - 0.5 ** (self._evaluations / _HALVING)
        self._tick(min(max(foretold, self._evaluations / self._iterations), 1.0))

    def gradient(self, x, out):
        residual = self._residual.reshape(self._subnet.output_shape)
        self._subnet.backward(residual, out.reshape(self._subnet.input_shape))


def _ignore(share):
    pass
