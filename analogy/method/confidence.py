"""How far matches can be trusted, and what to put in the place of those that cannot.

A match is trusted where the other image's match leads back (forward-backward consistency). The
paper's failures are where it does not (section 7): regions without texture, objects that only one
image has.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from analogy.images import resize
from analogy.method.masks import LevelMasks
from analogy.method.search import Matches
from analogy_kernels.matching.consistency import round_trip
from analogy_kernels.target import target_of

# Pixels, as matched, that halve the confidence.
HALVING_DISTANCE = np.float32(8)


def round_trips(matches: Matches) -> tuple[Any, Any]:
    """Pixels, as matched, between where each match leads back to and where it started.

    Parameters
    ----------
    matches : Matches

    Returns
    -------
    distance_a, distance_b : float32 arrays, (height, width), where `matches` are
    """
    return round_trip(matches.ab, matches.ba), round_trip(matches.ba, matches.ab)


def confidence(distance: np.ndarray) -> np.ndarray:
    """Halve the confidence with every 8 pixels that a match misses its start by: 1, 1/2, 1/4 ...

    Parameters
    ----------
    distance : float32 NumPy array
        In pixels as matched.

    Returns
    -------
    float32 array, in (0, 1]
    """
    return np.exp2(-distance / HALVING_DISTANCE)


def confidence_map(distance: Any, shape: tuple[int, int], stride: int = 1) -> np.ndarray:
    """Confidence as a grey image, 255 where the match leads back to its pixel.

    Parameters
    ----------
    distance : float32 array, (height, width)
        As :func:`round_trips` gives it.
    shape : (int, int)
        Height and width of the image, where that was matched at a smaller size.
    stride : int
        Pixels as matched in one of the map, where matching ended at a coarser level.

    Returns
    -------
    uint8 array of `shape`
    """
    distance = target_of(distance).to_host(distance)
    return resize(np.rint(255 * confidence(distance * np.float32(stride))).astype(np.uint8), shape)


def fill_unreliable(
    matches: Matches,
    distance_a: Any,
    distance_b: Any,
    limit: float,
    masks: LevelMasks | None = None,
) -> Matches:
    """Give the pixels whose matches are not trusted the displacement of the nearest that is.

    Parameters
    ----------
    matches : Matches
    distance_a, distance_b : float32 arrays, (height, width)
        As :func:`round_trips` gives them.
    limit : float
        Pixels of the map that a match may lead away and be trusted.
    masks : LevelMasks, optional
        Masks of the map's level: matches that would be against their labels are not replaced.

    Returns
    -------
    Matches
        Trusted ones are unchanged.
    """
    labels = None
    if masks is not None and masks.a is not None and masks.b_prime is not None:
        on = target_of(matches.ab)
        labels = [on.to_host(side.labels) for side in (masks.a, masks.b_prime)]
    shapes = matches.ab.shape[:2], matches.ba.shape[:2]
    return replace(
        matches,
        ab=_filled(matches.ab, distance_a, shapes[1], limit, labels),
        ba=_filled(matches.ba, distance_b, shapes[0], limit, labels and labels[::-1]),
    )


def _filled(nnf, distance, other_shape, limit, labels):
    # Takes longer to import than most runs, which fill nothing, have to spare.
    from scipy.ndimage import distance_transform_edt

    target = target_of(nnf, distance)
    field, trusted = target.to_host(nnf), target.to_host(distance) <= limit
    if not trusted.any():
        return nnf
    positions = np.moveaxis(np.indices(field.shape[:2], np.int32), 0, -1)
    # A trusted pixel is its own nearest. Smoother fillings smear detail over the region.
    nearest = distance_transform_edt(~trusted, return_distances=False, return_indices=True)
    moved = positions + (field - positions)[tuple(nearest)]
    moved = np.clip(moved, 0, np.subtract(other_shape, 1)).astype(np.int32)
    if labels:
        own, matched = labels[0], labels[1][moved[..., 0], moved[..., 1]]
        moved = np.where(((own == 0) | (own == matched))[..., None], moved, field)
    return target.asarray(moved)
