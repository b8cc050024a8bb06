"""How often the places of a map are used by a field that points at them.

A search by cost alone may fetch the same few patches everywhere and leave the rest of an image
unused: stains, repeated strokes, a sky of one grey. The remedy of Kaspar et al. ("Self tuning
texture optimization", Eurographics 2015, section 3.2) is to charge a match for how often its patch
is used already, as a multiple of its fair share.

Here a patch is charged for what it is used more than those around it. Things need not be as large
in one image as in the other: a face that is matched with a smaller one uses all of that several
times, and charged for it would be made of background in the end.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import extents, odd
from analogy_kernels.positions import checked_nnf, inside
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

# Use is to be even over windows that reach to either side as far as one of so many parts of a map.
_PARTS = 8


def occurrence(
    nnf: Array,
    other_shape: tuple[int, int],
    patch_side: int,
    out: Array | None = None,
    *,
    stream: Stream = None,
) -> Result:
    """Count how often each patch of the other map is used, as a multiple of its fair share.

    A pixel of the other map is used by every patch of the field that is matched with one around it;
    ``out[q]`` is the mean use of the pixels in the patch around q, divided by the uses that each
    would have if all had as many: the area of the field over that of the other map, times the
    patch's.

    Parameters
    ----------
    nnf : int32 array, (height, width, 2)
        Positions (y, x) in the other map, all inside it.
    other_shape : (int, int)
        Height and width of the other map.
    patch_side : int
        Side of the patches, odd, in pixels.
    out : float32 array, of `other_shape`, optional
        Written and returned; made anew when absent.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, of `other_shape`
        1 where use is even, 0 where nothing is used.

    Raises
    ------
    TypeError
        If something is no array, or no whole number.
    ValueError
        If the arrays do not fit each other, the patch side is even, or a position is outside the
        other map. A device does not say so of a position: the nearest pixel is counted there.

    Notes
    -----
    An addition for each pixel of the field, and ``2 * patch_side**2`` for each of the other map.
    Counts are whole numbers, so the order of threads does not matter. Allocates two maps of whole
    numbers and the result, and does not wait for a device. Kaspar et al. (2015).

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import occurrence
    >>> occurrence(np.array([[[0, 0], [0, 0]]], np.int32), (1, 2), 1).tolist()
    [[2.0, 0.0]]
    """
    half = odd("patch_side", patch_side) // 2
    other_shape = extents("other_shape", other_shape)
    on, nnf, out = on_target(nnf=nnf, out=out, stream=stream)
    nnf = checked_nnf("nnf", nnf, "other_shape", other_shape)
    out = on.out(out, other_shape, apart_from={"nnf": nnf})
    _count(on, nnf, half, 1.0, out)
    return out


def charge_occurrence(on, nnf, half, evenness, cost, charges, rises, own_rises):
    """Raise what places cost by how much more their patches are used than those around.

    Charges add up from one iteration to the next: a place that stays in demand becomes dearer until
    some of those who use it do better elsewhere, as prices do in an auction; one that is left alone
    becomes cheaper. Charging for the last uses alone would have everybody leave a place at once,
    and come back together.

    Parameters
    ----------
    on : Host or Device of `analogy_kernels.target`
        Where all arrays live.
    nnf : int32 array, (height, width, 2)
        Positions (y, x) in the other map.
    half : int
        Pixels between a patch's middle and its border.
    evenness : float
        How much a use of a fair share more than around raises a charge.
    cost : float32 array, (height, width)
        Raised with the charges of its matches.
    charges : float32 array, (other height, other width)
        Raised, or lowered.
    rises : float32 array, (other height, other width)
        Written: by how much each place became dearer.
    own_rises : float32 array, (height, width)
        Written: by how much each match did.
    """
    _count(on, nnf, half, evenness, rises)
    means, reach = on.empty(rises.shape), max(max(rises.shape) // _PARTS, 2 * half + 1)
    on.run(_row_means_kernel, rises.shape, rises, reach, means)
    on.run(_less_means_kernel, rises.shape, means, reach, rises)
    on.run(_charge_kernel, cost.shape, nnf, rises, own_rises, cost)
    flat_charges, flat_rises = charges.reshape(charges.size), rises.reshape(rises.size)
    arguments = flat_charges, np.float32(1), flat_rises, flat_charges
    on.run(add_scaled_kernel, (charges.size,), *arguments)


def _count(on, nnf, half, scale, out):
    """Write :func:`occurrence`, times `scale`, to `out`."""
    shape = out.shape
    matches, uses = on.zeros(shape, np.int32), on.empty(shape, np.int32)
    fair = (2 * half + 1) ** 2 * nnf.shape[0] * nnf.shape[1] / (shape[0] * shape[1])
    on.run(_matches_kernel, nnf.shape[:2], nnf, matches)
    on.run(_uses_kernel, shape, matches, half, uses)
    on.run(_occurrence_kernel, shape, uses, half, np.float32(scale / fair), out)


# One thread: a lock for each addition would take longer.
@njit(**UNCOUNTED)
def _matches_cpu(nnf, matches):
    for y in range(nnf.shape[0]):
        for x in range(nnf.shape[1]):
            matches[inside(nnf, y, x, matches.shape)] += 1


@cuda.jit(cache=True)
def _matches_cuda(nnf, matches):
    x, y = cuda.grid(2)
    if y < nnf.shape[0] and x < nnf.shape[1]:
        cuda.atomic.add(matches, inside(nnf, y, x, matches.shape), 1)


@njit(parallel=True, **UNCOUNTED)
def _uses_cpu(matches, half, uses):
    for y in prange(uses.shape[0]):
        for x in range(uses.shape[1]):
            uses[y, x], _ = _sum_around(matches, y, x, half)


@cuda.jit(cache=True)
def _uses_cuda(matches, half, uses):
    x, y = cuda.grid(2)
    if y < uses.shape[0] and x < uses.shape[1]:
        uses[y, x], _ = _sum_around(matches, y, x, half)


@njit(parallel=True, **UNCOUNTED)
def _occurrence_cpu(uses, half, scale, out):
    for y in prange(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = _mean_around(uses, y, x, half) * scale


@cuda.jit(cache=True)
def _occurrence_cuda(uses, half, scale, out):
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        out[y, x] = _mean_around(uses, y, x, half) * scale


@njit(parallel=True, **UNCOUNTED)
def _row_means_cpu(values, reach, means):
    for y in prange(means.shape[0]):
        for x in range(means.shape[1]):
            means[y, x] = _mean_beside(values, y, x, reach)


@cuda.jit(cache=True)
def _row_means_cuda(values, reach, means):
    x, y = cuda.grid(2)
    if y < means.shape[0] and x < means.shape[1]:
        means[y, x] = _mean_beside(values, y, x, reach)


@njit(parallel=True, **UNCOUNTED)
def _less_means_cpu(means, reach, values):
    for y in prange(values.shape[0]):
        for x in range(values.shape[1]):
            values[y, x] -= _mean_above_and_below(means, y, x, reach)


@cuda.jit(cache=True)
def _less_means_cuda(means, reach, values):
    x, y = cuda.grid(2)
    if y < values.shape[0] and x < values.shape[1]:
        values[y, x] -= _mean_above_and_below(means, y, x, reach)


@njit(parallel=True, **UNCOUNTED)
def _charge_cpu(nnf, rises, own_rises, cost):
    for y in prange(cost.shape[0]):
        for x in range(cost.shape[1]):
            own_rises[y, x] = rises[nnf[y, x, 0], nnf[y, x, 1]]
            cost[y, x] += own_rises[y, x]


@cuda.jit(cache=True)
def _charge_cuda(nnf, rises, own_rises, cost):
    x, y = cuda.grid(2)
    if y < cost.shape[0] and x < cost.shape[1]:
        own_rise = rises[nnf[y, x, 0], nnf[y, x, 1]]
        own_rises[y, x] = own_rise
        cost[y, x] += own_rise


@register_jitable
def _mean_around(values, y, x, half):
    total, count = _sum_around(values, y, x, half)
    return np.float32(total) / np.float32(count)


@register_jitable
def _sum_around(values, y, x, half):
    """Sum and number of the values in a patch, as far as it lies inside the map."""
    top, bottom = max(y - half, 0), min(y + half + 1, values.shape[0])
    left, right = max(x - half, 0), min(x + half + 1, values.shape[1])
    total = 0
    for near_y in range(top, bottom):
        for near_x in range(left, right):
            total += values[near_y, near_x]
    return total, (bottom - top) * (right - left)


@register_jitable
def _mean_beside(values, y, x, reach):
    left, right = max(x - reach, 0), min(x + reach + 1, values.shape[1])
    total = np.float32(0)
    for near_x in range(left, right):
        total += values[y, near_x]
    return total / np.float32(right - left)


@register_jitable
def _mean_above_and_below(values, y, x, reach):
    top, bottom = max(y - reach, 0), min(y + reach + 1, values.shape[0])
    total = np.float32(0)
    for near_y in range(top, bottom):
        total += values[near_y, x]
    return total / np.float32(bottom - top)


# Extents: height and width of the field.
_matches_kernel = Kernel(_matches_cpu, _matches_cuda, element_launch)
# Extents: height and width of the other map.
_uses_kernel = Kernel(_uses_cpu, _uses_cuda, element_launch)
# Extents: height and width of the other map.
_occurrence_kernel = Kernel(_occurrence_cpu, _occurrence_cuda, element_launch)
# Extents: height and width of the other map.
_row_means_kernel = Kernel(_row_means_cpu, _row_means_cuda, element_launch)
# Extents: height and width of the other map.
_less_means_kernel = Kernel(_less_means_cpu, _less_means_cuda, element_launch)
# Extents: height and width of the field.
_charge_kernel = Kernel(_charge_cpu, _charge_cuda, element_launch)
