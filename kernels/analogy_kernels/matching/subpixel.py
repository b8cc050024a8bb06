"""Matches to fractions of a pixel: least squares between images alike in colour."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import FIELD, IMAGE, INT32, checked, number, odd, whole
from analogy_kernels.imaging.bilinear import bilinear
from analogy_kernels.matching.smooth import affinity
from analogy_kernels.positions import checked_field, checked_nnf
from analogy_kernels.target import (
    UNCOUNTED,
    Array,
    Kernel,
    Result,
    Stream,
    cuda,
    element_launch,
    on_target,
)

# Of the window over which equations are added up; see `analogy_kernels.matching.smooth` for the
# widths.
_RADIUS = 3
_DISTANCE_WIDTH, _COLOUR_WIDTH = 2.0, 0.06
# Difference in displacement at which a neighbour counts half, in pixels.
_FLOW_WIDTH = np.float32(0.5)

# Difference in colour above which a pixel's equation counts less: occluded, or badly matched.
_RESIDUAL_WIDTH = np.float32(0.02)

# Weight of staying where the neighbours are, against the images' squared gradients.
_STIFFNESS = np.float32(0.002)

# Without the assumption that there is nothing but numbers: of what is none, `bilinear` could then
# make a place outside its map.
_FAST = {"reassoc", "nsz", "arcp", "contract", "afn"}

# A pixel's equation H u = v: the three entries of the symmetric H, the two of v.
_TERMS = 5


def as_field(nnf: Array, *, stream: Stream = None) -> Result:
    """Positions in whole pixels, int32, as ones that may have fractions, float32.

    Parameters
    ----------
    nnf : int32 array, (height, width, 2)
        Positions (y, x).
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, (height, width, 2)

    Raises
    ------
    TypeError
        If it is no array.
    ValueError
        If it is no field, or not C-contiguous.

    Notes
    -----
    One conversion a value. Allocates nothing but the result and does not wait for a device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import as_field
    >>> as_field(np.array([[[1, 2]]], np.int32)).tolist()
    [[[1.0, 2.0]]]
    """
    on, nnf = on_target(nnf=nnf, stream=stream)
    nnf = checked("nnf", nnf, FIELD, INT32)
    out = on.empty(nnf.shape)
    on.run(as_field_kernel, (nnf.shape[0], 2 * nnf.shape[1]), nnf, out)
    return out


def refine_field(
    source: Array, other: Array, field: Array, iterations: int = 10, *, stream: Stream = None
) -> Result:
    """Move a field by least squares between two images.

    Every iteration linearises the images' difference around the present displacement of each
    pixel (Lucas and Kanade, 1981) and solves for the displacement that suits a small window,
    whose pixels count less the less they are alike in colour and in displacement, and the worse
    they match. Where the images are flat the window's mean displacement decides.

    Parameters
    ----------
    source : float32 array, (height, width, 3)
        In [0, 1].
    other : float32 array, (other height, other width, 3)
    field : float32 array, (height, width, 2)
        Where to start, to within a pixel or so: positions (y, x) in `other`. Not changed.
    iterations : int
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, (height, width, 2)
        Positions may lie outside `other`, where the motion leaves it.

    Raises
    ------
    TypeError
        If something is no array, or the iterations no whole number.
    ValueError
        If the arrays do not fit each other, there are fewer than no iterations, or a position is
        not finite, which a device does not say.

    Notes
    -----
    An iteration reads the images, interpolated bilinearly, once, and takes for each pixel 49
    neighbours' equations of about forty operations and an exponential each. Allocates 36 bytes a
    pixel and does not wait for a device. Lucas and Kanade (1981).

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import as_field, identity_nnf, refine_field
    >>> ramp = np.arange(8, dtype=np.float32) / 20
    >>> source = np.ascontiguousarray(np.broadcast_to(ramp[:, None], (8, 8, 3)))
    >>> start = as_field(identity_nnf((8, 8), (8, 8)))
    >>> refined = refine_field(source, source - np.float32(0.025), start)
    >>> np.round(refined[3, 3], 1).tolist()
    [3.0, 3.5]
    """
    on, source, other, field = on_target(source=source, other=other, field=field, stream=stream)
    source = checked("source", source, IMAGE)
    other = checked("other", other, IMAGE)
    field = checked_field("field", field, (*source.shape[:2], 2))
    iterations = whole("iterations", iterations)
    height, width = field.shape[:2]
    terms = on.empty((_TERMS, height, width))
    outs = [on.empty((height, width, 2)) for _ in range(min(iterations, 2))]
    for iteration in range(iterations):
        out = outs[iteration % 2]
        on.run(_linearise_kernel, (height, width), source, other, field, terms)
        on.run(_solve_kernel, (height, width), terms, field, source, out)
        field = out
    return field


def keep_better(
    source: Array,
    other: Array,
    field: Array,
    nnf: Array,
    patch_side: int,
    ratio: float,
    slack: float,
    *,
    stream: Stream = None,
) -> Result:
    """Take the match instead of the field's position where it explains the patch far better.

    A smooth field is wrong where the other image has nothing to show: behind things that moved.

    Parameters
    ----------
    source : float32 array, (height, width, 3)
    other : float32 array, (other height, other width, 3)
    field : float32 array, (height, width, 2)
        Positions (y, x) in `other`, fractions included.
    nnf : int32 array, (height, width, 2)
        Positions (y, x) in `other`, all inside it.
    patch_side : int
        Odd, in pixels, of the patches compared.
    ratio, slack : float
        The match is taken where the mean squared distance of the field's patch exceeds `ratio`
        times the match's plus `slack`.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, (height, width, 2)

    Raises
    ------
    TypeError
        If something is no array, or an option no number.
    ValueError
        If the arrays do not fit each other, the patch side is even, `ratio` or `slack` is not
        finite, a position of `nnf` is outside `other`, or one of `field` not finite. Of positions
        a device does not say so: the nearest in `other` is taken there.

    Notes
    -----
    Two patches of patch_side^2 pixels of three colours a pixel, interpolated bilinearly: about 30
    operations a value, read from caches. Allocates nothing but the result and does not wait for a
    device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import keep_better
    >>> source, other = np.ones((1, 1, 3), np.float32), np.zeros((1, 2, 3), np.float32)
    >>> other[0, 1] = 1
    >>> field, nnf = np.zeros((1, 1, 2), np.float32), np.array([[[0, 1]]], np.int32)
    >>> keep_better(source, other, field, nnf, 1, 1.1, 0.1).tolist()
    [[[0.0, 1.0]]]
    """
    on, source, other, field, nnf = on_target(
        source=source, other=other, field=field, nnf=nnf, stream=stream
    )
    source = checked("source", source, IMAGE)
    other = checked("other", other, IMAGE)
    field = checked_field("field", field, (*source.shape[:2], 2))
    nnf = checked_nnf("nnf", nnf, "other", other.shape, field.shape)
    radius = odd("patch_side", patch_side) // 2
    options = radius, np.float32(number("ratio", ratio)), np.float32(number("slack", slack))
    out = on.empty(field.shape)
    on.run(keep_better_kernel, field.shape[:2], source, other, field, nnf, *options, out)
    return out


@njit(parallel=True, **UNCOUNTED)
def _as_field_cpu(nnf, out):
    for y in prange(out.shape[0]):
        for x in range(out.shape[1]):
            for axis in range(2):
                out[y, x, axis] = np.float32(nnf[y, x, axis])


@cuda.jit(cache=True)
def _as_field_cuda(nnf, out):
    index, y = cuda.grid(2)
    if y < out.shape[0] and index < 2 * out.shape[1]:
        out[y, index // 2, index % 2] = np.float32(nnf[y, index // 2, index % 2])


@njit(parallel=True, fastmath=_FAST, **UNCOUNTED)
def _linearise_cpu(source, other, field, terms):
    for y in prange(field.shape[0]):
        for x in range(field.shape[1]):
            _linearise(source, other, field, y, x, terms)


@cuda.jit(cache=True)
def _linearise_cuda(source, other, field, terms):
    x, y = cuda.grid(2)
    if y < field.shape[0] and x < field.shape[1]:
        _linearise(source, other, field, y, x, terms)


@njit(parallel=True, fastmath=True, **UNCOUNTED)
def _solve_cpu(terms, field, guide, out):
    for y in prange(field.shape[0]):
        for x in range(field.shape[1]):
            out[y, x, 0], out[y, x, 1] = _solve(terms, field, guide, y, x)


@cuda.jit(cache=True)
def _solve_cuda(terms, field, guide, out):
    x, y = cuda.grid(2)
    if y < field.shape[0] and x < field.shape[1]:
        out[y, x, 0], out[y, x, 1] = _solve(terms, field, guide, y, x)


@njit(parallel=True, fastmath=_FAST, **UNCOUNTED)
def _keep_better_cpu(source, other, field, nnf, radius, ratio, slack, out):
    for y in prange(field.shape[0]):
        for x in range(field.shape[1]):
            out[y, x, 0], out[y, x, 1] = _better(
                source, other, field, nnf, radius, ratio, slack, y, x
            )


@cuda.jit(cache=True)
def _keep_better_cuda(source, other, field, nnf, radius, ratio, slack, out):
    x, y = cuda.grid(2)
    if y < field.shape[0] and x < field.shape[1]:
        out[y, x, 0], out[y, x, 1] = _better(source, other, field, nnf, radius, ratio, slack, y, x)


@register_jitable
def _linearise(source, other, field, y, x, terms):
    """Equation of one pixel; none where its position is outside the other."""
    match_y, match_x = field[y, x, 0], field[y, x, 1]
    yy, yx, xx = np.float32(0), np.float32(0), np.float32(0)
    ry, rx, square = np.float32(0), np.float32(0), np.float32(0)
    if _is_inside(other, match_y, match_x):
        for c in range(3):
            gradient_y, gradient_x = _gradient(source, y, x, c)
            residual = bilinear(other, match_y, match_x, c) - source[y, x, c]
            yy += gradient_y * gradient_y
            yx += gradient_y * gradient_x
            xx += gradient_x * gradient_x
            ry += gradient_y * residual
            rx += gradient_x * residual
            square += residual * residual
    # Iteratively reweighted: squares near 0, absolute values beyond.
    weight = _RESIDUAL_WIDTH / np.float32(math.sqrt(square + _RESIDUAL_WIDTH * _RESIDUAL_WIDTH))
    flow_y, flow_x = match_y - np.float32(y), match_x - np.float32(x)
    terms[0, y, x], terms[1, y, x], terms[2, y, x] = weight * yy, weight * yx, weight * xx
    terms[3, y, x] = weight * (yy * flow_y + yx * flow_x - ry)
    terms[4, y, x] = weight * (yx * flow_y + xx * flow_x - rx)


@register_jitable
def _solve(terms, field, guide, y, x):
    """Position that suits the equations of the window around a pixel best."""
    own_y, own_x = field[y, x, 0] - np.float32(y), field[y, x, 1] - np.float32(x)
    yy, yx, xx = np.float32(0), np.float32(0), np.float32(0)
    vy, vx = np.float32(0), np.float32(0)
    for near_y in range(max(y - _RADIUS, 0), min(y + _RADIUS + 1, field.shape[0])):
        for near_x in range(max(x - _RADIUS, 0), min(x + _RADIUS + 1, field.shape[1])):
            flow_y = field[near_y, near_x, 0] - np.float32(near_y)
            flow_x = field[near_y, near_x, 1] - np.float32(near_x)
            weight = affinity(guide, y, x, near_y, near_x, _DISTANCE_WIDTH, _COLOUR_WIDTH)
            weight *= _likeness(flow_y - own_y, flow_x - own_x)
            yy += weight * (terms[0, near_y, near_x] + _STIFFNESS)
            yx += weight * terms[1, near_y, near_x]
            xx += weight * (terms[2, near_y, near_x] + _STIFFNESS)
            vy += weight * (terms[3, near_y, near_x] + _STIFFNESS * flow_y)
            vx += weight * (terms[4, near_y, near_x] + _STIFFNESS * flow_x)
    determinant = yy * xx - yx * yx
    flow_y, flow_x = (xx * vy - yx * vx) / determinant, (yy * vx - yx * vy) / determinant
    return np.float32(y) + flow_y, np.float32(x) + flow_x


@register_jitable
def _likeness(dy, dx):
    square = _FLOW_WIDTH * _FLOW_WIDTH
    return square / (square + dy * dy + dx * dx)


@register_jitable
def _gradient(source, y, x, c):
    """Central differences; one-sided at the border."""
    above, below = max(y - 1, 0), min(y + 1, source.shape[0] - 1)
    left, right = max(x - 1, 0), min(x + 1, source.shape[1] - 1)
    return (
        (source[below, x, c] - source[above, x, c]) / np.float32(max(below - above, 1)),
        (source[y, right, c] - source[y, left, c]) / np.float32(max(right - left, 1)),
    )


@register_jitable
def _better(source, other, field, nnf, radius, ratio, slack, y, x):
    field_y, field_x = field[y, x, 0], field[y, x, 1]
    match_y, match_x = np.float32(nnf[y, x, 0]), np.float32(nnf[y, x, 1])
    of_field = _patch_distance(source, other, radius, y, x, field_y, field_x)
    of_match = _patch_distance(source, other, radius, y, x, match_y, match_x)
    if of_field > ratio * of_match + slack:
        return match_y, match_x
    return field_y, field_x


@register_jitable
def _patch_distance(source, other, radius, y, x, match_y, match_x):
    """Mean squared distance of two patches' colours, the other's border continued outside."""
    total, count = np.float32(0), 0
    for near_y in range(max(y - radius, 0), min(y + radius + 1, source.shape[0])):
        for near_x in range(max(x - radius, 0), min(x + radius + 1, source.shape[1])):
            other_y, other_x = (
                match_y + np.float32(near_y - y),
                match_x + np.float32(near_x - x),
            )
            count += 1
            for c in range(3):
                difference = bilinear(other, other_y, other_x, c) - source[near_y, near_x, c]
                total += difference * difference
    return total / np.float32(count)


@register_jitable
def _is_inside(other, y, x):
    last_y, last_x = np.float32(other.shape[0] - 1), np.float32(other.shape[1] - 1)
    return np.float32(0) <= y <= last_y and np.float32(0) <= x <= last_x


#: Kernel of :func:`analogy_kernels.as_field`. Extents: height, 2 * width.
as_field_kernel = Kernel(_as_field_cpu, _as_field_cuda, element_launch)
# Extents: height, width.
_linearise_kernel = Kernel(_linearise_cpu, _linearise_cuda, element_launch)
# Extents: height, width.
_solve_kernel = Kernel(_solve_cpu, _solve_cuda, element_launch)
#: Kernel of :func:`analogy_kernels.keep_better`. Extents: height, width.
keep_better_kernel = Kernel(_keep_better_cpu, _keep_better_cuda, element_launch)
