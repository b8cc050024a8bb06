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
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

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
from analogy_kernels.solvers.line_search import Trials
from analogy_kernels.solvers.memory import Memory
from analogy_kernels.solvers.vectors import add_scaled_kernel
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


@runtime_checkable
class Queued(Objective, Protocol):
    """An objective that a device evaluates before its loss is known.

    Nearly every step is accepted, and each number that is waited for leaves the device idle: so
    the gradient follows the loss at once, and both are waited for together.
    """

    def queue(self, x: Any, partial: Any, out: Any) -> None:
        """Queue partial sums of a number for the loss, (1, 512) of float64, and the gradient."""

    def loss_of(self, number: float) -> float:
        """Loss by the number that they add up to."""


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
        How often the loss was evaluated.
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
        Stream that a device queues the solver's own work on; `fun` chooses its own.

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
    curvature = positive("curvature", curvature, below=1)
    sufficient_decrease = positive("sufficient_decrease", sufficient_decrease, below=curvature)
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
        How often the loss was evaluated.
    is_finite : bool
        Whether the loss, and the slope if it was asked for, are where they were last asked for.
    """

    def __init__(self, objective, x, on, history, first_step, sufficient_decrease, curvature):
        self._objective, self._on, self._first_step = objective, on, first_step
        self._constants = {"c1": sufficient_decrease, "c2": curvature}
        self._memory = Memory(x, history, on)
        self.x, self._trial = x, on.empty(x.shape)
        # Whether a device evaluates loss and gradient in one go, and the slope that came of it.
        self._is_ahead, self._slope = on.is_cuda and isinstance(objective, Queued), math.nan
        # Of the point that the trial is at.
        self._step = math.nan
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
        slope = self._memory.choose_direction(self.x, self._first_step, self._trial)
        self._step = 1.0 if self._on.is_cuda else math.nan
        if not -math.inf < slope < 0:
            return False, _why_no_descent(slope)
        trials = Trials(self)
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
        if step != self._step:
            move = self.x, np.float32(step), self._memory.direction, self._trial
            self._on.run(add_scaled_kernel, (self.x.size,), *move)
            self._step = step
        return self._evaluate(self._trial)

    def slope_at_trial(self):
        """Slope along the direction, at the trial point."""
        return self._measure(self._trial)

    def _evaluate(self, x):
        self.evaluations += 1
        loss = self._loss_ahead(x) if self._is_ahead else self._objective.value(x)
        try:
            loss = float(loss)
        except (TypeError, ValueError):
            kind = type(loss).__name__
            raise TypeError(f"fun gives a {kind} as the loss; it has to be a number") from None
        self.is_finite = math.isfinite(loss)
        return loss

    def _loss_ahead(self, x):
        queue, out = self._objective.queue, self._memory.newest_gradient
        number, self._slope = self._memory.measure_with(lambda partial: queue(x, partial, out))
        return self._objective.loss_of(number)

    def _measure(self, x):
        if self._is_ahead:
            slope = self._slope
        else:
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
