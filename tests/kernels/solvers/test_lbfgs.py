from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from analogy_kernels.solvers.lbfgs import lbfgs


class OnTarget:
    """A NumPy function of a vector as loss and gradient of an array on a target."""

    def __init__(self, function, derivative, target):
        self._function, self._derivative, self._target = function, derivative, target
        self._point = None

    def loss(self, x):
        self._point = self._target.to_host(x).astype(np.float64)
        return float(self._function(self._point))

    def gradient(self, out):
        values = self._derivative(self._point).astype(np.float32)
        out[:] = self._target.asarray(values)


# More than one block of the simulator's vectors, and more than the history remembers.
LENGTH = 9


def quadratic(random, n=LENGTH):
    """Eigenvalues from 1 to 30 in random directions: steepest descent takes a hundred steps."""
    basis, _ = np.linalg.qr(random.standard_normal((n, n)))
    matrix = basis * np.geomspace(1, 30, n) @ basis.T
    solution = random.standard_normal(n)

    def function(x):
        return 0.5 * (x - solution) @ matrix @ (x - solution)

    def derivative(x):
        return matrix @ (x - solution)

    return solution, function, derivative


def test_solves_a_quadratic(target, random):
    solution, function, derivative = quadratic(random)
    problem = OnTarget(function, derivative, target)
    start = target.asarray(np.ones(LENGTH, np.float32))

    minimum = lbfgs(problem.loss, problem.gradient, start, iterations=22, tolerance=0)

    np.testing.assert_allclose(target.to_host(minimum.x), solution, atol=1e-3)
    assert all(after < before for before, after in pairwise(minimum.losses))


def test_solves_rosenbrock_about_as_fast_as_scipy(target):
    problem = OnTarget(rosen, rosen_der, target)
    start = np.full(4, -1.2, np.float32)

    minimum = lbfgs(
        problem.loss, problem.gradient, target.asarray(start.copy()), iterations=200, tolerance=1e-9
    )
    reference = minimize(rosen, start, jac=rosen_der, method="L-BFGS-B", options={"maxcor": 4})

    assert minimum.losses[-1] < 1e-6
    assert minimum.evaluations < 2 * reference.nfev


def test_stops_when_the_loss_hardly_falls_any_more(target, random):
    _, function, derivative = quadratic(random)
    start = np.ones(LENGTH, np.float32)

    def run(tolerance):
        problem = OnTarget(lambda x: function(x) + 1, derivative, target)
        x = target.asarray(start.copy())
        return lbfgs(
            problem.loss, problem.gradient, x, iterations=200, tolerance=tolerance, window=3
        )

    loose, tight = run(1e-1), run(1e-4)

    assert loose.reason == "converged"
    assert loose.losses[-4] - loose.losses[-1] < 1e-1 * loose.losses[-1]
    assert len(loose.losses) < len(tight.losses)


def test_stays_where_the_gradient_is_zero(target):
    problem = OnTarget(lambda x: float(x @ x), lambda x: 2 * x, target)
    minimum = lbfgs(problem.loss, problem.gradient, target.asarray(np.zeros(5, np.float32)))
    assert minimum.reason == "converged"
    np.testing.assert_array_equal(target.to_host(minimum.x), 0)


def broken(problem, loss_at=lambda x, loss: loss, gradient_at=lambda out: None):
    """The loss and the gradient of a problem, spoilt."""

    def gradient(out):
        problem.gradient(out)
        gradient_at(out)

    return (lambda x: loss_at(x, problem.loss(x))), gradient


def poison(out):
    out[:] = np.full(out.shape, np.nan, np.float32)


def test_a_start_without_a_loss_or_a_gradient_is_told(target, random):
    _, function, derivative = quadratic(random)

    for spoilt in ({"loss_at": lambda x, loss: np.nan}, {"gradient_at": poison}):
        start = target.asarray(np.ones(LENGTH, np.float32))
        minimum = lbfgs(*broken(OnTarget(function, derivative, target), **spoilt), start)
        assert minimum.reason == "not finite"
        assert len(minimum.losses) == 1
        np.testing.assert_array_equal(target.to_host(minimum.x), 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_lost_on_the_way_is_told(target, random, value):
    _, function, derivative = quadratic(random)
    calls = []

    def loss_at(x, loss):
        calls.append(loss)
        return loss if len(calls) < 6 else value

    start = target.asarray(np.ones(LENGTH, np.float32))
    minimum = lbfgs(*broken(OnTarget(function, derivative, target), loss_at), start, tolerance=0)

    assert minimum.reason == "not finite"
    # The last point with a loss.
    assert minimum.losses[-1] == pytest.approx(function(target.to_host(minimum.x).astype(float)))
    assert np.isfinite(minimum.losses).all()


def test_a_line_that_leads_nowhere_is_no_convergence(target):
    problem = OnTarget(lambda x: float(x @ x), lambda x: -2 * x, target)

    minimum = lbfgs(problem.loss, problem.gradient, target.asarray(np.ones(5, np.float32)))

    assert minimum.reason == "line search"


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"loss": None}, TypeError, "loss is a NoneType"),
        ({"loss": lambda x: "low"}, TypeError, "loss gives a str"),
        ({"gradient": 3}, TypeError, "gradient is a int"),
        ({"x": np.ones((2, 3), np.float32)}, ValueError, r"x is float32 \(2, 3\)"),
        ({"x": np.broadcast_to(np.float32(1), 1)}, ValueError, "x is read-only"),
        ({"first_step": 0.0}, ValueError, "first_step is 0.0"),
        ({"history": 0}, ValueError, "history is 0"),
        ({"iterations": 2.5}, TypeError, "iterations is 2.5"),
        ({"tolerance": np.nan}, ValueError, "tolerance is nan"),
        ({"window": 0}, ValueError, "window is 0"),
        ({"sufficient_decrease": 0.95}, ValueError, "sufficient_decrease is 0.95"),
        ({"curvature": 1.5}, ValueError, "curvature is 1.5"),
    ],
)
def test_what_cannot_be_minimised_is_refused(options, error, told):
    arguments = {"loss": lambda x: 1.0, "gradient": lambda out: None, "x": np.ones(3, np.float32)}
    with pytest.raises(error, match=told):
        lbfgs(**arguments | options)
