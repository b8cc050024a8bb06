"""Minimisation by L-BFGS with a strong Wolfe line search, on whichever target `x` lives.

The vectors stay where they are; the host sees scalars only. The two-loop recursion runs on inner
products instead of on vectors (Chen, Wang and Zhou, "Large-scale L-BFGS using MapReduce", 2014).
What is remembered are directions and gradients as they were found: steps and changes of the
gradient are multiples and differences of them, of which the host knows all it needs. So nothing
is copied, and an iteration reads the memory twice, once for the inner products of the new gradient
and once for the direction, however long the memory is.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import line_search

from kernels.reduction import inner_product, inner_products, inner_products_scratch
from kernels.solvers.vectors import add_scaled, combine
from kernels.target import Array, Stream, on_target


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
        Why it stopped: "converged", "iterations" or "line search".

    Notes
    -----
    `losses` are Python floats; `x` stays on its target.

    Examples
    --------
    >>> from kernels import Minimum
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
        Length of the first step, along steepest descent, as a share of the length of `x`.
    history : int
        Steps remembered.
    iterations : int
        At most.
    tolerance : float
        Converged when `window` iterations together lower the loss by less than this share of it.
    window : int
        In iterations.
    sufficient_decrease, curvature : float
        Constants c1 and c2 of the strong Wolfe conditions.
    stream : Numba stream, optional
        That a device queues the solver's own work on; `loss` and `gradient` choose theirs.

    Returns
    -------
    Minimum

    Raises
    ------
    TypeError
        If `x` is no array.
    ValueError
        If it is on the host and not C-contiguous.

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
    >>> from kernels import lbfgs
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
    on, x = on_target(x, stream=stream)
    memory = _Memory(x, history, on, stream)
    line = _Line(loss, x, on, stream)
    memory.measure(gradient)
    losses, reason = [line.loss], "iterations"
    for _ in range(iterations):
        slope = memory.choose_direction(line.x, first_step)
        if not slope < 0:
            reason = "converged"
            break
        step = line.search(
            memory.direction,
            slope,
            partial(memory.measure, gradient),
            sufficient_decrease,
            curvature,
        )
        if step is None:
            reason = "line search"
            break
        memory.remember(step)
        losses.append(line.loss)
        if len(losses) > window and losses[-1 - window] - losses[-1] < tolerance * losses[-1]:
            reason = "converged"
            break
    return Minimum(line.x, tuple(losses), line.evaluations, reason)


class _Line:
    """A point, and the loss along lines from it."""

    def __init__(self, loss, x, on, stream):
        self._loss_at, self._stream = loss, stream
        self._trial, self._trial_step = on.empty(x.shape), 0.0
        self.x = x
        self.evaluations = 1
        self.loss = loss(x)

    def search(self, direction, slope, slope_at_trial, sufficient_decrease, curvature):
        """Move along a direction to a strong Wolfe point and evaluate the gradient there.

        Returns the step, or None where no such point was found; then the point stays.
        """

        def loss_after(step):
            add_scaled(self.x, step[0], direction, self._trial, stream=self._stream)
            self._trial_step = step[0]
            self.evaluations += 1
            return self._loss_at(self._trial)

        def slope_after(step):
            # The search asks for the slope only where it has just asked for the loss.
            assert step[0] == self._trial_step
            return np.array([slope_at_trial()])

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
                c1=sufficient_decrease,
                c2=curvature,
            )
        if step is None:
            return None
        if step != self._trial_step:
            loss = loss_after(np.array([step]))
            slope_after(np.array([step]))
        self.x, self._trial = self._trial, self.x
        self.loss = loss
        return step


class _Memory:
    """The last directions and gradients, and the inner products between them.

    Rows 0 ... m - 1 are directions, rows m ... 2 m gradients; each new one takes the place of the
    oldest of its kind. Combinations of rows are known by their coefficients.
    """

    def __init__(self, x, history, on, stream):
        self._stream = stream
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
        coefficients = self._two_loops() if self._count else self._steepest(x, first_step)
        row = self._direction_row(self._count)
        combine(self._rows, coefficients, row, stream=self._stream)
        products = coefficients @ self._products
        products[: self._history] = 0
        self._set_products(row, products)
        self._newest_gradient = self._gradient_row(self._count + 1)
        return products[self._gradient_row(self._count)]

    def measure(self, gradient):
        """Let `gradient` write the one at the trial point; return the slope along the direction."""
        row = self._rows[self._newest_gradient]
        gradient(row)
        vectors = row.reshape(1, row.size)
        products = inner_products(self._rows, vectors, self._scratch, stream=self._stream)[:, 0]
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
            length = np.sqrt(inner_product(x, x, self._scratch, stream=self._stream))
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
