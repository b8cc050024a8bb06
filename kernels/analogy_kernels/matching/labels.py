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

from analogy_kernels.arguments import INT32, PLANE, VECTOR, checked, low_bits
from analogy_kernels.hashing import hash_random, random_below
from analogy_kernels.positions import checked_nnf, inside
from analogy_kernels.target import (
    CPU,
    UNCOUNTED,
    Array,
    Kernel,
    Result,
    Stream,
    as_target,
    cuda,
    element_launch,
    on_target,
)

# The largest label: a map keeps a number for each up to its own largest.
_MOST_LABELS = 2**24

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
    >>> from analogy_kernels import label_map
    >>> of_one = label_map(np.array([[0, 1], [1, 0]]))
    >>> of_one.places[of_one.starts[1] : of_one.starts[2]].tolist()
    [1, 2]
    """

    labels: Any
    places: Any
    starts: Any

    def __post_init__(self):
        on, labels, places, starts = on_target(
            labels=self.labels, places=self.places, starts=self.starts
        )
        fitting = (
            ("labels", labels, PLANE),
            ("places", places, (labels.size,)),
            ("starts", starts, VECTOR),
        )
        for name, array, shape in fitting:
            # Kept as kernels take them: of another library's array that is not the array itself.
            object.__setattr__(self, name, checked(name, array, shape, INT32))
        if not on.is_cuda and not _are_tables(places, starts):
            raise ValueError("places and starts are not what label_map makes of labels")


def _are_tables(places, starts):
    count = places.size
    are_starts = starts.size > 1 and starts[0] == 0 and starts[-1] == count
    return are_starts and (np.diff(starts) >= 0).all() and 0 <= places.min() <= places.max() < count


def label_map(labels: ArrayLike, target=CPU) -> LabelMap:
    """Find where each label is.

    Parameters
    ----------
    labels : array of integers, (height, width)
        On the host, not negative; what NumPy makes an array of.
    target : CPU or CUDA of `analogy_kernels.target`
        Where the result is made.

    Returns
    -------
    LabelMap

    Raises
    ------
    TypeError
        If `labels` are no integers, or `target` no target.
    ValueError
        If they have not two axes, are empty, or one is negative or above 2**24.

    Notes
    -----
    Sorts the pixels on the host, in n log n for n of them, and copies the result to the target.
    Allocates, beside the result, 8 bytes a pixel while it sorts. A device's copy may wait for work
    before it.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import label_map
    >>> label_map(np.array([[2, 0], [2, 2]])).starts.tolist()
    [0, 1, 1, 4]
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iub":
        raise TypeError(f"labels are integers; these are {labels.dtype}")
    if labels.ndim != 2 or labels.size == 0:
        raise ValueError(
            f"labels are {labels.dtype} {labels.shape}; they have to be (height, width), not empty"
        )
    if labels.min() < 0 or labels.max() > _MOST_LABELS:
        raise ValueError(
            f"labels are from {labels.min()} to {labels.max()}; they have to be from 0 to "
            f"{_MOST_LABELS}, as numpy.unique(labels, return_inverse=True) numbers them"
        )
    as_target(target)
    flat = labels.ravel().astype(np.int32)
    places = np.argsort(flat, kind="stable").astype(np.int32)
    starts = np.concatenate(([0], np.bincount(flat).cumsum())).astype(np.int32)
    return LabelMap(*map(target.asarray, (flat.reshape(labels.shape), places, starts)))


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
        Labels of the field's own map and of the other one, which has every label of the first.
    seed : int
        Not negative; the same seed gives the same field on every target.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    int32 array, (height, width, 2)
        A new one.

    Raises
    ------
    TypeError
        If something is no array or no LabelMap, or the seed no whole number.
    ValueError
        If the arrays do not fit each other, a position is outside the other map, or that lacks a
        label of the source. A device says neither: the nearest pixel is taken for such a position,
        and where the label is lacking the match stays.

    Notes
    -----
    Reads the field once and the labels of both ends of each match, and writes a field; a match that
    is replaced takes a hash. Allocates the result and does not wait for a device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import label_map, legal_nnf
    >>> labels, other = label_map(np.array([[0, 1]])), label_map(np.array([[0, 1]]))
    >>> legal_nnf(np.zeros((1, 2, 2), np.int32), labels, other, seed=0).tolist()
    [[[0, 0], [0, 1]]]
    """
    for name, labels in (("source", source), ("other", other)):
        if not isinstance(labels, LabelMap):
            raise TypeError(f"{name} is a {type(labels).__name__}; it has to be a LabelMap")
    on, nnf, labels, *others = on_target(
        nnf=nnf,
        source=source.labels,
        other=other.labels,
        places=other.places,
        starts=other.starts,
        stream=stream,
    )
    nnf = checked_nnf("nnf", nnf, "other", others[0].shape, (*labels.shape, 2))
    if not on.is_cuda:
        _check_labels(source, other)
    seed, out = low_bits("seed", seed), on.empty(nnf.shape, np.int32)
    on.run(legal_nnf_kernel, nnf.shape[:2], nnf, labels, *others, seed, out)
    return out


def _check_labels(source, other):
    """Refuse labels of the source that no pixel of the other map has."""
    own, theirs = (np.flatnonzero(np.diff(labels.starts)) for labels in (source, other))
    lacking = np.setdiff1d(own[own > 0], theirs)
    if lacking.size:
        raise ValueError(f"other lacks label {lacking[0]}; it has to have every label of source")


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
    >>> from analogy_kernels.device import is_allowed
    >>> labels, other = np.array([[0, 1]], np.int32), np.array([[2, 1]], np.int32)
    >>> [bool(is_allowed(labels, other, 0, x, 0, 0)) for x in range(2)]
    [True, False]
    """
    if labels.shape[1] == 0:
        return True
    label = labels[y, x]
    return label == 0 or label == other_labels[match_y, match_x]


@njit(parallel=True, **UNCOUNTED)
def _legal_nnf_cpu(nnf, labels, other_labels, places, starts, seed, out):
    for y in prange(out.shape[0]):
        for x in range(out.shape[1]):
            match = nnf[y, x, 0], nnf[y, x, 1]
            out[y, x, 0], out[y, x, 1] = _legal_match(
                match, labels, other_labels, places, starts, seed, y, x
            )


@cuda.jit(cache=True)
def _legal_nnf_cuda(nnf, labels, other_labels, places, starts, seed, out):
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        match = inside(nnf, y, x, other_labels.shape)
        out[y, x, 0], out[y, x, 1] = _legal_match(
            match, labels, other_labels, places, starts, seed, y, x
        )


@register_jitable
def _legal_match(match, labels, other_labels, places, starts, seed, y, x):
    match_y, match_x = match
    if is_allowed(labels, other_labels, y, x, match_y, match_x):
        return match_y, match_x
    label = labels[y, x]
    # The other map may lack the label: then there is no better match.
    if not 0 <= label < starts.size - 1 or starts[label] == starts[label + 1]:
        return match_y, match_x
    first, end = starts[label], starts[label + 1]
    place = places[first + random_below(hash_random(seed, _STREAM, y, x, 0), end - first)]
    width = np.int32(other_labels.shape[1])
    return place // width, place % width


#: Kernel of :func:`analogy_kernels.legal_nnf`. Extents: height, width.
legal_nnf_kernel = Kernel(_legal_nnf_cpu, _legal_nnf_cuda, element_launch)
