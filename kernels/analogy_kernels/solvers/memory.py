"""What L-BFGS remembers, and the direction that follows from it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from analogy_kernels.mailbox import Mailbox
from analogy_kernels.reduction import (
    inner_products_scratch,
    partial_sums,
    products_of,
    queue_products,
    queue_sums,
)
from analogy_kernels.solvers.vectors import combine_and_step_cuda, combine_kernel
from analogy_kernels.target import vector_launch


class Memory:
    """The last directions and gradients, and the inner products between them.

    Rows 0 ... m - 1 are directions, rows m ... 2 m gradients; each new one takes the place of the
    oldest of its kind. Combinations of rows are known by their coefficients.
    """

    def __init__(self, x, history, on):
        self._on = on
        self._history, self._count = history, 0
        self._rows = on.zeros((2 * history + 1, x.shape[0]))
        self._vectors = [self._rows[i] for i in range(2 * history + 1)]
        self._tables = [self._rows[i : i + 1] for i in range(2 * history + 1)]
        # Between two directions never needed, and left zero.
        self._products = np.zeros((2 * history + 1, 2 * history + 1))
        self._steps = np.zeros(history)
        self._scratch = inner_products_scratch(2 * history + 1, 1, on)
        self._newest = self._gradient_row(0)
        # On a device: a loss and the products of the newest gradient, each first a row of partial
        # sums. Views are made once, as they take Python as long as a launch.
        self._mailbox: Any = None
        if on.is_cuda:
            self._mailbox = Mailbox(on, 2 * history + 2)
            self._partial = partial_sums(2 * history + 2, on)
            self._partial_loss, self._partial_products = self._partial[:1], self._partial[1:]

    @property
    def newest_gradient(self):
        """Memory for the gradient at the point that is tried."""
        return self._vectors[self._newest]

    @property
    def _newest_table(self):
        """The same as a table of one row."""
        return self._tables[self._newest]

    @property
    def gradient_norm(self):
        """Length of the gradient at the point."""
        row = self._gradient_row(self._count)
        return math.sqrt(self._products[row, row])

    @property
    def direction(self):
        """Where to go from the point, valid until the next step is remembered."""
        return self._vectors[self._direction_row(self._count)]

    def choose_direction(self, x, first_step, trial):
        """Write the direction to go; return the loss's slope along it.

        On a device the point a step of one along it is written to `trial` on the way.
        """
        row = self._direction_row(self._count)
        # What overflows is told by the slope.
        with np.errstate(all="ignore"):
            coefficients = self._two_loops()
            if coefficients is None:
                coefficients = self._steepest(x, first_step)
            products = coefficients @ self._products
            weights = tuple(map(np.float32, coefficients))
        self._combine(weights, row, x, trial)
        products[: self._history] = 0
        self._set_products(row, products)
        self._newest = self._gradient_row(self._count + 1)
        return products[self._gradient_row(self._count)]

    def measure(self):
        """Take in the newest gradient; return the slope along the direction."""
        products = products_of(self._on, self._rows, self._newest_table, self._scratch)[:, 0]
        self._set_products(self._newest, products)
        return products[self._direction_row(self._count)]

    def measure_with(self, queue_loss):
        """As :meth:`measure`, with a number for the loss fetched along; return it and the slope.

        ``queue_loss(partial)`` has the device write partial sums of the number to a float64 array,
        (1, 512), which is zero but for what is written, and the newest gradient to its place.
        """
        queue_loss(self._partial_loss)
        queue_products(self._on, self._rows, self._newest_table, self._partial_products)
        queue_sums(self._on, self._partial, self._mailbox.numbers)
        loss, *products = self._mailbox.read()
        self._set_products(self._newest, products)
        return loss, products[self._direction_row(self._count)]

    def remember(self, step):
        """Take in that the trial point a step along the direction was accepted.

        0 for one that tells no curvature, as the gradient need not have risen up to it.
        """
        self._steps[self._direction_row(self._count)] = step
        self._count += 1

    def _combine(self, weights, row, x, trial):
        if self._on.is_cuda:
            kernel, launch = combine_and_step_cuda(len(weights)), vector_launch(x.size)
            self._on.launch(kernel, launch, self._rows, weights, row, x, trial)
        else:
            kernel = combine_kernel(len(weights))
            self._on.run(kernel, (self._rows.shape[1],), self._rows, weights, row)

    def _direction_row(self, iteration):
        return iteration % self._history

    def _gradient_row(self, iteration):
        return self._history + iteration % (self._history + 1)

    def _set_products(self, row, values):
        self._products[row], self._products[:, row] = values, values

    def _steepest(self, x, first_step):
        coefficients = np.zeros(len(self._products))
        row = self._gradient_row(self._count)
        if self._products[row, row] > 0:
            vectors = x.reshape(1, x.size)
            length = np.sqrt(products_of(self._on, vectors, vectors, self._scratch)[0, 0])
            coefficients[row] = -first_step * (length or 1) / np.sqrt(self._products[row, row])
        return coefficients

    def _two_loops(self):
        """Coefficients of the direction (Nocedal and Wright, algorithm 7.4); None from no steps."""
        known = self._known_steps()
        if not known:
            return None
        direction = -self._unit(self._gradient_row(self._count))
        weights = []
        for step, change, curvature in reversed(known):
            weights.append(step @ self._products @ direction / curvature)
            direction -= weights[-1] * change
        _, newest, curvature = known[-1]
        direction *= curvature / (newest @ self._products @ newest)
        for step, change, curvature in known:
            direction += (weights.pop() - change @ self._products @ direction / curvature) * step
        return direction

    def _known_steps(self):
        """Steps, changes of the gradient and their products, oldest first."""
        oldest = max(self._count - self._history, 0)
        iterations = [i for i in range(oldest, self._count) if self._steps[self._direction_row(i)]]
        pairs = map(self._pair, iterations)
        return [(step, change, step @ self._products @ change) for step, change in pairs]

    def _pair(self, iteration):
        """Coefficients of an iteration's step, and of what it changed the gradient by."""
        row = self._direction_row(iteration)
        change = self._unit(self._gradient_row(iteration + 1)) - self._unit(
            self._gradient_row(iteration)
        )
        return self._steps[row] * self._unit(row), change

    def _unit(self, row):
        return np.eye(len(self._products))[row]
