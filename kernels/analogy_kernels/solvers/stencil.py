"""The five-point stencil of systems that tie every pixel to its neighbours."""

from __future__ import annotations

from numba.extending import register_jitable


@register_jitable
def five_point(u, mass, east, south, y, x):
    """Left side of a pixel's equation: ``mass * u + sum over neighbours w (u - u')``.

    With the weights of :mod:`analogy_kernels.solvers.wls` and a mass of one this is the matrix that
    :func:`analogy_kernels.wls` solves with; with weights of one and no mass, minus the Laplacian.
    Pixels at the border have the neighbours that there are.

    Parameters
    ----------
    u : float array, (height, width)
    mass : float
        Weight of the pixel's own value.
    east, south : float arrays, (height, width)
        Weight of the tie of each pixel to the one on its right, and to the one below.
    y, x : int

    Returns
    -------
    float of the arrays' type

    Notes
    -----
    At most 13 operations, of nine values. Of a grid's matrix no entry is stored but the ties.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels.device import five_point
    >>> ones = np.ones((3, 3))
    >>> float(five_point(np.eye(3), 0, ones, ones, 1, 1))
    4.0
    """
    here = u[y, x]
    total = mass * here
    if x > 0:
        total += east[y, x - 1] * (here - u[y, x - 1])
    if x + 1 < u.shape[1]:
        total += east[y, x] * (here - u[y, x + 1])
    if y > 0:
        total += south[y - 1, x] * (here - u[y - 1, x])
    if y + 1 < u.shape[0]:
        total += south[y, x] * (here - u[y + 1, x])
    return total
