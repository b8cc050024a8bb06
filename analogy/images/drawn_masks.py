"""Masks as people draw them: the few colours that were meant, out of those that are there.

A soft brush, JPEG and a resized picture make hundreds of colours of a few. A mask of few colours is
taken as it is; of others the colours are found that stand out, and every pixel is brought to the
nearest. Two masks that go together are looked at together, so that they agree.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

_log = logging.getLogger(__name__)

# A mask of so many colours is exact, and so is one where most edges are between colours that fill.
_FEW = 16

# Colours so near, in the largest difference of a channel, were one to whoever drew them.
_NEAR, _SPIKE = 40, 12

# A colour that stands out has so many times the pixels of those about it, and this share of all.
_OUTSTANDING, _LEAST_SHARE = 3, 5e-4

# Of more colours than these those with most pixels are looked at.
_MOST_COLOURS = 1024


def meant_labels(masks: Sequence[np.ndarray], names: Sequence[str]) -> list[np.ndarray]:
    """Bring masks that go together to the labels that were meant.

    Parameters
    ----------
    masks : sequence of int32 arrays, (height, width)
        Labels that are colours, ``red << 16 | green << 8 | blue``.
    names : sequence of str
        What the log calls them.

    Returns
    -------
    list of int32 arrays
        Those that are exact as they were.
    """
    if not masks:
        return []
    exact = [_is_exact(mask) for mask in masks]
    if all(exact) and not _can_be_one_drawing(masks):
        return list(masks)
    # Of two exact masks that do not fit each other one may have edges that were smoothed.
    if all(exact):
        exact = [
            np.unique(mask).size == min(np.unique(one).size for one in masks) for mask in masks
        ]
    certain = [mask for mask, is_exact in zip(masks, exact, strict=True) if is_exact]
    known = np.unique(np.concatenate([[0], *map(np.unique, certain)]))
    soft = [mask for mask, is_exact in zip(masks, exact, strict=True) if not is_exact]
    meant = _meant(soft, known if any(exact) else known[:0])
    return [
        mask if is_exact else _brought(mask, meant, name)
        for mask, is_exact, name in zip(masks, exact, names, strict=True)
    ]


def at_size(mask: np.ndarray, shape: tuple[int, int], name: str) -> np.ndarray:
    """Bring a mask to a height and width by the nearest pixel, with a word in the log.

    One of another shape than the image's, by a tenth or more, stays as it is: it is no mask of it.
    """
    aspect = mask.shape[0] * shape[1] / (mask.shape[1] * shape[0])
    if mask.shape == tuple(shape) or not 1 / 1.1 < aspect < 1.1:
        return mask
    rows, columns = (
        (2 * np.arange(size) + 1) * extent // (2 * size)
        for extent, size in zip(mask.shape, shape, strict=True)
    )
    (height, width), (new_height, new_width) = mask.shape, shape
    _log.warning(
        "%s: %d x %d px, brought to the image's %d x %d px",
        name,
        width,
        height,
        new_width,
        new_height,
    )
    return mask[np.ix_(rows, columns)]


def _is_exact(mask):
    count = np.unique(mask).size
    if count <= _FEW:
        return True
    filling = _filling(mask)
    filled = np.isin(mask, filling)
    hard = edges = 0
    for one, other, both in (
        (mask[1:], mask[:-1], filled[1:] & filled[:-1]),
        (mask[:, 1:], mask[:, :-1], filled[:, 1:] & filled[:, :-1]),
    ):
        edges += np.count_nonzero(one != other)
        hard += np.count_nonzero((one != other) & both)
    # JPEG has areas side by side, too, and many more colours that are nowhere an area.
    return 2 * hard >= edges and 2 * filling.size >= count


def _filling(mask):
    """Labels that fill an area."""
    return np.unique(mask[1:-1, 1:-1][_flat(mask)])


def _flat(mask):
    """Whether a pixel has the colour of all eight about it; without the outermost ones."""
    height, width = mask.shape
    inner = mask[1:-1, 1:-1]
    flat = np.ones_like(inner, bool)
    for y in range(3):
        for x in range(3):
            flat &= mask[y : y + height - 2, x : x + width - 2] == inner
    return flat


def _can_be_one_drawing(masks):
    """Whether exact masks do not fit, and what the other lacks lies between colours of both.

    What fills an area was meant, and what the other lacks of that is its owner's mistake.
    """
    if len(masks) != 2:
        return False
    first, second = (np.unique(mask) for mask in masks)
    missing = np.setdiff1d(first, np.append(second, 0))
    common = np.intersect1d(first, second)
    if not missing.size or common.size < 2 or np.isin(missing, _filling(masks[0])).any():
        return False
    return bool(_are_blends(_channels(missing), _channels(common)).all())


def _meant(masks, known):
    """Colours that stand out, and `known`, as labels."""
    labels, shares = _histogram(masks)
    colours = _channels(labels)
    distances = _distances(colours, colours)
    near = (distances <= _SPIKE) @ shares
    about = ((distances > _SPIKE) & (distances <= 3 * _SPIKE)) @ shares
    outstanding = near > _OUTSTANDING * about
    # Black is free, and JPEG's black is not quite that.
    labels = np.where(_distances(colours, np.zeros((1, 3), int))[:, 0] <= _SPIKE, 0, labels)
    meant = list(known)
    for index in np.argsort(-shares, kind="stable"):
        if outstanding[index] and near[index] >= _LEAST_SHARE and _is_new(colours[index], meant):
            meant.append(labels[index])
    # What no two of them make, as the middle of a brush that is soft all through.
    while True:
        rest = near >= 10 * _LEAST_SHARE
        if meant:
            found = _channels(np.array(meant))
            far = _distances(colours, found).min(axis=1)
            rest &= (far > _NEAR) & ~_are_blends(colours, found)
        else:
            far = shares
        if not rest.any():
            return np.array(meant)
        meant.append(labels[np.argmax(np.where(rest, far, -1))])


def _histogram(masks):
    """Colours of masks and their shares, the most frequent ones."""
    found = [np.unique(mask, return_counts=True) for mask in masks]
    labels = np.unique(np.concatenate([colours for colours, _ in found]))
    shares = np.zeros(labels.size)
    for (colours, counts), mask in zip(found, masks, strict=True):
        shares[np.searchsorted(labels, colours)] += counts / mask.size
    most = np.sort(np.argsort(-shares, kind="stable")[:_MOST_COLOURS])
    return labels[most], shares[most]


def _is_new(colour, meant):
    return not meant or _distances(colour[None], _channels(np.array(meant))).min() > _NEAR


def _are_blends(colours, ends):
    """Whether each colour lies near a line between two of others."""
    blends = np.zeros(len(colours), bool)
    for index, start in enumerate(ends):
        for end in ends[index + 1 :]:
            along = (end - start).astype(float)
            part = ((colours - start) @ along / max(along @ along, 1)).clip(0, 1)
            on_line = start + part[:, None] * along
            blends |= np.abs(colours - on_line).max(axis=1) <= _NEAR
    return blends


def _brought(mask, meant, name):
    labels, index, counts = np.unique(mask, return_inverse=True, return_counts=True)
    targets = _channels(meant)
    nearest = np.empty_like(labels)
    for start in range(0, labels.size, 4096):
        part = _channels(labels[start : start + 4096])
        squares = ((part[:, None] - targets) ** 2).sum(axis=2)
        nearest[start : start + 4096] = meant[squares.argmin(axis=1)]
    moved = int(counts[nearest != labels].sum())
    _log.warning(
        "%s: %d of %d px have none of the %d colours that were meant, brought to the nearest",
        name,
        moved,
        mask.size,
        len(meant),
    )
    return nearest[index].reshape(mask.shape)


def _channels(labels):
    return np.stack([labels >> 16 & 255, labels >> 8 & 255, labels & 255], axis=-1).astype(int)


def _distances(colours, others):
    return np.abs(colours[:, None] - others).max(axis=2)
