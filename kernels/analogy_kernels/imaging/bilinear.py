"""Values of a map between its pixels."""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from analogy_kernels.half import as_float32


@register_jitable
def bilinear(source, y, x, c):
    """Value of channel `c` at a fractional position; that of the border outside the map.

    Parameters
    ----------
    source : array of any dtype that kernels take, (height, width, channels)
    y, x : float32
        In pixels; the middle of the first one is (0, 0), and so is what is no number.
    c : int

    Returns
    -------
    float32

    Notes
    -----
    Nine operations, of four values.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels.device import bilinear
    >>> source = np.array([[[0], [1]], [[2], [3]]], np.float32)
    >>> float(bilinear(source, np.float32(0.5), np.float32(0.25), 0))
    1.25
    """
    height, width = source.shape[0], source.shape[1]
    y, x = _clamped(y, np.float32(height - 1)), _clamped(x, np.float32(width - 1))
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, across = y - np.float32(top), x - np.float32(left)
    above = _between(source[top, left, c], source[top, right, c], across)
    below = _between(source[bottom, left, c], source[bottom, right, c], across)
    return _between(above, below, down)


@register_jitable
def _clamped(position, last):
    # Asked so that the answer for what is no number is 0.
    return min(position, last) if position > np.float32(0) else np.float32(0)


@register_jitable
def _between(first, second, share):
    first, second = as_float32(first), as_float32(second)
    return first + share * (second - first)
