"""Feature deconvolution (eq. 5): features whose image under a sub-net of VGG is as wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analogy.network.layers import MaxPool
from analogy_kernels.network.convolution import (
    conv3x3_relu,
    conv3x3_relu_backward,
    filter_bank,
    scratch_elements,
)
from analogy_kernels.network.pooling import maxpool2x2, maxpool2x2_backward
from analogy_kernels.reduction import inner_product, inner_products_scratch, queue_difference
from analogy_kernels.solvers.lbfgs import lbfgs
from analogy_kernels.solvers.vectors import add_scaled
from analogy_kernels.target import target_of

# Evaluations in which half of what is left of a deconvolution is done, as far as can be foretold:
# most stop by their tolerance after five to twenty, few go on to the last iteration.
_HALVING = 5


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
    subnet = SubNet(layers.banks, start.shape, target_of(wanted, start))
    objective = _Objective(subnet, wanted, tick or _ignore, iterations)
    vector = start.reshape(start.size)
    minimum = lbfgs(objective, vector, iterations=iterations, tolerance=tolerance, out=vector)
    residuals = tuple(2 * loss / objective.wanted_square for loss in minimum.losses)
    features = subnet.forward(start, layers.kept)
    return Deconvolution(features, residuals, minimum.evaluations, minimum.reason)


class SubNet:
    """Layers of VGG in a row: forward, and the gradient back to the input.

    Everything that a pass writes is allocated once.
    """

    def __init__(self, banks, shape, target):
        self._banks, self.input_shape = banks, shape
        self._maps, self._argmaxes, elements = [], [], 0
        height, width, channels = shape
        widest = height * width * channels
        for bank in banks:
            if isinstance(bank, MaxPool):
                height, width = (height + 1) // 2, (width + 1) // 2
                self._argmaxes.append(target.empty((height, width, channels), np.uint8))
            else:
                elements = max(elements, scratch_elements(bank, height, width))
                channels = bank.channels_out
                self._argmaxes.append(None)
            widest = max(widest, height * width * channels)
            self._maps.append(target.empty((height, width, channels)))
        self._scratch = None if target.is_cuda else target.empty(elements)
        # A gradient is read from one and written to the other on its way down.
        self._gradients = target.empty(widest), target.empty(widest)

    @property
    def output_shape(self):
        return self._maps[-1].shape

    def forward(self, x, layers=None):
        """Features after `layers` layers (all of them by default), valid until the next pass."""
        self._x = x
        for bank, out, argmax in zip(
            self._banks[:layers], self._maps[:layers], self._argmaxes[:layers], strict=True
        ):
            if argmax is not None:
                maxpool2x2(x, out, argmax)
            else:
                conv3x3_relu(x, bank, self._scratch, out)
            x = out
        return x

    def backward(self, gradient, out):
        """Write to `out` the gradient to the input of the last :meth:`forward`."""
        inputs = [self._x, *self._maps[:-1]]
        for layer in range(len(self._banks) - 1, -1, -1):
            shape = inputs[layer].shape
            size = int(np.prod(shape))
            to = out if layer == 0 else self._gradients[layer % 2][:size].reshape(shape)
            if self._argmaxes[layer] is not None:
                maxpool2x2_backward(gradient, self._argmaxes[layer], shape[:2], to)
            else:
                conv3x3_relu_backward(
                    gradient, self._maps[layer], self._banks[layer], self._scratch, to
                )
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
