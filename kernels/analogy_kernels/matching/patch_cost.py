"""Costs of matching a patch with another: what a search makes small.

A cost is a device function ``cost(sources, others, y, x, match_y, match_x, half, best)``:

- `sources`, `others`: tuples of maps, (height, width, channels), one or more pairs of the same
  places;
- `y, x` and `match_y, match_x`: the patches' middles in the one and in the other map;
- `half`: pixels from the middle of a patch to its border;
- `best`: what the cost has to be below to count. It may give up, and return anything not below
  `best`, as soon as it cannot be.

It returns a float32, as small as the patches are alike. The functions here are such costs, and may
be called by others. One's own is made with ``numba.extending.register_jitable``, from which the
search makes kernels for both targets; :func:`patch_overlap` says how much of two patches there is.
"""

from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable

from analogy_kernels.half import as_float32

# Of a patch's variance, of values of the order of one: below it there is nothing to correlate.
_FLAT = np.float32(1e-6)


@register_jitable
def patch_overlap(half, y, x, match_y, match_x, shape, match_shape):
    """Pixels above, below, left and right of two patches' middles that both maps have.

    Parameters
    ----------
    half : int
        Pixels from the middle of a patch to its border.
    y, x, match_y, match_x : int
        The middles.
    shape, match_shape : tuples of int, height and width first

    Returns
    -------
    top, bottom, left, right : int
        At most `half` each.

    Notes
    -----
    Twelve comparisons.

    Examples
    --------
    >>> from analogy_kernels.device import patch_overlap
    >>> patch_overlap(2, 0, 5, 3, 1, (9, 9), (9, 9))
    (0, 2, 1, 2)
    """
    top, left = min(half, y, match_y), min(half, x, match_x)
    bottom = min(half, shape[0] - 1 - y, match_shape[0] - 1 - match_y)
    right = min(half, shape[1] - 1 - x, match_shape[1] - 1 - match_x)
    return top, bottom, left, right


@register_jitable
def minus_inner_product(sources, others, y, x, match_y, match_x, half, best):
    """Minus the mean over the patch's pixels of the inner product of their channel vectors.

    What :func:`analogy_kernels.patchmatch` goes by where no cost is given; there with shortcuts,
    here in plain words for one's own kernels.

    Parameters
    ----------
    sources, others, y, x, match_y, match_x, half, best
        As every cost takes them; see :mod:`analogy_kernels.matching.patch_cost`.

    Returns
    -------
    float32

    Notes
    -----
    patch_side^2 * channels multiply-adds, and never given up. Equation 3 of the paper for unit
    vectors, up to a factor and a constant.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels.device import minus_inner_product
    >>> ones = np.ones((5, 5, 3), np.float32)
    >>> float(minus_inner_product((ones,), (ones,), 2, 2, 0, 0, 1, np.float32(1e30)))
    -3.0
    """
    shape, match_shape = sources[0].shape, others[0].shape
    top, bottom, left, right = patch_overlap(half, y, x, match_y, match_x, shape, match_shape)
    total = np.float32(0)
    for dy in range(-top, bottom + 1):
        for dx in range(-left, right + 1):
            for pair in range(len(sources)):
                source, other = sources[pair], others[pair]
                for c in range(source.shape[2]):
                    value = as_float32(source[y + dy, x + dx, c])
                    total += value * as_float32(other[match_y + dy, match_x + dx, c])
    return -total / np.float32((top + bottom + 1) * (left + right + 1))


@register_jitable
def squared_difference(sources, others, y, x, match_y, match_x, half, best):
    """Mean over the patch's pixels of the squared distance of their channel vectors.

    A cost for :func:`analogy_kernels.patchmatch`.

    Parameters
    ----------
    sources, others, y, x, match_y, match_x, half, best
        As every cost takes them; see :mod:`analogy_kernels.matching.patch_cost`.

    Returns
    -------
    float32

    Notes
    -----
    patch_side^2 * channels times three operations, given up after the row of the patch with which
    the cost reaches `best`. What colours are usually compared by (Barnes et al., 2009).

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels.device import squared_difference
    >>> image = np.arange(25, dtype=np.float32).reshape(5, 5, 1)
    >>> float(squared_difference((image,), (image,), 2, 2, 2, 3, 1, np.float32(1e30)))
    1.0
    """
    shape, match_shape = sources[0].shape, others[0].shape
    top, bottom, left, right = patch_overlap(half, y, x, match_y, match_x, shape, match_shape)
    count = np.float32((top + bottom + 1) * (left + right + 1))
    total = np.float32(0)
    for dy in range(-top, bottom + 1):
        for dx in range(-left, right + 1):
            for pair in range(len(sources)):
                source, other = sources[pair], others[pair]
                for c in range(source.shape[2]):
                    value = as_float32(source[y + dy, x + dx, c])
                    step = value - as_float32(other[match_y + dy, match_x + dx, c])
                    total += step * step
        if total >= best * count:
            break
    return total / count


@register_jitable
def normalised_correlation(sources, others, y, x, match_y, match_x, half, best):
    """One minus the correlation of the two patches' values, mean and contrast left out.

    Between 0 and 2; 1 where a patch is flat. For values of the order of one.

    Parameters
    ----------
    sources, others, y, x, match_y, match_x, half, best
        As every cost takes them; see :mod:`analogy_kernels.matching.patch_cost`.

    Returns
    -------
    float32

    Notes
    -----
    patch_side^2 * channels times eight operations, and never given up. Zero-mean normalised cross-
    correlation (Lewis, "Fast normalized cross-correlation", 1995), of all channels together.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels.device import normalised_correlation
    >>> image = np.random.default_rng(0).random((5, 5, 1), np.float32)
    >>> brighter = 0.5 * image + np.float32(0.2)
    >>> bool(normalised_correlation((image,), (brighter,), 2, 2, 2, 2, 2, np.float32(3)) < 1e-4)
    True
    """
    shape, match_shape = sources[0].shape, others[0].shape
    top, bottom, left, right = patch_overlap(half, y, x, match_y, match_x, shape, match_shape)
    count, sum_a, sum_b = 0, np.float32(0), np.float32(0)
    square_a, square_b, product = np.float32(0), np.float32(0), np.float32(0)
    for dy in range(-top, bottom + 1):
        for dx in range(-left, right + 1):
            for pair in range(len(sources)):
                source, other = sources[pair], others[pair]
                for c in range(source.shape[2]):
                    a = as_float32(source[y + dy, x + dx, c])
                    b = as_float32(other[match_y + dy, match_x + dx, c])
                    count += 1
                    sum_a += a
                    sum_b += b
                    square_a += a * a
                    square_b += b * b
                    product += a * b
    share = np.float32(1) / np.float32(count)
    variance_a = square_a * share - sum_a * share * sum_a * share
    variance_b = square_b * share - sum_b * share * sum_b * share
    if variance_a < _FLAT or variance_b < _FLAT:
        return np.float32(1)
    covariance = product * share - sum_a * share * sum_b * share
    return np.float32(1) - covariance / np.float32(math.sqrt(variance_a * variance_b))
