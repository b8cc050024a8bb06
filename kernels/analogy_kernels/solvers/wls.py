"""Edge-preserving smoothing by weighted least squares.

After Farbman, Fattal, Lischinski and Szeliski, "Edge-preserving decompositions for multi-scale tone
and detail manipulation", 2008.

The result u of an image f under a guide g is where

    sum over pixels (u - f)^2 + smoothness * sum over neighbours a (u - u')^2,
    a = 1 / (|g - g'|^sensitivity + epsilon),

is least: a linear system with one equation a pixel. Pixels at the border have the neighbours that
there are. The weights reach over four powers of ten from pixel to pixel, so that plain conjugate
gradients take hundreds of iterations; they are preconditioned by
`analogy_kernels.solvers.elimination`. No matrix is made, channels are solved for together, and the
host sees the solver's scalars only.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import ANY_MAP, as_map, checked, number, positive
from analogy_kernels.reduction import inner_products_scratch, products_of
from analogy_kernels.solvers.elimination import EAST, MARGIN, MASS, SOUTH, ColourElimination
from analogy_kernels.solvers.vectors import add_scaled_kernel
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

_MOST_ITERATIONS = 500


def wls(
    image: Array,
    guide: Array,
    smoothness: float = 0.8,
    sensitivity: float = 1.0,
    epsilon: float = 1e-4,
    tolerance: float = 1e-5,
    out: Array | None = None,
    *,
    stream: Stream = None,
) -> Result:
    """Smooth an image, but not across the edges of a guide.

    Parameters
    ----------
    image : float32 array, (height, width[, channels])
    guide : float32 array, (height, width)
        Farbman et al. take the logarithm of the luminance.
    smoothness : float
        Lambda: how much is smoothed. Not negative.
    sensitivity : float
        Alpha: exponent of the guide's differences. Not negative.
    epsilon : float
        Keeps the weights finite where the guide is flat; above 0.
    tolerance : float
        Largest error, as a share of the image's length: bounded by the preconditioner. Not
        negative.
    out : float32 array, (height, width[, channels]), optional
        Written and returned; made anew when absent. May be `image`.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, (height, width[, channels])
        Linear in `image`, but for the tolerance.

    Raises
    ------
    TypeError
        If something is no array, or an option no number.
    ValueError
        If the arrays do not fit each other, an option is negative or epsilon not above 0, or the
        image, the guide and the options lead beyond what float32 can tell.

    Notes
    -----
    Conjugate gradients, about 10 to 70 iterations for photographs, at most 500: each takes some
    hundred operations a pixel and a channel and reads what it keeps a few times. Allocates planes
    of the image's size, some twenty and seven a channel. Waits for a device twice an iteration, for
    the length of the step and of the error. Farbman et al. (2008), equation 7 of the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import wls
    >>> image = np.array([[[0], [1], [10], [11]]], np.float32)
    >>> smoothed = wls(image, np.array([[0, 0, 1000, 1000]], np.float32))
    >>> np.round(smoothed.ravel(), 1).tolist()
    [0.5, 0.5, 10.5, 10.5]
    """
    on, image, guide, out = on_target(image=image, guide=guide, out=out, stream=stream)
    image = checked("image", image, ANY_MAP)
    guide = checked("guide", guide, image.shape[:2])
    options = (
        np.float32(number("smoothness", smoothness, 0)),
        np.float32(number("sensitivity", sensitivity, 0)),
        np.float32(positive("epsilon", epsilon)),
    )
    tolerance = number("tolerance", tolerance, 0)
    out = on.out(out, image.shape, apart_from={"guide": guide}, in_place_of={"image": image})
    _solve(on, as_map(image), guide, options, tolerance, as_map(out))
    return out


def _solve(on, image, guide, options, tolerance, out):
    height, width, channels = image.shape
    margins = (height + 2 * MARGIN, width + 2 * MARGIN)
    system, planes = on.zeros((MASS + 1, *margins)), on.zeros((channels, *margins))
    on.run(_system_kernel, (height, width), guide, *options, system)
    on.run(_planes_kernel, (height, width), image, planes)

    elimination = ColourElimination(system, channels, on)
    right_side = elimination.reduced_map()
    elimination.reduce(planes, right_side)
    bound = tolerance**2 * _product(on, planes, planes)
    solution = _conjugate_gradients(elimination, right_side, bound, on)
    elimination.complete(planes, solution, planes)
    on.run(_image_kernel, (height, width), planes, out)


def _conjugate_gradients(elimination, residual, bound, on):
    """Solve the reduced system until the square of the error is within a bound.

    `residual` is the right side, and overwritten.
    """
    x, scaled, direction, product = (elimination.reduced_map() for _ in range(4))
    scratch = inner_products_scratch(1, 1, on)

    def dot(a, b):
        return _product(on, a, b, scratch)

    def add(a, factor, b, out):
        arguments = _flat(a), np.float32(factor), _flat(b), _flat(out)
        on.run(add_scaled_kernel, (a.size,), *arguments)

    energy = 0.0
    for _ in range(_MOST_ITERATIONS):
        elimination.precondition(residual, scaled)
        energy, before = dot(residual, scaled), energy
        if not math.isfinite(bound + energy):
            raise ValueError(
                "image, guide, smoothness or epsilon has numbers that lead beyond float32; they "
                "have to be finite and smaller"
            )
        # Masses are at least one, so that the error is no longer than its energy.
        if energy <= bound:
            break
        ratio = energy / before if before else 0.0
        add(scaled, ratio, direction, direction)
        elimination.apply(direction, product)
        curvature = dot(direction, product)
        if not curvature > 0:
            break
        step = energy / curvature
        add(x, step, direction, x)
        add(residual, -step, product, residual)
    return x


def _product(on, a, b, scratch=None):
    rows, vectors = (array.reshape(1, array.size) for array in (a, b))
    return float(products_of(on, rows, vectors, scratch)[0, 0])


def _flat(array):
    return array.reshape(array.size)


@njit(parallel=True, **UNCOUNTED)
def _system_cpu(guide, smoothness, sensitivity, epsilon, system):
    for y in prange(guide.shape[0]):
        for x in range(guide.shape[1]):
            _write_ties(guide, smoothness, sensitivity, epsilon, system, y, x)


@cuda.jit(cache=True)
def _system_cuda(guide, smoothness, sensitivity, epsilon, system):
    x, y = cuda.grid(2)
    if y < guide.shape[0] and x < guide.shape[1]:
        _write_ties(guide, smoothness, sensitivity, epsilon, system, y, x)


@register_jitable
def _write_ties(guide, smoothness, sensitivity, epsilon, system, y, x):
    height, width = guide.shape
    if x + 1 < width:
        step = abs(guide[y, x + 1] - guide[y, x])
        system[EAST, y + MARGIN, x + MARGIN] = smoothness / (step**sensitivity + epsilon)
    if y + 1 < height:
        step = abs(guide[y + 1, x] - guide[y, x])
        system[SOUTH, y + MARGIN, x + MARGIN] = smoothness / (step**sensitivity + epsilon)
    system[MASS, y + MARGIN, x + MARGIN] = np.float32(1)


@njit(parallel=True, **UNCOUNTED)
def _planes_cpu(image, planes):
    for y in prange(image.shape[0]):
        for c in range(image.shape[2]):
            for x in range(image.shape[1]):
                planes[c, y + MARGIN, x + MARGIN] = image[y, x, c]


@cuda.jit(cache=True)
def _planes_cuda(image, planes):
    x, y = cuda.grid(2)
    if y < image.shape[0] and x < image.shape[1]:
        for c in range(image.shape[2]):
            planes[c, y + MARGIN, x + MARGIN] = image[y, x, c]


@njit(parallel=True, **UNCOUNTED)
def _image_cpu(planes, image):
    for y in prange(image.shape[0]):
        for c in range(image.shape[2]):
            for x in range(image.shape[1]):
                image[y, x, c] = planes[c, y + MARGIN, x + MARGIN]


@cuda.jit(cache=True)
def _image_cuda(planes, image):
    x, y = cuda.grid(2)
    if y < image.shape[0] and x < image.shape[1]:
        for c in range(image.shape[2]):
            image[y, x, c] = planes[c, y + MARGIN, x + MARGIN]


# Extents: height, width.
_system_kernel = Kernel(_system_cpu, _system_cuda, element_launch)
# Extents: height, width.
_planes_kernel = Kernel(_planes_cpu, _planes_cuda, element_launch)
# Extents: height, width.
_image_kernel = Kernel(_image_cpu, _image_cuda, element_launch)
