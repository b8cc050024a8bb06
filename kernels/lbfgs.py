"""Minimisation by L-BFGS with a strong Wolfe line search, on whichever target `x` lives.

The vectors stay where they are; the host sees scalars only. The two-loop recursion runs on the
inner products between the remembered vectors instead of on the vectors (Chen, Wang and Zhou,
"Large-scale L-BFGS using MapReduce", 2014), so that an iteration reads the history twice, once
for the inner products and once for the direction, however long it is.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable
from scipy.optimize import line_search

from kernels.reduction import inner_product, inner_products, inner_products_scratch
from kernels.target import cuda, target_of, vector_launch
from kernels.vectors import add_scaled, combine


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
    """

    x: Any
    losses: tuple[float, ...]
    evaluations: int
    reason: str


def lbfgs(
    loss,
    gradient,
    x,
    *,
    first_step=0.01,
    history=4,
    iterations=100,
    tolerance=1e-2,
    window=5,
    sufficient_decrease=1e-4,
    curvature=0.9,
):
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

    Returns
    -------
    Minimum
    """
    scratch = inner_products_scratch(2 * history, 3, target_of(x))
    memory = _Memory(x, history, scratch)
    line = _Line(loss, gradient, x, memory.direction, scratch)
    memory.start(line.gradient)
    losses, reason = [line.loss], "iterations"
    for _ in range(iterations):
        slope = memory.choose_direction(line.x, first_step)
        if not slope < 0:
            reason = "converged"
            break
        step = line.search(slope, sufficient_decrease, curvature)
        if step is None:
            reason = "line search"
            break
        memory.remember(step, line.gradient)
        losses.append(line.loss)
        if len(losses) > window and losses[-1 - window] - losses[-1] < tolerance * losses[-1]:
            reason = "converged"
            break
    return Minimum(line.x, tuple(losses), line.evaluations, reason)


class _Line:
    """A point, and the loss along a line from it."""

    def __init__(self, loss, gradient, x, direction, scratch):
        on = target_of(x)
        self._loss_at, self._write_gradient = loss, gradient
        self._direction, self._scratch = direction, scratch
        self._trial, self._trial_step = on.empty(x.shape), 0.0
        self.x, self.gradient = x, on.empty(x.shape)
        self.evaluations = 1
        self.loss = loss(x)
        gradient(self.gradient)

    def search(self, slope, sufficient_decrease, curvature):
        """Move along the direction to a strong Wolfe point and evaluate the gradient there.

        Returns the step, or None where no such point was found; then the point stays.
        """
        # SciPy's search runs over vectors: here over the one number that is the step.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            step, _, _, loss, _, _ = line_search(
                self._loss_after,
                self._slope_after,
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
            loss = self._loss_after(np.array([step]))
            self._slope_after(np.array([step]))
        self.x, self._trial = self._trial, self.x
        self.loss = loss
        return step

    def _loss_after(self, step):
        add_scaled(self.x, step[0], self._direction, self._trial)
        self._trial_step = step[0]
        self.evaluations += 1
        return self._loss_at(self._trial)

    def _slope_after(self, step):
        # The search asks for the slope only where it has just asked for the loss.
        assert step[0] == self._trial_step
        self._write_gradient(self.gradient)
        return np.array([inner_product(self._direction, self.gradient, self._scratch)])


class _Memory:
    """The last steps and gradient changes, and all their inner products."""

    def __init__(self, x, history, scratch):
        on = target_of(x)
        n = x.shape[0]
        self._history, self._count, self._scratch = history, 0, scratch
        # Steps, then gradient changes; a new pair takes the place of the oldest.
        self._past = on.zeros((2 * history, n))
        # The latest step, gradient change and gradient, together for the inner products.
        self._latest = on.zeros((3, n))
        # Between the rows of `_past` and, last, the gradient.
        self._products = np.zeros((2 * history + 1, 2 * history + 1))
        self.direction = self._latest[0]

    def start(self, gradient):
        add_scaled(gradient, 0, gradient, self._latest[2])
        self._measure()

    def choose_direction(self, x, first_step):
        """Write the direction to go; return the loss's slope along it."""
        if self._count:
            coefficients = self._two_loops()
        else:
            length = np.sqrt(inner_product(x, x, self._scratch))
            coefficients = np.zeros(len(self._products))
            if self._products[-1, -1] > 0:
                coefficients[-1] = -first_step * length / np.sqrt(self._products[-1, -1])
        combine(self._past, self._latest[2], coefficients, self.direction)
        return coefficients @ self._products[-1]

    def remember(self, step, gradient):
        """Take in an accepted step along the direction and the gradient after it."""
        slot = self._count % self._history
        self._count += 1
        _remember(np.float32(step), gradient, self._latest, self._past, slot)
        self._measure(slot)

    def _measure(self, slot=None):
        step, change, gradient = inner_products(self._past, self._latest, self._scratch).T
        square = inner_product(self._latest[2], self._latest[2], self._scratch)
        self._set_products(-1, np.append(gradient, square))
        if slot is not None:
            self._set_products(slot, np.append(step, gradient[slot]))
            self._set_products(
                slot + self._history, np.append(change, gradient[slot + self._history])
            )

    def _set_products(self, row, values):
        self._products[row], self._products[:, row] = values, values

    def _two_loops(self):
        """Coefficients of the direction in the basis (Nocedal and Wright, algorithm 7.4)."""
        products, history = self._products, self._history
        newest_first = [
            (self._count - 1 - age) % history for age in range(min(self._count, history))
        ]
        curvatures = {slot: products[slot, slot + history] for slot in newest_first}
        coefficients = np.zeros(len(products))
        coefficients[-1] = -1.0
        weights = {}
        for slot in newest_first:
            weights[slot] = products[slot] @ coefficients / curvatures[slot]
            coefficients[slot + history] -= weights[slot]
        newest = newest_first[0] + history
        coefficients *= curvatures[newest_first[0]] / products[newest, newest]
        for slot in reversed(newest_first):
            correction = products[slot + history] @ coefficients / curvatures[slot]
            coefficients[slot] += weights[slot] - correction
        return coefficients


def _remember(step, gradient, latest, past, slot):
    """Turn the direction in `latest` into a step, and both pairs of rows into the newest."""
    if target_of(past).is_cuda:
        _remember_cuda[vector_launch(gradient.size)](step, gradient, latest, past, slot)
    else:
        _remember_cpu(step, gradient, latest, past, slot)


@njit(parallel=True, cache=True)
def _remember_cpu(step, gradient, latest, past, slot):
    for i in prange(gradient.size):
        _remember_element(step, gradient, latest, past, slot, i)


@cuda.jit
def _remember_cuda(step, gradient, latest, past, slot):
    for i in range(cuda.grid(1), gradient.size, cuda.gridsize(1)):
        _remember_element(step, gradient, latest, past, slot, i)


@register_jitable
def _remember_element(step, gradient, latest, past, slot, i):
    change = gradient[i] - latest[2, i]
    move = step * latest[0, i]
    latest[0, i], latest[1, i], latest[2, i] = move, change, gradient[i]
    past[slot, i], past[slot + past.shape[0] // 2, i] = move, change
