"""Minimisation by L-BFGS with a strong Wolfe line search, on whichever target `x` lives.

The vectors stay where they are; the host sees scalars only. The two-loop recursion runs on inner
products instead of on vectors (Chen, Wang and Zhou, "Large-scale L-BFGS using MapReduce", 2014).
What is remembered are directions and gradients as they were found: steps and changes of the
gradient are multiples and differences of them, of which the host knows all it needs. So nothing
is copied, and an iteration reads the memory twice, once for the inner products of the new gradient
and once for the direction, however long the memory is.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import line_search

from analogy_kernels.arguments import VECTOR, number, positive, whole, written
from analogy_kernels.reduction import inner_products_scratch, products_of
from analogy_kernels.solvers.vectors import add_scaled_kernel, combine_kernel
from analogy_kernels.target import Array, Stream, on_target


@dataclass(frozen=True)
class Minimum:
    """Where a minimisation ended.

    Attributes
    ----------
    x : float32 array, (n,)
    losses : tuple of float
        At the start and after every iteration.
    evaluations : int
        Of the loss. The gradient was evaluated at most as often.
    reason : str
        Why it stopped: "converged", where the loss falls no more or the gradient is zero;
        "iterations", of which there were as many as allowed; "line search", which found no lower
        point along the last direction; or "not finite", of a loss or a gradient that is no finite
        number. `x` is the last point at which they were.

    Notes
    -----
    `losses` are Python floats; `x` stays on its target.

    Examples
    --------
    >>> from analogy_kernels import Minimum
    >>> Minimum(x=None, losses=(4.0, 1.0), evaluations=3, reason="iterations").losses[-1]
    1.0
    """

    x: Any
    losses: tuple[float, ...]
    evaluations: int
    reason: str


def lbfgs(
    loss: Callable[[Any], float],
    gradient: Callable[[Any], None],
    x: Array,
    *,
    first_step: float = 0.01,
    history: int = 4,
    iterations: int = 100,
    tolerance: float = 1e-2,
    window: int = 5,
    sufficient_decrease: float = 1e-4,
    curvature: float = 0.9,
    stream: Stream = None,
) -> Minimum:
    """Minimise a function of a long vector.

    Parameters
    ----------
    loss : callable, x -> float
    gradient : callable, out -> None
        Writes the gradient at the point where `loss` was last evaluated.
    x : float32 array, (n,)
        Start; overwritten.
    first_step : float
        Length of the first step, along steepest descent, as a share of the length of `x`. Above 0.
    history : int
        Steps remembered, 1 or more.
    iterations : int
        At most.
    tolerance : float
        Converged when `window` iterations together lower the loss by less than this share of it.
        Not negative.
    window : int
        In iterations, 1 or more.
    sufficient_decrease, curvature : float
        Constants c1 and c2 of the strong Wolfe conditions: 0 < c1 < c2 < 1.
    stream : Numba stream, optional
        That a device queues the solver's own work on; `loss` and `gradient` choose theirs.

    Returns
    -------
    Minimum

    Raises
    ------
    TypeError
        If `x` is no array, `loss` or `gradient` cannot be called, or something else is no number.
    ValueError
        If `x` is no vector or read-only, or an option is out of its range.

    Notes
    -----
    An iteration takes one evaluation or more of `loss` and `gradient` and, of its own, about 4 *
    history * n multiply-adds for each gradient and as many for each direction; it reads the 2 *
    history + 1 remembered vectors once for either. Allocates 2 * history + 2 vectors of n, and
    waits for a device once a gradient, for inner products. Nocedal and Wright, "Numerical
    Optimization", algorithm 7.4, on inner products as by Chen, Wang and Zhou (2014).

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import lbfgs
    >>> lowest, at = np.array([1, -2], np.float32), []
    >>> def loss(x):
    ...     at[:] = [x]
    ...     return float(((x - lowest) ** 2).sum())
    >>> def gradient(out):
    ...     out[:] = 2 * (at[0] - lowest)
    >>> minimum = lbfgs(loss, gradient, np.array([3, 3], np.float32), tolerance=0)
    >>> np.allclose(minimum.x, lowest, atol=1e-3)
    True
    """
    for name, function in (("loss", loss), ("gradient", gradient)):
        if not callable(function):
            raise TypeError(f"{name} is a {type(function).__name__}; it has to be a function")
    on, x = on_target(x=x, stream=stream)
    written("x", x, VECTOR)
    first_step, tolerance = positive("first_step", first_step), number("tolerance", tolerance, 0)
    history, window = whole("history", history, 1), whole("window", window, 1)
    iterations = whole("iterations", iterations)
    curvature = positive("curvature", curvature, 1)
    constants = positive("sufficient_decrease", sufficient_decrease, curvature), curvature
    memory, line = _Memory(x, history, on), _Line(loss, x, on, *constants)
    # Along no direction yet: no number where the gradient has what is none.
    slope = memory.measure(gradient)
    losses, reason = [line.loss], "iterations"
    if not math.isfinite(line.loss + slope):
        return Minimum(line.x, tuple(losses), line.evaluations, "not finite")
    for _ in range(iterations):
        slope = memory.choose_direction(line.x, first_step)
        if not -math.inf < slope < 0:
            reason = _why_no_descent(slope)
            break
        step = line.search(memory.direction, slope, partial(memory.measure, gradient))
        if step is None:
            reason = "line search" if line.is_finite else "not finite"
            break
        memory.remember(step)
        losses.append(line.loss)
        if len(losses) > window and losses[-1 - window] - losses[-1] < tolerance * losses[-1]:
            reason = "converged"
            break
    return Minimum(line.x, tuple(losses), line.evaluations, reason)


def _why_no_descent(slope):
    """Why a minimisation ends where the loss does not fall along the direction chosen."""
    if not math.isfinite(slope):
        return "not finite"
    # Upwards a direction can lead by rounding alone: then there is no line to search.
    return "converged" if slope == 0 else "line search"


class _Line:
    """A point, and the loss along lines from it.

    Attributes
    ----------
    x : float32 array, (n,)
    loss : float
        At `x`.
    evaluations : int
        Of the loss.
    is_finite : bool
        Whether the last loss and slope that were asked for are.
    """

    def __init__(self, loss, x, on, sufficient_decrease, curvature):
        self._loss_at, self._on = loss, on
        self._constants = {"c1": sufficient_decrease, "c2": curvature}
        self._trial, self._trial_step = on.empty(x.shape), 0.0
        self.x = x
        self.evaluations = 1
        self.loss = _as_float(loss(x))
        self.is_finite = math.isfinite(self.loss)

    def search(self, direction, slope, slope_at_trial):
        """Move along a direction to a strong Wolfe point and evaluate the gradient there.

        Returns the step, or None where no such point was found; then the point stays.
        """

        def loss_after(step):
            move = self.x, np.float32(step[0]), direction, self._trial
            self._on.run(add_scaled_kernel, (self.x.size,), *move)
            self._trial_step = step[0]
            self.evaluations += 1
            loss = _as_float(self._loss_at(self._trial))
            self.is_finite = math.isfinite(loss)
            return loss

        def slope_after(step):
            # The search asks for the slope only where it has just asked for the loss.
            assert step[0] == self._trial_step
            slope = slope_at_trial()
            self.is_finite = self.is_finite and math.isfinite(slope)
            return np.array([slope])

        # SciPy's search runs over vectors: here over the one number that is the step.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            step, _, _, loss, _, _ = line_search(
                loss_after,
                slope_after,
                np.zeros(1),
                np.ones(1),
                gfk=np.array([slope]),
                old_fval=self.loss,
                **self._constants,
            )
        if step is None:
            return None
        if step != self._trial_step:
            loss = loss_after(np.array([step]))
            slope_after(np.array([step]))
        if not self.is_finite:
            return None
        self.x, self._trial = self._trial, self.x
        self.loss = loss
        return step


def _as_float(loss):
    try:
        return float(loss)
    except (TypeError, ValueError):
        raise TypeError(f"loss gives a {type(loss).__name__}; it has to give a number") from None


class _Memory:
    """The last directions and gradients, and the inner products between them.

    Rows 0 ... m - 1 are directions, rows m ... 2 m gradients; each new one takes the place of the
    oldest of its kind. Combinations of rows are known by their coefficients.
    """

    def __init__(self, x, history, on):
        self._on = on
        self._history, self._count = history, 0
        self._rows = on.zeros((2 * history + 1, x.shape[0]))
        # Between two directions never needed, and left zero.
        self._products = np.zeros((2 * history + 1, 2 * history + 1))
        self._steps = np.zeros(history)
        self._scratch = inner_products_scratch(2 * history + 1, 1, on)
        self._newest_gradient = self._gradient_row(0)

    @property
    def direction(self):
        """Where to go from the point, valid until the next step is remembered."""
        return self._rows[self._direction_row(self._count)]

    def choose_direction(self, x, first_step):
        """Write the direction to go; return the loss's slope along it."""
        row = self._direction_row(self._count)
        # What overflows is told by the slope.
        with np.errstate(all="ignore"):
            coefficients = self._two_loops() if self._count else self._steepest(x, first_step)
            products = coefficients @ self._products
            weights = tuple(map(np.float32, coefficients))
        kernel = combine_kernel(len(weights))
        self._on.run(kernel, (self._rows.shape[1],), self._rows, weights, row)
        products[: self._history] = 0
        self._set_products(row, products)
        self._newest_gradient = self._gradient_row(self._count + 1)
        return products[self._gradient_row(self._count)]

    def measure(self, gradient):
        """Let `gradient` write the one at the trial point; return the slope along the direction."""
        row = self._rows[self._newest_gradient]
        gradient(row)
        vectors = row.reshape(1, row.size)
        products = products_of(self._on, self._rows, vectors, self._scratch)[:, 0]
        self._set_products(self._newest_gradient, products)
        return products[self._direction_row(self._count)]

    def remember(self, step):
        """Take in that the trial point a step along the direction was accepted."""
        self._steps[self._direction_row(self._count)] = step
        self._count += 1

    def _direction_row(self, iteration):
        return iteration % self._history

    def _gradient_row(self, iteration):
        return self._history + iteration % (self._history + 1)

    def _set_products(self, row, values):
        self._products[row], self._products[:, row] = values, values

    def _steepest(self, x, first_step):
        coefficients = np.zeros(len(self._products))
        row = self._gradient_row(0)
        if self._products[row, row] > 0:
            vectors = x.reshape(1, x.size)
            length = np.sqrt(products_of(self._on, vectors, vectors, self._scratch)[0, 0])
            coefficients[row] = -first_step * length / np.sqrt(self._products[row, row])
        return coefficients

    def _two_loops(self):
        """Coefficients of the direction (Nocedal and Wright, algorithm 7.4)."""
        oldest = max(self._count - self._history, 0)
        pairs = [self._pair(iteration) for iteration in range(oldest, self._count)]
        curvatures = [step @ self._products @ change for step, change in pairs]
        direction = -self._unit(self._gradient_row(self._count))
        weights = []
        for (step, change), curvature in zip(reversed(pairs), reversed(curvatures), strict=True):
            weights.append(step @ self._products @ direction / curvature)
            direction -= weights[-1] * change
        _, newest = pairs[-1]
        direction *= curvatures[-1] / (newest @ self._products @ newest)
        for (step, change), curvature in zip(pairs, curvatures, strict=True):
            direction += (weights.pop() - change @ self._products @ direction / curvature) * step
        return direction

    def _pair(self, iteration):
        """Coefficients of an iteration's step, and of what it changed the gradient by."""
        row = self._direction_row(iteration)
        change = self._unit(self._gradient_row(iteration + 1)) - self._unit(
            self._gradient_row(iteration)
        )
        return self._steps[row] * self._unit(row), change

    def _unit(self, row):
        return np.eye(len(self._products))[row]
