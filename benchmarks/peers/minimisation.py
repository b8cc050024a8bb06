"""L-BFGS on the same functions, with as many steps of memory and as many iterations."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.peers.contest import Contender, Contest

HISTORY = 4

_WARM_UP_LENGTH = 100
_WARM_UP_SIDE = 48

_ITERATIONS_OF_ROSENBROCK = 100
_ITERATIONS_OF_DECONVOLUTION = 25

# The sub-net of a deconvolution, as a transfer has it for level 4.
_TOP, _BOTTOM = 4, 2


def contests(length, side, iterations=_ITERATIONS_OF_DECONVOLUTION):
    """Rosenbrock's function of `length` variables; a deconvolution of `side` pixels."""
    rosenbrock, deconvolution = rosenbrock_start(length), _deconvolution(side)
    return (
        Contest(
            f"L-BFGS, Rosenbrock's function of {length:,} variables, "
            f"{_ITERATIONS_OF_ROSENBROCK} iterations",
            _contenders("rosenbrock", _ITERATIONS_OF_ROSENBROCK),
            {"start": rosenbrock},
            {"start": rosenbrock_start(_WARM_UP_LENGTH)},
            _judge_rosenbrock,
            {"loss": min, "evaluations": min},
            (
                "Ours and PyTorch work in single precision, SciPy in double. Who comes lowest "
                "after a set number of iterations changes with the number of variables.",
            ),
        ),
        Contest(
            f"L-BFGS, deconvolution of level {_TOP}, {side}x{side} pixels, {iterations} iterations",
            _contenders("deconvolution", iterations),
            deconvolution,
            _deconvolution(_WARM_UP_SIDE),
            partial(_judge_deconvolution, *deconvolution.values()),
            {"residual": min, "evaluations": min},
            (
                "The function is this project's for all, in single precision: time beyond it is "
                "the solver's own. Residual: |CNN(x) - wanted|^2 / |wanted|^2.",
            ),
        ),
    )


def _contenders(function, iterations):
    options = {"function": function, "iterations": iterations}
    return (
        Contender("ours", by_ours, options=options),
        Contender("SciPy L-BFGS-B", by_scipy, "scipy", options),
        Contender("PyTorch LBFGS, strong Wolfe", by_torch, "torch", options),
    )


def by_ours(start, threads, function, iterations, wanted=None):
    from analogy_kernels.solvers.lbfgs import lbfgs

    objective = _FUNCTIONS[function](start, wanted)

    def work():
        minimum = lbfgs(
            objective,
            start.ravel(),
            history=HISTORY,
            iterations=iterations,
            # None: as many iterations as there are.
            tolerance=0,
        )
        return minimum.x, np.int64(minimum.evaluations)

    return work


def by_scipy(start, threads, function, iterations, wanted=None):
    from scipy.optimize import minimize

    objective = _FUNCTIONS[function](start, wanted)

    def loss_and_gradient(x):
        gradient = np.empty_like(x)
        loss = objective.value(x)
        objective.gradient(x, gradient)
        return loss, gradient

    options = {"maxcor": HISTORY, "maxiter": iterations, "ftol": 0, "gtol": 0}

    def work():
        x = start.ravel().astype(np.float64)
        found = minimize(loss_and_gradient, x, jac=True, method="L-BFGS-B", options=options)
        return found.x, np.int64(found.nfev)

    return work


def by_torch(start, threads, function, iterations, wanted=None):
    import torch

    torch.set_num_threads(threads)
    objective = _FUNCTIONS[function](start, wanted)

    def work():
        x = torch.from_numpy(start.ravel().copy())
        x.grad = torch.empty_like(x)
        evaluations = 0

        def closure():
            nonlocal evaluations
            evaluations += 1
            loss = objective.value(x.numpy())
            objective.gradient(x.numpy(), x.grad.numpy())
            return loss

        torch.optim.LBFGS(
            [x],
            history_size=HISTORY,
            max_iter=iterations,
            max_eval=10 * iterations,
            line_search_fn="strong_wolfe",
            tolerance_grad=0,
            tolerance_change=0,
        ).step(closure)
        return x.numpy(), np.int64(evaluations)

    return work


class Rosenbrock:
    """Rosenbrock's function of every two variables, summed, in the precision of x.

    The extended one of Moré, Garbow and Hillstrom (1981); 0 where all are 1.
    """

    def value(self, x):
        bend, rest = x[1::2] - x[::2] ** 2, 1 - x[::2]
        return float(100 * np.dot(bend, bend) + np.dot(rest, rest))

    def gradient(self, x, out):
        """Write the gradient at `x`."""
        bend = x[1::2] - x[::2] ** 2
        out[1::2] = 200 * bend
        out[::2] = -400 * bend * x[::2] - 2 * (1 - x[::2])


class Deconvolution:
    """Half the squared distance of a sub-net's output from the features wanted."""

    def __init__(self, start, wanted):
        from analogy.method.deconvolution import SubNet, prepare
        from analogy.model import bundled_path
        from analogy.network.layers import Network
        from analogy_kernels.target import CPU

        layers = Network.load(bundled_path()).layers(_BOTTOM, _TOP)
        self._subnet = SubNet(prepare(layers, 0, CPU), start.shape, CPU)
        self._wanted, self._residual = wanted, np.empty_like(wanted)
        self._gradient = np.empty_like(start)

    def value(self, x):
        x = np.ascontiguousarray(x, np.float32).reshape(self._gradient.shape)
        np.subtract(self._subnet.forward(x), self._wanted, out=self._residual)
        residual = self._residual.ravel()
        return 0.5 * float(np.dot(residual, residual))

    def gradient(self, x, out):
        """Write the gradient at `x`, of whose features the last value was."""
        self._subnet.backward(self._residual, self._gradient)
        out[:] = self._gradient.ravel()


# By a name that another process can be given.
_FUNCTIONS = {
    "rosenbrock": lambda start, wanted: Rosenbrock(),
    "deconvolution": Deconvolution,
}


def rosenbrock_start(length):
    """The usual start, (-1.2, 1, -1.2, 1, ...), and a little noise: no two variables alike."""
    start = np.where(np.arange(length) % 2, 1.0, -1.2)
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, length)
    return np.float32(start + noise)


def _deconvolution(side):
    """Features of A are wanted, the solver starts at those of B'."""
    from analogy.model import bundled_path
    from analogy.network.features import FeatureExtractor
    from benchmarks.images import example_pair

    a, b_prime = map(FeatureExtractor(bundled_path(), "cpu"), example_pair(side, side))
    return {"start": b_prime[_BOTTOM], "wanted": a[_TOP]}


def _judge_rosenbrock(x, evaluations):
    loss = Rosenbrock().value(x.astype(np.float64))
    return {"loss": loss, "evaluations": int(evaluations)}


def _judge_deconvolution(start, wanted, x, evaluations):
    loss = Deconvolution(start, wanted).value(x)
    residual = 2 * loss / float(np.square(wanted, dtype=np.float64).sum())
    return {"residual": residual, "evaluations": int(evaluations)}
