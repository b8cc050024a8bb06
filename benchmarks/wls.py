"""The weighted-least-squares filter against SciPy's direct solver, on the same system.

SciPy is handed the matrix; the filter starts from the guide.
"""

from __future__ import annotations

import time

import numpy as np
import scipy.sparse

from analogy.method.colour_refinement import log_luminance
from analogy_kernels.solvers import wls as wls_module
from analogy_kernels.solvers.wls import wls
from benchmarks.images import example_pair
from benchmarks.table import Figure, at_least, at_most
from benchmarks.timing import take_turns

_SIDE = 1000

# At a megapixel SciPy's takes half a minute and gigabytes.
_SIDE_OF_BOTH = 500

_SECONDS = 1.0
_SPEED = 10.0
_ERROR = 1e-4


def measure(*, rounds):
    """Seconds for a megapixel of three channels; speed and error beside SciPy's at a quarter.

    Returns
    -------
    list of Figure
    """
    seconds, iterations = _at_a_megapixel(rounds)
    ours, theirs, error = _beside_scipy(rounds)
    return [
        Figure("WLS filter", "a megapixel, three channels", seconds, "s", at_most(_SECONDS)),
        Figure("WLS filter", "a megapixel: iterations", iterations),
        Figure("WLS filter", "a quarter of that", ours, "s"),
        Figure("WLS filter", "a quarter, scipy.sparse.linalg.spsolve", theirs, "s"),
        Figure("WLS filter", "speed / SciPy's", theirs / ours, "", at_least(_SPEED)),
        Figure("WLS filter", "largest error / range", error, "", at_most(_ERROR)),
    ]


def _at_a_megapixel(rounds):
    problem = problem_of(_SIDE)
    iterations = _iterations(*problem)
    return np.median(take_turns(lambda: wls(*problem), rounds=rounds)), iterations


def _beside_scipy(rounds):
    image, guide = problem_of(_SIDE_OF_BOTH)
    matrix = system(guide)
    right_side = image.reshape(guide.size, -1).astype(np.float64)
    start = time.perf_counter()
    expected = scipy.sparse.linalg.spsolve(matrix, right_side).reshape(image.shape)
    theirs = time.perf_counter() - start
    out = wls(image, guide)
    ours = np.median(take_turns(lambda: wls(image, guide), rounds=rounds))
    return ours, theirs, np.abs(out - expected).max() / np.ptp(image)


def problem_of(side):
    """Image and guide as refining has them: the example pair's difference, at `side` pixels."""
    photo, other = example_pair(side, side)
    change = (other.astype(np.float32) - photo) / np.float32(255)
    return change, log_luminance(photo)


def system(guide, smoothness=0.8, sensitivity=1.0, epsilon=1e-4):
    """The filter's matrix, as :func:`analogy_kernels.solvers.wls.wls` documents it.

    Returns
    -------
    scipy.sparse.csc_array, (pixels, pixels), of float64
    """
    guide = guide.astype(np.float64)
    places = np.arange(guide.size).reshape(guide.shape)
    matrix = scipy.sparse.eye_array(guide.size, format="csr")
    for axis in range(2):
        weights = smoothness / (np.abs(np.diff(guide, axis=axis)) ** sensitivity + epsilon)
        one = np.delete(places, -1, axis).ravel()
        other = np.delete(places, 0, axis).ravel()
        ties = scipy.sparse.coo_array((weights.ravel(), (one, other)), shape=matrix.shape)
        ties = (ties + ties.T).tocsr()
        matrix = matrix + scipy.sparse.diags_array(ties.sum(axis=1)) - ties
    return matrix.tocsc()


def _iterations(image, guide):
    elimination, count = wls_module.ColourElimination, 0

    class Counted(elimination):
        def apply(self, *arguments):
            nonlocal count
            count += 1
            super().apply(*arguments)

    wls_module.ColourElimination = Counted
    try:
        wls(image, guide)
    finally:
        wls_module.ColourElimination = elimination
    return count
