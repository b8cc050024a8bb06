"""Steps along one direction, searched by SciPy for one that meets the strong Wolfe conditions."""

from __future__ import annotations

import math
import warnings

import numpy as np
from scipy.optimize import line_search


class Trials:
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
