from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from analogy_kernels.solvers.lbfgs import Objective, Queued, lbfgs
from analogy_kernels.target import CPU, CUDA

# More than one block of the simulator's vectors, and more than the history remembers.
LENGTH = 9


class OnTarget:
    """A NumPy function of a vector, as one of arrays on a target; it counts what it is asked."""

    def __init__(self, function, derivative, target):
        self._function, self._derivative, self._target = function, derivative, target
        self._point = None
        self.values = self.gradients = 0

    def value(self, x):
        self.values += 1
        self._point = self._target.to_host(x).astype(np.float64)
        return float(self._function(self._point))

    def gradient(self, x, out):
        self.gradients += 1
        # What `value` computed on its way may be used again.
        np.testing.assert_array_equal(self._target.to_host(x), self._point)
        values = self._derivative(self._point).astype(np.float32)
        out[:] = self._target.asarray(values)

    def both(self, x):
        """Loss and gradient at once, as SciPy has them."""
        loss = self.value(x)
        return loss, self._target.asarray(self._derivative(self._point).astype(np.float32))


class Ahead(OnTarget):
    """One that a device evaluates before its loss is known."""

    def queue(self, x, partial, out):
        loss = self.value(x)
        partial[0, :1] = self._target.asarray(np.array([2 * loss]))
        self.gradient(x, out)

    def loss_of(self, number):
        return 0.5 * number


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


def ones(target, n=LENGTH):
    return target.asarray(np.ones(n, np.float32))


def test_solves_a_quadratic(target, random):
    solution, function, derivative = quadratic(random)
    problem = OnTarget(function, derivative, target)

    minimum = lbfgs(problem, ones(target), iterations=22, tolerance=0)

    np.testing.assert_allclose(target.to_host(minimum.x), solution, atol=1e-3)
    assert all(after < before for before, after in pairwise(minimum.losses))
    # What is told of the minimum is so. Each element of the gradient was rounded once.
    x = target.to_host(minimum.x).astype(float)
    assert minimum.fun == function(x)
    assert minimum.gradient_norm == pytest.approx(np.linalg.norm(derivative(x)), rel=1e-6)
    assert minimum.evaluations == problem.values
    assert minimum.iterations == len(minimum.losses) - 1 <= 22


def test_solves_rosenbrock_about_as_fast_as_scipy(target):
    problem = OnTarget(rosen, rosen_der, target)
    start = np.full(4, -1.2, np.float32)

    minimum = lbfgs(problem.both, target.asarray(start), iterations=200, tolerance=1e-9)
    reference = minimize(rosen, start, jac=rosen_der, method="L-BFGS-B", options={"maxcor": 4})

    assert minimum.fun < 1e-6
    assert minimum.evaluations < 2 * reference.nfev
    np.testing.assert_allclose(target.to_host(minimum.x), reference.x, atol=1e-2)


def test_takes_what_scipy_minimises(random):
    solution, function, derivative = quadratic(random)

    def both(x):
        # Of float64, as the matrix is.
        return function(x), derivative(x)

    start = np.zeros(LENGTH, np.float32)
    minimum = lbfgs(both, start, iterations=50, tolerance=0)
    reference = minimize(both, start, jac=True, method="L-BFGS-B")

    np.testing.assert_allclose(minimum.x, reference.x, atol=1e-3)
    np.testing.assert_allclose(minimum.x, solution, atol=1e-3)


def test_a_function_and_an_objective_give_the_same(target, random):
    _, function, derivative = quadratic(random)
    problem = OnTarget(function, derivative, target)

    at_once = lbfgs(problem.both, ones(target), iterations=6, tolerance=0)
    apart = lbfgs(problem, ones(target), iterations=6, tolerance=0)

    assert at_once.losses == apart.losses
    np.testing.assert_array_equal(target.to_host(at_once.x), target.to_host(apart.x))


def test_no_gradient_is_asked_for_where_the_loss_has_not_fallen():
    problem = OnTarget(rosen, rosen_der, CPU)
    lowest, turned_down = np.inf, 0
    value = problem.value

    def watched(x):
        nonlocal lowest, turned_down
        loss = value(x)
        turned_down += loss > lowest
        lowest = min(lowest, loss)
        return loss

    problem.value = watched
    lbfgs(problem, np.full(4, -1.2, np.float32), iterations=50, tolerance=0)

    assert turned_down > 0
    assert problem.gradients <= problem.values - turned_down


def test_the_start_is_left_as_it_is(target, random):
    _, function, derivative = quadratic(random)

    for iterations in range(4):
        start = ones(target)
        problem = OnTarget(function, derivative, target)
        minimum = lbfgs(problem, start, iterations=iterations, tolerance=0)
        assert minimum.reason == "iterations"
        assert minimum.iterations == iterations
        np.testing.assert_array_equal(target.to_host(start), 1)
        assert function(target.to_host(minimum.x).astype(float)) == minimum.fun


@pytest.mark.parametrize("is_start", [True, False])
def test_the_minimum_is_written_where_it_is_asked_for(target, random, is_start):
    _, function, derivative = quadratic(random)

    for iterations in range(4):
        problem = OnTarget(function, derivative, target)
        expected = lbfgs(problem, ones(target), iterations=iterations, tolerance=0)
        start = ones(target)
        out = start if is_start else target.zeros((LENGTH,))
        minimum = lbfgs(problem, start, iterations=iterations, tolerance=0, out=out)
        assert minimum.x is out
        np.testing.assert_array_equal(target.to_host(out), target.to_host(expected.x))


def test_starts_from_zero():
    problem = OnTarget(lambda x: (x - 3) @ (x - 3), lambda x: 2 * (x - 3), CPU)
    minimum = lbfgs(problem, np.zeros(5, np.float32), tolerance=0)
    np.testing.assert_allclose(minimum.x, 3, atol=1e-3)


def test_stops_when_the_loss_hardly_falls_any_more(target, random):
    _, function, derivative = quadratic(random)

    def run(tolerance, offset=1):
        problem = OnTarget(lambda x: function(x) + offset, derivative, target)
        return lbfgs(problem, ones(target), iterations=200, tolerance=tolerance, window=3)

    loose, tight = run(1e-1), run(1e-4)

    assert loose.reason == "converged"
    assert loose.losses[-4] - loose.losses[-1] < 1e-1 * loose.losses[-1]
    assert len(loose.losses) < len(tight.losses)
    # Below zero as well.
    assert run(1e-1, offset=-100).reason == "converged"


def test_stays_where_the_gradient_is_zero(target):
    problem = OnTarget(lambda x: float(x @ x), lambda x: 2 * x, target)
    minimum = lbfgs(problem, target.asarray(np.zeros(5, np.float32)))
    assert minimum.reason == "converged"
    assert minimum.gradient_norm == 0
    assert minimum.iterations == 0
    np.testing.assert_array_equal(target.to_host(minimum.x), 0)


def test_the_callback_is_told_of_every_iteration(target, random):
    _, function, derivative = quadratic(random)
    problem, told = OnTarget(function, derivative, target), []

    def callback(x, loss):
        told.append((target.to_host(x).copy(), loss))

    minimum = lbfgs(problem, ones(target), iterations=5, tolerance=0, callback=callback)

    assert [loss for _, loss in told] == list(minimum.losses[1:])
    assert all(function(x.astype(float)) == loss for x, loss in told)
    np.testing.assert_array_equal(told[-1][0], target.to_host(minimum.x))


def test_the_callback_ends_the_minimisation(target, random):
    _, function, derivative = quadratic(random)
    problem, seen = OnTarget(function, derivative, target), []

    def callback(x, loss):
        seen.append(target.to_host(x).copy())
        if len(seen) == 3:
            raise StopIteration

    minimum = lbfgs(problem, ones(target), tolerance=0, callback=callback)

    assert minimum.reason == "callback"
    assert minimum.iterations == 3
    np.testing.assert_array_equal(target.to_host(minimum.x), seen[-1])


class Broken(OnTarget):
    """A problem that is spoilt from some iteration on, as the callback counts them."""

    def __init__(self, *problem, iteration, loss=None, gradient=None):
        super().__init__(*problem)
        self._countdown, self._spoilt_loss, self._spoilt_gradient = iteration, loss, gradient

    def callback(self, x, loss):
        self._countdown -= 1

    def value(self, x):
        loss = super().value(x)
        return self._spoilt_loss if self._spoilt_loss and not self._countdown else loss

    def gradient(self, x, out):
        super().gradient(x, out)
        if self._spoilt_gradient and not self._countdown:
            out[:] = np.full(out.shape, self._spoilt_gradient, np.float32)


SPOILT = [{"loss": np.nan}, {"loss": np.inf}, {"loss": -np.inf}, {"gradient": np.nan}]


@pytest.mark.parametrize("spoilt", SPOILT, ids=str)
def test_a_start_without_a_loss_or_a_gradient_is_told(target, random, spoilt):
    _, function, derivative = quadratic(random)

    minimum = lbfgs(Broken(function, derivative, target, iteration=0, **spoilt), ones(target))

    assert minimum.reason == "not finite"
    assert minimum.iterations == 0
    np.testing.assert_array_equal(target.to_host(minimum.x), 1)


@pytest.mark.parametrize("spoilt", SPOILT, ids=str)
def test_a_loss_or_a_gradient_that_is_lost_on_the_way_is_told(target, random, spoilt):
    _, function, derivative = quadratic(random)
    problem = Broken(function, derivative, target, iteration=2, **spoilt)

    minimum = lbfgs(problem, ones(target), tolerance=0, callback=problem.callback)

    assert minimum.reason == "not finite"
    # The last point with both.
    assert minimum.iterations == 2
    x = target.to_host(minimum.x).astype(float)
    assert minimum.fun == function(x) == min(minimum.losses)
    assert minimum.gradient_norm == pytest.approx(np.linalg.norm(derivative(x)), rel=1e-6)


def test_a_trial_without_a_loss_is_turned_down():
    """The logarithm ends at 1, and the first step leads beyond."""
    seen = []

    def barrier(x):
        with np.errstate(invalid="ignore"):
            seen.append(float((-1e3 * x - np.log(1 - x)).sum()))
        return seen[-1], -1e3 + 1 / (1 - x)

    minimum = lbfgs(barrier, np.full(3, 0.9, np.float32), first_step=1, tolerance=0)

    assert np.isnan(seen).any()
    assert minimum.reason != "not finite"
    # 1000 = 1 / (1 - x).
    np.testing.assert_allclose(minimum.x, 0.999, atol=1e-4)


def test_a_line_that_leads_nowhere_is_no_convergence(target):
    problem = OnTarget(lambda x: float(x @ x), lambda x: -2 * x, target)

    minimum = lbfgs(problem, ones(target, 5))

    assert minimum.reason == "line search"


def test_the_lowest_point_is_kept_where_no_step_is_good_enough(random):
    """A kink, beside which the loss falls and no slope is ever flat enough."""
    seen = []

    def kinked(x):
        loss = float(np.abs(x - 2).sum())
        seen.append(loss)
        return loss, np.sign(x - 2)

    minimum = lbfgs(kinked, np.zeros(1, np.float32), curvature=0.5, tolerance=0)

    assert minimum.reason == "line search"
    assert minimum.fun == min(seen) == float(np.abs(minimum.x - 2).sum())


def test_a_loss_that_falls_without_end_is_followed():
    """The gradient never changes: there is no curvature to remember."""
    minimum = lbfgs(lambda x: (x.sum(), np.ones_like(x)), np.zeros(3, np.float32), iterations=4)

    assert minimum.reason == "iterations"
    assert minimum.iterations == 4
    assert minimum.fun == minimum.x.sum() < -1
    assert minimum.gradient_norm == pytest.approx(3**0.5)


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"fun": None}, TypeError, "fun is a NoneType"),
        ({"fun": lambda: 1.0}, TypeError, r"fun is <lambda>; it has to take \(x\)"),
        ({"fun": lambda x: 1.0}, TypeError, "fun gives a float; it has to give a loss"),
        ({"fun": lambda x: ("low", x)}, TypeError, "fun gives a str as the loss"),
        ({"fun": lambda x: (1.0, None)}, TypeError, "fun's gradient is None"),
        ({"fun": lambda x: (1.0, [1.0])}, TypeError, "fun's gradient: list is no array"),
        ({"fun": lambda x: (1.0, x[:2])}, ValueError, r"fun's gradient is float32 \(2,\)"),
        ({"fun": lambda x: (1.0, x > 0)}, ValueError, "fun's gradient is bool"),
        ({"fun": lambda x: (1.0, CUDA.asarray(x))}, ValueError, "fun's gradient is on the cuda"),
        ({"x0": np.ones((2, 3), np.float32)}, ValueError, r"x0 is float32 \(2, 3\)"),
        ({"x0": np.ones(3)}, ValueError, r"x0 is float64 \(3,\)"),
        ({"out": np.frombuffer(bytes(12), np.float32)}, ValueError, "out is read-only"),
        ({"out": np.ones(2, np.float32)}, ValueError, r"out is float32 \(2,\)"),
        ({"callback": 3}, TypeError, "callback is a int"),
        ({"callback": len}, TypeError, r"callback is len; it has to take \(x, loss\)"),
        ({"first_step": 0.0}, ValueError, "first_step is 0.0"),
        ({"history": 0}, ValueError, "history is 0"),
        ({"iterations": 2.5}, TypeError, "iterations is 2.5"),
        ({"tolerance": np.nan}, ValueError, "tolerance is nan"),
        ({"window": 0}, ValueError, "window is 0"),
        ({"sufficient_decrease": 0.95}, ValueError, "sufficient_decrease is 0.95"),
        ({"curvature": 1.5}, ValueError, "curvature is 1.5"),
        ({"curvature": 1}, ValueError, "curvature is 1; it has to be above 0 and below 1"),
        ({"sufficient_decrease": 0.9}, ValueError, "sufficient_decrease is 0.9"),
    ],
)
def test_what_cannot_be_minimised_is_refused(options, error, told):
    arguments = {"fun": lambda x: (1.0, x), "x0": np.ones(3, np.float32)}
    with pytest.raises(error, match=told):
        lbfgs(**arguments | options)


def test_an_objective_is_what_has_both_methods():
    assert isinstance(OnTarget(rosen, rosen_der, CPU), Objective)
    assert not isinstance(rosen, Objective)


@pytest.mark.parametrize("function", ["quadratic", "rosen"])
def test_evaluating_ahead_changes_nothing(random, function):
    """Rosenbrock's valley turns steps down, whose gradients are then of no use."""
    _, value, derivative = quadratic(random)
    if function == "rosen":
        value, derivative = rosen, rosen_der
    objectives = [kind(value, derivative, CUDA) for kind in (OnTarget, Ahead)]
    assert [isinstance(objective, Queued) for objective in objectives] == [False, True]
    start = CUDA.asarray(np.zeros(LENGTH, np.float32))

    one_by_one, ahead = (lbfgs(each, start, iterations=12) for each in objectives)

    assert ahead.losses == one_by_one.losses
    assert ahead.evaluations == one_by_one.evaluations
    assert (ahead.gradient_norm, ahead.reason) == (one_by_one.gradient_norm, one_by_one.reason)
    np.testing.assert_array_equal(CUDA.to_host(ahead.x), CUDA.to_host(one_by_one.x))
    assert objectives[1].gradients == objectives[1].values


def test_the_host_evaluates_one_by_one(random):
    _, value, derivative = quadratic(random)
    objective = Ahead(value, derivative, CPU)

    lbfgs(objective, ones(CPU), iterations=5)

    assert objective.gradients <= objective.values
