from itertools import pairwise

import numpy as np
import pytest

from analogy.method.deconvolution import SubNet, deconvolve, prepare
from analogy.network.layers import Convolution, MaxPool
from analogy_kernels.reduction import inner_product
from analogy_kernels.solvers.vectors import add_scaled
from analogy_kernels.target import CPU
from tests import oracles


def network(random, channels):
    """Convolutions with a pooling before the last: what lies between two levels."""
    layers = []
    for i, (channels_in, channels_out) in enumerate(pairwise(channels)):
        scale = np.sqrt(2 / (9 * channels_in))
        weights = random.standard_normal((3, 3, channels_in, channels_out)) * scale
        bias = random.standard_normal(channels_out) * 0.1
        layers.append(Convolution(f"conv{i}", weights.astype(np.float32), bias.astype(np.float32)))
    return [*layers[:-1], MaxPool("pool"), layers[-1]]


def forward_in_float64(layers, x):
    for layer in layers:
        if isinstance(layer, MaxPool):
            x = oracles.maxpool2x2(x)
        else:
            x = np.maximum(oracles.conv3x3(x, layer.weights, layer.bias), 0)
    return x


def half_square(layers, x, wanted):
    return 0.5 * np.square(forward_in_float64(layers, x) - wanted).sum()


def gradient_on(target, layers, x, wanted):
    subnet = SubNet(prepare(layers, 0, target), x.shape, target)
    prediction = subnet.forward(target.asarray(x))
    residual = target.empty(wanted.size)
    wanted = target.asarray(wanted.reshape(wanted.size))
    add_scaled(prediction.reshape(prediction.size), -1, wanted, residual)
    out = target.empty(x.shape)
    return target.to_host(subnet.backward(residual.reshape(prediction.shape), out))


# Size of the map, and channels from layer to layer: few for the simulator, and enough for
# Winograd's transforms.
SMALL = (5, 7), (3, 4, 5)
WIDE = [((13, 18), (3, 16, 24, 20)), ((16, 12), (20, 24, 16, 32))]


def problem(random, size, channels):
    layers = network(random, channels)
    x = random.standard_normal((*size, channels[0]), np.float32)
    other = random.standard_normal(x.shape, np.float32)
    wanted = forward_in_float64(layers, other).astype(np.float32)
    return layers, x, wanted


def check_gradient(target, random, size, channels):
    layers, x, wanted = problem(random, size, channels)

    gradient = gradient_on(target, layers, x, wanted).astype(np.float64)

    # Along the gradient, where the rounding of its elements averages out.
    direction = gradient / np.linalg.norm(gradient)
    step = 1e-6
    ahead, behind = (half_square(layers, x + sign * step * direction, wanted) for sign in (1, -1))
    slope = (ahead - behind) / (2 * step)
    assert abs(np.sum(gradient * direction) / slope - 1) < 1e-6


def test_gradient_agrees_with_central_differences(target, random):
    check_gradient(target, random, *SMALL)


@pytest.mark.parametrize(("size", "channels"), WIDE, ids=str)
def test_gradient_of_wide_layers_on_the_cpu(random, size, channels):
    check_gradient(CPU, random, size, channels)


def test_every_element_of_the_gradient(random):
    layers, x, wanted = problem(random, (4, 5), (2, 16, 17))

    gradient = gradient_on(CPU, layers, x, wanted)

    step = 1e-6
    expected = np.empty_like(gradient, np.float64)
    for index in np.ndindex(x.shape):
        moved = np.zeros(x.shape)
        moved[index] = step
        ahead, behind = (half_square(layers, x + sign * moved, wanted) for sign in (1, -1))
        expected[index] = (ahead - behind) / (2 * step)
    # Float32 rounding of each element, against the largest.
    np.testing.assert_allclose(gradient, expected, atol=1e-5 * np.abs(expected).max())


def test_finds_features_that_give_what_is_wanted(target, random):
    size, channels = SMALL if target is not CPU else ((14, 11), (8, 16, 24, 16))
    layers, _, wanted = problem(random, size, channels)
    start = np.abs(random.standard_normal((*size, channels[0]), np.float32))
    iterations = 8 if target is not CPU else 60

    result = deconvolve(
        prepare(layers, 1, target),
        target.asarray(wanted),
        target.asarray(start.copy()),
        iterations=iterations,
        tolerance=1e-3,
    )

    assert result.residuals[-1] < 0.3 * result.residuals[0]
    # What is kept is the solution after one layer: the layers after it lead to what was wanted.
    reached = forward_in_float64(layers[1:], target.to_host(result.features))
    residual = np.square(reached - wanted).sum() / np.square(wanted).sum()
    np.testing.assert_allclose(residual, result.residuals[-1], rtol=1e-3)


def test_tick_tells_the_share_of_the_iterations(random):
    layers, x, wanted = problem(random, (6, 6), (2, 3, 4))
    told = []

    deconvolve(prepare(layers, 0, CPU), wanted, x, iterations=5, tolerance=0.0, tick=told.append)

    assert told == sorted(told)
    assert 0 < told[0] <= 0.2
    assert told[-1] == 1.0


def test_tick_leaves_little_to_leap_over_where_it_stops_early(random):
    layers, x, wanted = problem(random, (6, 6), (2, 3, 4))
    told = []
    options = {"iterations": 20, "tolerance": 0.0, "tick": told.append}

    deconvolve(prepare(layers, 0, CPU), wanted, x, **options)

    # Five evaluations are half of most, and twenty nearly all.
    assert told[4] == 0.5
    assert told[9] == 0.75
    assert max(later - before for before, later in pairwise([0, *told])) < 0.15


def test_stops_on_convergence_before_the_last_iteration(random):
    layers, x, wanted = problem(random, (8, 8), (4, 8, 8))
    result = deconvolve(prepare(layers, 0, CPU), wanted, x, iterations=500, tolerance=0.05)
    assert result.reason == "converged"
    assert len(result.residuals) < 500


def test_residuals_are_relative_to_what_is_wanted(random):
    layers, x, wanted = problem(random, (6, 7), (3, 4, 5))
    expected = 2 * half_square(layers, x, wanted) / inner_product(wanted.ravel(), wanted.ravel())
    result = deconvolve(prepare(layers, 0, CPU), wanted, x.copy(), iterations=2, tolerance=0.0)
    np.testing.assert_allclose(result.residuals[0], expected, rtol=1e-5)
