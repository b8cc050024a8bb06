"""Minimisation by L-BFGS with a strong Wolfe line search, on whichever target `x` lives.

The vectors stay where they are; the host sees scalars only. The two-loop recursion runs on inner
products instead of on vectors (Chen, Wang and Zhou, "Large-scale L-BFGS using MapReduce", 2014).
What is remembered are directions and gradients as they were found: steps and changes of the
gradient are multiples and differences of them, of which the host knows all it needs. So nothing
is copied, and an iteration reads the memory twice, once for the inner products of the new gradient
and once for the direction, however long the memory is.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy.optimize import line_search

from analogy_kernels.arguments import (
    FLOAT32,
    FLOAT64,
    VECTOR,
    address,
    checked,
    number,
    positive,
    whole,
)
from analogy_kernels.reduction import inner_products_scratch, products_of
from analogy_kernels.solvers.vectors import add_scaled_kernel, combine_kernel
from analogy_kernels.target import Array, Stream, on_target


@runtime_checkable
class Objective(Protocol):
    """A function of a vector whose gradient is asked for only where it is needed.

    Notes
    -----
    The vectors are the solver's own, valid during a call: neither to be kept nor, but for `out`, to
    be written. Any object with these two methods is one.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import lbfgs
    >>> class Distance:
    ...     def value(self, x):
    ...         self.difference = x - np.array([1, -2], np.float32)
    ...         return float(self.difference @ self.difference)
    ...
    ...     def gradient(self, x, out):
    ...         np.multiply(2, self.difference, out=out)
    >>> lbfgs(Distance(), np.array([3, 3], np.float32), tolerance=0).x.round(3).tolist()
    [1.0, -2.0]
    """

    def value(self, x: Any) -> float:
        """Give the loss at a point."""

    def gradient(self, x: Any, out: Any) -> object:
        """Write the gradient at a point: the one that `value` was last asked about."""


@dataclass(frozen=True)
class Minimum:
    """Where a minimisation ended.

    Attributes
    ----------
    x : float32 array, (n,)
        The lowest point that was reached.
    losses : tuple of float
        At the start and after every iteration.
    gradient_norm : float
        Length of the gradient at `x`.
    evaluations : int
        Of the loss.
    reason : str
        Why it ended: "converged", where the loss hardly falls any more or the gradient is zero;
        "iterations", of which there were as many as allowed; "callback", which raised
        StopIteration; "line search", where no step along the last direction met the strong Wolfe
        conditions; or "not finite", where the loss or the gradient at the start is not, or at the
        last step that was tried.

    Notes
    -----
    `x` stays on its target; all else are Python's numbers. Loss and gradient at `x` are finite
    unless those of the start are not.

    Examples
    --------
    >>> from analogy_kernels import Minimum
    >>> minimum = Minimum(None, (4.0, 1.0), gradient_norm=0.5, evaluations=3, reason="iterations")
    >>> minimum.fun, minimum.iterations
    (1.0, 1)
    """

    x: Any
    losses: tuple[float, ...]
    gradient_norm: float
    evaluations: int
    reason: str

    @property
    def fun(self) -> float:
        """The loss at `x`."""
        return self.losses[-1]

    @property
    def iterations(self) -> int:
        """How often the point moved."""
        return len(self.losses) - 1


def lbfgs(
    fun: Callable[[Any], tuple[float, Array]] | Objective,
    x0: Array,
    *,
    first_step: float = 0.01,
    history: int = 4,
    iterations: int = 100,
    tolerance: float = 1e-2,
    window: int = 5,
    sufficient_decrease: float = 1e-4,
    curvature: float = 0.9,
    callback: Callable[[Any, float], object] | None = None,
    out: Array | None = None,
    stream: Stream = None,
) -> Minimum:
    """Minimise a function of a long vector.

    Parameters
    ----------
    fun : callable, x -> (float, array), or Objective
        The loss at a point and its gradient, as `scipy.optimize.minimize` takes them with
        ``jac=True``; `x` is valid during the call, and neither to be kept nor written. The gradient
        is an array, (n,), where `x` is: float32, or on the host float64, which is rounded. An
        :class:`~analogy_kernels.solvers.lbfgs.Objective` writes it to memory that it is given, and
        only where it is needed.
    x0 : float32 array, (n,)
        Start; left as it is, unless it is `out` as well.
    first_step : float
        Length of the first step, along steepest descent, as a share of the length of `x0`, or of 1
        where that is 0. Above 0.
    history : int
        Steps remembered, 1 or more.
    iterations : int
        At most.
    tolerance : float
        Converged when `window` iterations together lower the loss by less than this share of its
        absolute value. Not negative.
    window : int
        In iterations, 1 or more.
    sufficient_decrease, curvature : float
        Constants c1 and c2 of the strong Wolfe conditions: 0 < c1 < c2 < 1.
    callback : callable, (x, loss), optional
        Told after every iteration where the solver is, by a vector that is valid during the call.
        Raises StopIteration to end the minimisation there.
    out : float32 array, (n,), optional
        For the minimum; may be `x0`.
    stream : Numba stream, optional
        That a device queues the solver's own work on; `fun` chooses its own.

    Returns
    -------
    Minimum
        Whose `x` is `out`, or a new array.

    Raises
    ------
    TypeError
        If `x0` or `out` is no array, `fun` or `callback` cannot be called, `fun` gives no number
        or no gradient, or something else is no number.
    ValueError
        If `x0`, `out` or a gradient is no vector that fits, `out` is read-only or overlaps `x0` in
        part, or an option is out of its range.

    Notes
    -----
    An iteration takes one evaluation or more. A step is turned down by its loss first: an Objective
    is asked for the gradient at the start, and then where the loss has fallen far enough. A loss
    that is not finite counts as too high, and shorter steps are tried.

    Of its own an iteration takes about 4 * history * n multiply-adds for each gradient and as many
    for each direction; it reads the 2 * history + 1 remembered vectors once for either. Allocates 2
    * history + 3 vectors of n, or one less where there is `out`, and waits for a device once a
    gradient, for inner products, which are of float32: a gradient longer than 1e19 counts as not
    finite. Nocedal and Wright, "Numerical Optimization", algorithm 7.4, on inner products as by
    Chen, Wang and Zhou (2014).

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import lbfgs
    >>> lowest = np.array([1, -2], np.float32)
    >>> def squared_distance(x):
    ...     return ((x - lowest) ** 2).sum(), 2 * (x - lowest)
    >>> minimum = lbfgs(squared_distance, np.array([3, 3], np.float32), tolerance=0)
    >>> np.allclose(minimum.x, lowest, atol=1e-3)
    True
    """
    on, x0, out = on_target(x0=x0, out=out, stream=stream)
    x0 = checked("x0", x0, VECTOR)
    objective = _as_objective(fun, on)
    if callback is not None:
        _check_function("callback", callback, "a function", "x", "loss")
    first_step, tolerance = positive("first_step", first_step), number("tolerance", tolerance, 0)
    history, window = whole("history", history, 1), whole("window", window, 1)
    iterations = whole("iterations", iterations)
    curvature = positive("curvature", curvature, 1)
    sufficient_decrease = positive("sufficient_decrease", sufficient_decrease, curvature)
    x = on.out(out, x0.shape, in_place_of={"x0": x0})
    if address(x) != address(x0):
        on.copy(x0, x)
    descent = _Descent(objective, x, on, history, first_step, sufficient_decrease, curvature)
    losses, reason = [descent.loss], None if descent.is_finite else "not finite"
    while reason is None and len(losses) <= iterations:
        has_moved, reason = descent.iterate()
        if has_moved:
            losses.append(descent.loss)
            is_stopped = _tell(callback, descent.x, descent.loss)
            reason = reason or ("callback" if is_stopped else _flatness(losses, window, tolerance))
    if out is None:
        x = descent.x
    elif descent.x is not x:
        on.copy(descent.x, x)
    return Minimum(
        x, tuple(losses), descent.gradient_norm, descent.evaluations, reason or "iterations"
    )


def _as_objective(fun, on):
    if isinstance(fun, Objective):
        return fun
    _check_function("fun", fun, "a function or an object with value and gradient", "x")
    return _Evaluated(fun, on)


def _check_function(name, function, wanted, *parameters):
    """Refuse what cannot be called with so many arguments, as far as it says what it takes."""
    if not callable(function):
        raise TypeError(f"{name} is a {type(function).__name__}; it has to be {wanted}")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*parameters)
    except TypeError:
        called = getattr(function, "__name__", type(function).__name__)
        taken = ", ".join(parameters)
        raise TypeError(f"{name} is {called}; it has to take ({taken})") from None


def _tell(callback, x, loss):
    """Whether the callback ends the minimisation."""
    try:
        if callback is not None:
            callback(x, loss)
    except StopIteration:
        return True
    return False


def _flatness(losses, window, tolerance):
    """That a minimisation has converged by its losses, or None."""
    if len(losses) <= window:
        return None
    fall = losses[-1 - window] - losses[-1]
    return "converged" if fall < tolerance * abs(losses[-1]) else None


class _Evaluated:
    """A function that gives loss and gradient at once, as an :class:`Objective`."""

    def __init__(self, fun, on):
        self._fun, self._on, self._gradient = fun, on, None

    def value(self, x):
        given = self._fun(x)
        if not (isinstance(given, tuple | list) and len(given) == 2):
            kind = type(given).__name__
            raise TypeError(f"fun gives a {kind}; it has to give a loss and its gradient")
        loss, self._gradient = given
        return loss

    def gradient(self, x, out):
        name = "fun's gradient"
        on, gradient = on_target(**{name: self._gradient})
        dtypes = FLOAT32 if self._on.is_cuda else (FLOAT32, FLOAT64)
        gradient = checked(name, gradient, x.shape, dtypes)
        if on.is_cuda != self._on.is_cuda:
            raise ValueError(f"{name} is on the {on.name}; it has to be on the {self._on.name}")
        self._on.copy(gradient, out)


class _Descent:
    """A point on its way down.

    Attributes
    ----------
    x : float32 array, (n,)
    loss : float
        At `x`.
    evaluations : int
        Of the loss.
    is_finite : bool
        Whether the loss, and the slope if it was asked for, are where they were last asked for.
    """

    def __init__(self, objective, x, on, history, first_step, sufficient_decrease, curvature):
        self._objective, self._on, self._first_step = objective, on, first_step
        self._constants = {"c1": sufficient_decrease, "c2": curvature}
        self._memory = _Memory(x, history, on)
        self.x, self._trial = x, on.empty(x.shape)
        self.evaluations, self.is_finite = 0, True
        self.loss = self._evaluate(x)
        # Along no direction yet: no number where the gradient has what is none.
        self._measure(x)

    @property
    def gradient_norm(self):
        return self._memory.gradient_norm

    def iterate(self):
        """Move to a lower point, if one is found.

        Returns
        -------
        has_moved : bool
        reason : str or None
            Why no further iteration would find a lower one.
        """
        slope = self._memory.choose_direction(self.x, self._first_step)
        if not -math.inf < slope < 0:
            return False, _why_no_descent(slope)
        trials = _Trials(self)
        step, is_wolfe = trials.search(self.loss, slope, self._constants)
        reason = None if step is not None else "line search" if self.is_finite else "not finite"
        if not is_wolfe:
            step = trials.lowest(self.loss)
        if step is None:
            return False, reason or "line search"
        loss = trials.revisit(step)
        if not self.is_finite:
            return False, "not finite"
        self._memory.remember(step if is_wolfe else 0.0)
        self.x, self._trial, self.loss = self._trial, self.x, loss
        return True, reason

    def loss_after(self, step):
        """Loss at the trial point, which is put a step along the direction."""
        move = self.x, np.float32(step), self._memory.direction, self._trial
        self._on.run(add_scaled_kernel, (self.x.size,), *move)
        return self._evaluate(self._trial)

    def slope_at_trial(self):
        """Slope along the direction, at the trial point."""
        return self._measure(self._trial)

    def _evaluate(self, x):
        self.evaluations += 1
        loss = self._objective.value(x)
        try:
            loss = float(loss)
        except (TypeError, ValueError):
            kind = type(loss).__name__
            raise TypeError(f"fun gives a {kind} as the loss; it has to be a number") from None
        self.is_finite = math.isfinite(loss)
        return loss

    def _measure(self, x):
        self._objective.gradient(x, self._memory.newest_gradient)
        slope = self._memory.measure()
        self.is_finite = self.is_finite and math.isfinite(slope)
        return slope


def _why_no_descent(slope):
    """Why a minimisation ends where the loss does not fall along the direction chosen."""
    if not math.isfinite(slope):
        return "not finite"
    # Upwards a direction can lead by rounding alone: then there is no line to search.
    return "converged" if slope == 0 else "line search"


class _Trials:
    """Steps along one direction that a search tries."""

    def __init__(self, descent):
        self._descent = descent
        # By the step; only of those at which nothing is known not to be finite.
        self._losses = {}
        self._tried, self._measured = 0.0, 0.0

    def search(self, loss, slope, constants):
        """Look for a strong Wolfe point.

        Returns
        -------
        step : float or None
            None where there is none up to the last step tried.
        is_wolfe : bool
            Whether the step leads to one: if it does not, the loss falls on and on.
        """
        # SciPy's search runs over vectors: here over the one number that is the step.
        with warnings.catch_warnings():
            # That it found nothing is what it returns.
            for message in ("The line search algorithm", "Rounding errors prevent"):
                warnings.filterwarnings("ignore", message, RuntimeWarning)
            try:
                step, *_, slope_there = line_search(
                    lambda step: self._loss_after(step[0]),
                    lambda step: np.array([self._slope_after(step[0])]),
                    np.zeros(1),
                    np.ones(1),
                    gfk=np.array([slope]),
                    old_fval=loss,
                    **constants,
                )
            except _NoSlopeError:
                return None, False
        return step, step is not None and slope_there is not None

    def lowest(self, loss):
        """Step to the lowest of the points tried that are lower than a loss, or None."""
        step = min(self._losses, key=lambda step: self._losses[step], default=None)
        return None if step is None or self._losses[step] >= loss else step

    def revisit(self, step):
        """Loss after a step; also leaves its point and gradient as those of the trial."""
        if step != self._tried:
            self._loss_after(step)
        if step != self._measured:
            self._descent.slope_at_trial()
        return self._losses.get(step, math.nan)

    def _loss_after(self, step):
        self._tried = step
        loss = self._descent.loss_after(step)
        if not self._descent.is_finite:
            return math.inf
        self._losses[step] = loss
        return loss

    def _slope_after(self, step):
        # The search asks for the slope only where it has just asked for the loss.
        assert step == self._tried
        self._measured = step
        slope = self._descent.slope_at_trial()
        if not self._descent.is_finite:
            del self._losses[step]
            raise _NoSlopeError
        return slope


class _NoSlopeError(Exception):
    """A gradient that is not finite, by which a search cannot go on."""


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
        self._newest = self._gradient_row(0)

    @property
    def newest_gradient(self):
        """Memory for the gradient at the point that is tried."""
        return self._rows[self._newest]

    @property
    def gradient_norm(self):
        """Length of the gradient at the point."""
        row = self._gradient_row(self._count)
        return math.sqrt(self._products[row, row])

    @property
    def direction(self):
        """Where to go from the point, valid until the next step is remembered."""
        return self._rows[self._direction_row(self._count)]

    def choose_direction(self, x, first_step):
        """Write the direction to go; return the loss's slope along it."""
        row = self._direction_row(self._count)
        # What overflows is told by the slope.
        with np.errstate(all="ignore"):
            coefficients = self._two_loops()
            if coefficients is None:
                coefficients = self._steepest(x, first_step)
            products = coefficients @ self._products
            weights = tuple(map(np.float32, coefficients))
        kernel = combine_kernel(len(weights))
        self._on.run(kernel, (self._rows.shape[1],), self._rows, weights, row)
        products[: self._history] = 0
        self._set_products(row, products)
        self._newest = self._gradient_row(self._count + 1)
        return products[self._gradient_row(self._count)]

    def measure(self):
        """Take in the newest gradient; return the slope along the direction."""
        vectors = self.newest_gradient.reshape(1, self._rows.shape[1])
        products = products_of(self._on, self._rows, vectors, self._scratch)[:, 0]
        self._set_products(self._newest, products)
        return products[self._direction_row(self._count)]

    def remember(self, step):
        """Take in that the trial point a step along the direction was accepted.

        0 for one that tells no curvature, as the gradient need not have risen up to it.
        """
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
