"""Edge-preserving smoothing by weighted least squares: one sparse system for each channel.

Solvers are handed the matrix, in double precision; the filters start from the guide.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.peers.contest import Contender, Contest

_WARM_UP_SIDE = 32

# Of the residual's length, as a share of the right side's.
_TOLERANCE = 1e-5


def contest(side):
    """What refining the example pair at `side` pixels smooths."""
    problem = _problem(side)
    return Contest(
        f"WLS smoothing, three channels, {side}x{side} pixels",
        (
            Contender("ours", by_ours),
            Contender("SciPy spsolve, exact", by_spsolve, "scipy"),
            Contender("SciPy cg, diagonal preconditioner", by_scipy_cg, "scipy"),
            Contender("pymatting cg, incomplete Cholesky", by_pymatting, "pymatting"),
            Contender("PyAMG classical, cg", by_pyamg, "pyamg"),
            Contender("OpenCV fast global smoother", by_opencv, "opencv-contrib-python-headless"),
        ),
        problem,
        _problem(_WARM_UP_SIDE),
        partial(_judge, exact_solution(**problem)),
        {"dB": max, "largest error / range": min},
        (
            "dB: range of the exact solution over the root of the mean square of the error. "
            f"Solvers stop at a residual of {_TOLERANCE:g} of the right side.",
            "OpenCV's weights fall exponentially, so it solves another system, and approximately: "
            "its two parameters are those that came nearest.",
        ),
    )


def by_ours(image, guide, threads, **matrix):
    from analogy_kernels.solvers.wls import wls

    return lambda: wls(image, guide)


def by_spsolve(image, guide, threads, **matrix):
    import scipy.sparse.linalg

    system, right_side = _system(matrix), _right_side(image)
    return lambda: scipy.sparse.linalg.spsolve(system, right_side).reshape(image.shape)


def by_scipy_cg(image, guide, threads, **matrix):
    import scipy.sparse
    from scipy.sparse.linalg import cg

    system = _system(matrix).tocsr()
    inverse = scipy.sparse.diags_array(1 / system.diagonal())
    return _by_channels(image, lambda b: cg(system, b, rtol=_TOLERANCE, M=inverse)[0])


def by_pymatting(image, guide, threads, **matrix):
    from pymatting import cg, ichol

    system = _system(matrix)

    def work():
        factor = ichol(system)
        return _by_channels(image, lambda b: cg(system, b, M=factor, rtol=_TOLERANCE, atol=0))()

    return work


def by_pyamg(image, guide, threads, **matrix):
    from pyamg import ruge_stuben_solver

    system = _system(matrix).tocsr()

    def work():
        hierarchy = ruge_stuben_solver(system)
        return _by_channels(image, lambda b: hierarchy.solve(b, tol=_TOLERANCE, accel="cg"))()

    return work


def by_opencv(image, guide, threads, **matrix):
    import cv2

    cv2.setNumThreads(threads)
    # It takes guides of bytes.
    levels = np.uint8(np.round(255 * (guide - guide.min()) / np.ptp(guide)))
    # The nearest of a scan over eleven values of lambda and ten of sigma, at 200 pixels.
    return lambda: cv2.ximgproc.fastGlobalSmootherFilter(levels, image, 30, 10)


def exact_solution(image, guide, **matrix):
    import scipy.sparse.linalg

    return scipy.sparse.linalg.spsolve(_system(matrix), _right_side(image)).reshape(image.shape)


def distance(out, exact):
    """Root mean square of the error below the range of the exact solution, in dB."""
    error = np.sqrt(np.mean(np.square(out - exact)))
    return float(20 * np.log10(np.ptp(exact) / error)) if error else float("inf")


def _judge(exact, out):
    return {
        "dB": distance(out, exact),
        "largest error / range": float(np.abs(out - exact).max() / np.ptp(exact)),
    }


def _by_channels(image, solve):
    columns = _right_side(image).T

    def work():
        return np.stack([solve(column) for column in columns], axis=-1).reshape(image.shape)

    return work


def _right_side(image):
    return image.reshape(-1, image.shape[2]).astype(np.float64)


def _system(matrix):
    import scipy.sparse

    size = matrix["pointers"].size - 1
    parts = matrix["values"], matrix["indices"], matrix["pointers"]
    # pymatting and PyAMG know matrices, not sparse arrays.
    return scipy.sparse.csc_matrix(parts, shape=(size, size))


def _problem(side):
    from benchmarks.wls import problem_of, system

    image, guide = problem_of(side)
    matrix = system(guide)
    return {
        "image": image,
        "guide": guide,
        "values": matrix.data,
        "indices": matrix.indices,
        "pointers": matrix.indptr,
    }
