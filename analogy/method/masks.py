"""Masks: which parts of two images belong together, and what is to be left as it is.

A pixel with a label is matched only with pixels of that label in the other image; a pixel of label
0 is free to be matched with any. That holds for A's pixels and, the other way, for those of B'; the
search itself never looks at other matches (:mod:`analogy_kernels.matching.labels`). Where images
are matched smaller than they are, it holds at that size: at full size the edge of a label is as
sharp as a pixel there.

Each level has the labels at its own size. A pixel there takes the label in the middle of what it
covers. A label that would be gone by that keeps the pixel of which it covers the most, unless
another label has no other pixel; so a thing smaller than a pixel of level 5 still has its place. A
label that one image loses nevertheless, the other cannot match: at that level it counts as 0.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analogy.errors import AnalogyError
from analogy_kernels.matching.labels import LabelMap, label_map


@dataclass(frozen=True)
class Masks:
    """What a user may say about two images; each may be left out.

    Attributes
    ----------
    a, b_prime : integer arrays, (height, width), or None
        Labels of the pixels of A and of B', not negative; both or neither. Every label of A has to
        be in B'; labels that only B' has count as 0.
    keep : array, (height of A, width of A), or None
        Not 0 where A' is to be A, unchanged: its features there are A's at every level.
    names : three str
        What error messages call them.
    """

    a: np.ndarray | None = None
    b_prime: np.ndarray | None = None
    keep: np.ndarray | None = None
    names: tuple[str, str, str] = ("masks.a", "masks.b_prime", "masks.keep")


@dataclass(frozen=True)
class LevelMasks:
    """Masks at the size of a level, where it is computed.

    Attributes
    ----------
    a, b_prime : LabelMap or None
    keep : float32 array, (height, width), or None
        1 where A is kept, 0 elsewhere.
    """

    a: LabelMap | None = None
    b_prime: LabelMap | None = None
    keep: Any = None


class MatchingMasks:
    """Masks at the size of every level.

    Parameters
    ----------
    masks : Masks or None
        As :func:`check_masks` lets pass.

    Attributes
    ----------
    keep : bool array, (height of A, width of A), or None
        What of A is kept.
    """

    def __init__(self, masks: Masks | None) -> None:
        masks = masks or Masks()
        self._labels = None if masks.a is None else _counted(masks.a, masks.b_prime)
        self.keep = None if masks.keep is None else masks.keep != 0
        self._keep = None if self.keep is None else self.keep.astype(np.int32)

    @property
    def has_labels(self) -> bool:
        return self._labels is not None

    def bound_to(self, shape_a: tuple[int, int], shown: np.ndarray) -> MatchingMasks:
        """The same, without labels of their own, where A is matched with some pixels of B' only.

        Parameters
        ----------
        shape_a : (int, int)
            Height and width at which A is matched.
        shown : bool array, (height, width)
            Which pixels of B' may be fetched, at the size at which it is matched.
        """
        bound = copy(self)
        bound._labels = [np.ones(shape_a, np.int32), shown.astype(np.int32)]
        return bound

    def at(
        self,
        level: int,
        matched_a: tuple[int, int],
        matched_b_prime: tuple[int, int],
        target: Any,
    ) -> LevelMasks:
        """Masks at a level of images that are matched at the sizes given.

        Parameters
        ----------
        level : int
        matched_a, matched_b_prime : (int, int)
            Height and width at level 1.
        target : CPU or CUDA of `analogy_kernels.target`

        Returns
        -------
        LevelMasks
        """
        a = b_prime = keep = None
        if self._labels:
            sizes = matched_a, matched_b_prime
            shrunk = [
                shrink_labels(labels, size, level)
                for labels, size in zip(self._labels, sizes, strict=True)
            ]
            a, b_prime = (label_map(labels, target) for labels in _in_common(*shrunk))
        if self._keep is not None:
            keep = target.asarray(shrink_labels(self._keep, matched_a, level).astype(np.float32))
        return LevelMasks(a, b_prime, keep)


def check_masks(masks: Masks, shape_a: tuple[int, int], shape_b_prime: tuple[int, int]) -> None:
    """Raise unless masks go with images of these heights and widths, and with each other.

    Raises
    ------
    AnalogyError
    """
    name_a, name_b_prime, name_keep = masks.names
    if (masks.a is None) != (masks.b_prime is None):
        given, absent = (
            (name_a, "B (--mask-b)") if masks.b_prime is None else (name_b_prime, "A (--mask-a)")
        )
        raise AnalogyError(f"{given}: labels of one image alone; give those of {absent} too")
    for mask, name, shape in (
        (masks.a, name_a, shape_a),
        (masks.b_prime, name_b_prime, shape_b_prime),
        (masks.keep, name_keep, shape_a),
    ):
        if mask is not None:
            _check_mask(mask, name, shape)
    if masks.a is None or masks.b_prime is None:
        return
    missing = np.setdiff1d(masks.a, np.append(np.unique(masks.b_prime), 0))
    if missing.size:
        raise AnalogyError(
            f"{name_b_prime}: has no pixel of label {missing[0]} (the colour #{missing[0]:06x}), "
            f"which {name_a} has; paint some or use one of its own labels"
        )


def hide_transparent(masks: Masks | None, a: Any, b_prime: Any) -> Masks | None:
    """Masks by which nothing opaque is matched with what is transparent.

    That is so for all pixels where a user gave no labels, and else for those that have one: a free
    pixel may be matched with any.

    Parameters
    ----------
    masks : Masks or None
    a, b_prime : Picture
    """
    if a.opaque is None and b_prime.opaque is None:
        return masks
    masks = masks or Masks()
    if masks.a is None or masks.b_prime is None:
        labels = [np.ones(picture.shape, np.int32) for picture in (a, b_prime)]
    else:
        labels = [masks.a, masks.b_prime]
    hidden = [
        each if picture.opaque is None else np.where(picture.opaque, each, 0)
        for each, picture in zip(labels, (a, b_prime), strict=True)
    ]
    return replace(masks, a=hidden[0], b_prime=hidden[1])


def _check_mask(mask, name, shape):
    integers = np.issubdtype(mask.dtype, np.integer) or mask.dtype == bool
    if mask.ndim != 2 or not integers or mask.min(initial=0) < 0:
        raise AnalogyError(
            f"{name}: an array of shape {mask.shape} and type {mask.dtype} is no mask; "
            "give one label for each pixel, integers of at least 0"
        )
    if mask.shape != tuple(shape):
        (height, width), (image_height, image_width) = mask.shape, shape
        raise AnalogyError(
            f"{name}: {width} x {height} px for an image of {image_width} x {image_height} px; "
            "give a mask of the image's size"
        )


def shrink_labels(labels: np.ndarray, matched: tuple[int, int], level: int) -> np.ndarray:
    """Labels at the size of a level; see the module for the rule.

    Parameters
    ----------
    labels : integer array, (height, width)
        Labels of the whole image.
    matched : (int, int)
        Height and width at level 1, at most those of the image.
    level : int

    Returns
    -------
    array of the dtype of `labels`, (height of the level, width of the level)
    """
    rows, columns = (
        (np.arange(extent) * size // extent) >> (level - 1)
        for extent, size in zip(labels.shape, matched, strict=True)
    )
    small = labels[np.ix_(_middles(rows), _middles(columns))]
    for label in np.setdiff1d(labels, np.append(small, 0)):
        _keep_a_place(small, label, labels == label, rows, columns)
    return small


def _middles(coarse):
    """Middle one of the fine positions that lie in each coarse one, which `coarse` tells."""
    ends = np.searchsorted(coarse, np.arange(coarse[-1] + 2))
    return (ends[:-1] + ends[1:]) // 2


def _keep_a_place(small, label, covered, rows, columns):
    y, x = np.nonzero(covered)
    places, counts = np.unique(rows[y] * small.shape[1] + columns[x], return_counts=True)
    for place in places[np.argsort(-counts, kind="stable")]:
        holder = small.flat[place]
        if holder == 0 or np.count_nonzero(small == holder) > 1:
            small.flat[place] = label
            return


def _counted(labels_a, labels_b_prime):
    """Labels of A as 1, 2, 3 ..., in both images; what only B' has as 0."""
    known = np.setdiff1d(labels_a, [0])
    counted = []
    for labels in (labels_a, labels_b_prime):
        index = np.searchsorted(known, labels)
        found = np.append(known, 0)[index] == labels
        counted.append(np.where(found & (labels != 0), index + 1, 0).astype(np.int32))
    return counted


def _in_common(first, second):
    common = np.intersect1d(first, second)
    return [np.where(np.isin(labels, common), labels, 0) for labels in (first, second)]
