"""Labels that say which pixels may be matched with which.

A pixel with a label may be matched with pixels of the same label only; a pixel of label 0 is free
to be matched with any. That is asked of the pixel which looks for a match: a free pixel may take a
labelled one, which may not take the free one in turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable
from numpy.typing import ArrayLike

from kernels.hashing import hash_random, random_below
from kernels.target import CPU, Array, Kernel, Result, Stream, cuda, element_launch, on_target

# A stream of a seed away from those that a search counts from zero and from that of a first field.
_STREAM = np.uint32(0xFFFFFFFE)


@dataclass(frozen=True)
class LabelMap:
    """Labels of a map, and where each of them is; see :func:`label_map`.

    Attributes
    ----------
    labels : int32 array, (height, width)
        0 for free pixels.
    places : int32 array, (height * width,)
        All pixels, counted row by row, in the order of their labels.
    starts : int32 array, (labels + 1,)
        Where the pixels of each label start among the `places`, and where the last one's end.

    Notes
    -----
    Two int32 numbers a pixel, on one target.

    Examples
    --------
    >>> import numpy as np
    >>> from kernels import label_map
    >>> of_one = label_map(np.array([[0, 1], [1, 0]]))
    >>> of_one.places[of_one.starts[1] : of_one.starts[2]].tolist()
    [1, 2]
    """

    labels: Any
    places: Any
    starts: Any


def label_map(labels: ArrayLike, target=CPU) -> LabelMap:
    """Find where each label is.

    Parameters
    ----------
    labels : array of integers, (height, width)
        On the host, not negative; what NumPy makes an array of.
    target : CPU or CUDA of `kernels.target`
        Where the result is made.

    Returns
    -------
    LabelMap

    Raises
    ------
    TypeError
        If `labels` are no integers.
    ValueError
        If they have not two axes, are empty, or one is negative.

    Notes
    -----
    Sorts the pixels on the host, in n log n for n of them, and copies the result to the target.
    Allocates, beside the result, 8 bytes a pixel while it sorts. A device's copy may wait for work
    before it.

    Examples
    --------
    >>> import numpy as np
    >>> from kernels import label_map
    >>> label_map(np.array([[2, 0], [2, 2]])).starts.tolist()
    [0, 1, 1, 4]
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iub":
        raise TypeError(f"labels are integers; these are {labels.dtype}")
    if labels.ndim != 2 or labels.size == 0 or labels.min() < 0:
        raise ValueError(
            f"labels of shape {labels.shape}: they have to be (height, width), not empty and not "
            "negative"
        )
    flat = labels.ravel()
    places = np.argsort(flat, kind="stable").astype(np.int32)
    starts = np.searchsorted(flat[places], np.arange(flat.max() + 2)).astype(np.int32)
    return LabelMap(*map(target.asarray, (labels.astype(np.int32), places, starts)))


def no_labels(height, target):
    """What kernels take for labels where all pixels are free: an array without columns."""
    return target.empty((height, 0), np.int32)


def legal_nnf(
    nnf: Array, source: LabelMap, other: LabelMap, seed: int, *, stream: Stream = None
) -> Result:
    """Replace the matches that labels forbid by random pixels of the right label.

    Parameters
    ----------
    nnf : int32 array, (height, width, 2)
        Positions (y, x) in the other map.
    source, other : LabelMap
        Of the field's own map and of the other one, which has every label of the first.
    seed : int
        Not negative; the same seed gives the same field on every target.
    stream : Numba stream, optional
        That a device queues the work on.

    Returns
    -------
    int32 array, (height, width, 2)
        A new one.

    Raises
    ------
    TypeError
        If something is no array.
    ValueError
        If the arrays live on different targets or one on the host is not C-contiguous.

    Notes
    -----
    Reads the field once and the labels of both ends of each match, and writes a field; a match that
    is replaced takes a hash. Allocates the result and does not wait for a device.

    Examples
    --------
    >>> import numpy as np
    >>> from kernels import label_map, legal_nnf
    >>> labels, other = label_map(np.array([[0, 1]])), label_map(np.array([[0, 1]]))
    >>> legal_nnf(np.zeros((1, 2, 2), np.int32), labels, other, seed=0).tolist()
    [[[0, 0], [0, 1]]]
    """
    on, nnf, *tables = on_target(
        nnf, source.labels, other.labels, other.places, other.starts, stream=stream
    )
    out = on.empty(nnf.shape, np.int32)
    on.run(legal_nnf_kernel, nnf.shape[:2], nnf, *tables, np.uint32(seed & 0xFFFFFFFF), out)
    return out


@register_jitable
def is_allowed(labels, other_labels, y, x, match_y, match_x):
    """Tell whether a pixel may be matched with one of the other map.

    Parameters
    ----------
    labels : int32 array, (height, width)
        0 for free pixels; without columns where all are free.
    other_labels : int32 array, (other height, other width)
    y, x, match_y, match_x : int
        The pixel and the one it is to be matched with.

    Returns
    -------
    bool

    Notes
    -----
    Two reads and two comparisons.

    Examples
    --------
    >>> import numpy as np
    >>> from kernels.device import is_allowed
    >>> labels, other = np.array([[0, 1]], np.int32), np.array([[2, 1]], np.int32)
    >>> [bool(is_allowed(labels, other, 0, x, 0, 0)) for x in range(2)]
    [True, False]
    """
    if labels.shape[1] == 0:
        return True
    label = labels[y, x]
    return label == 0 or label == other_labels[match_y, match_x]


@njit(parallel=True, cache=True)
def _legal_nnf_cpu(nnf, labels, other_labels, places, starts, seed, out):
    for y in prange(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x, 0], out[y, x, 1] = _legal_match(
                nnf, labels, other_labels, places, starts, seed, y, x
            )


@cuda.jit(cache=True)
def _legal_nnf_cuda(nnf, labels, other_labels, places, starts, seed, out):
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        out[y, x, 0], out[y, x, 1] = _legal_match(
            nnf, labels, other_labels, places, starts, seed, y, x
        )


@register_jitable
def _legal_match(nnf, labels, other_labels, places, starts, seed, y, x):
    match_y, match_x = nnf[y, x, 0], nnf[y, x, 1]
    if is_allowed(labels, other_labels, y, x, match_y, match_x):
        return match_y, match_x
    first, end = starts[labels[y, x]], starts[labels[y, x] + 1]
    place = places[first + random_below(hash_random(seed, _STREAM, y, x, 0), end - first)]
    width = np.int32(other_labels.shape[1])
    return place // width, place % width


#: Kernel of :func:`kernels.legal_nnf`. Extents: height, width.
legal_nnf_kernel = Kernel(_legal_nnf_cpu, _legal_nnf_cuda, element_launch)
