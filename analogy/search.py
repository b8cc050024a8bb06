"""Nearest-neighbour field search between the features of four images (section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kernels.initialize import identity_nnf, random_nnf
from kernels.labels import legal_nnf
from kernels.normalize import normalize
from kernels.patchmatch import patchmatch, patchmatch_both_ways
from kernels.target import target_of

# Apart, so that no two searches of a run draw the same candidates.
_FORWARD, _REVERSE = 0, 1
_SEEDS_PER_LEVEL = 2
_SEEDS_PER_RUN = 16


@dataclass(frozen=True)
class Matches:
    """Nearest-neighbour fields of one level, and what their matches cost.

    Attributes
    ----------
    ab, ba : int32 arrays, (height, width, 2)
        Positions (y, x) in the other image's map.
    cost_ab, cost_ba : float32 arrays, (height, width), or None before the first search
    """

    ab: Any
    ba: Any
    cost_ab: Any = None
    cost_ba: Any = None


def initial_matches(shape_a, shape_b, parameters, target):
    """Fields to start from where there is no coarser level (section 4.1)."""
    if parameters.initialization == "identity":
        return Matches(
            identity_nnf(shape_a, shape_b, target), identity_nnf(shape_b, shape_a, target)
        )
    seed = parameters.seed * _SEEDS_PER_RUN
    return Matches(
        random_nnf(shape_a, shape_b, seed + _FORWARD, target),
        random_nnf(shape_b, shape_a, seed + _REVERSE, target),
    )


def search_matches(a, a_prime, b, b_prime, matches, level, parameters, masks=None):
    """Improve both fields of a level.

    Parameters
    ----------
    a, a_prime, b, b_prime : float32 arrays, (height, width, channels)
        Features; those of A and A' are of one size, those of B and B' of one size.
    matches : Matches
        Where to start.
    level : int
    parameters : Parameters
    masks : LevelMasks, optional
        Where they have labels, no match is against them, whatever the start.

    Returns
    -------
    Matches
    """
    seed = parameters.seed * _SEEDS_PER_RUN + level * _SEEDS_PER_LEVEL
    if parameters.single_direction:
        # Eq. 3: like in appearance only, each direction with its own latent image.
        maps, bound = (a_prime, b_prime, b, a), 1.0
        source_ab, target_ab, source_ba, target_ba = (normalize(features) for features in maps)
    else:
        # Eq. 2: both terms at once, as one inner product of vectors side by side.
        source_ab, target_ab = side_by_side(a, a_prime), side_by_side(b, b_prime)
        source_ba, target_ba, bound = target_ab, source_ab, 2.0
    matches, labels = _legal(matches, masks, seed)
    # Of eq. 3, each direction has a measure of its own: there is nothing to exchange.
    together = parameters.exchange_matches and not parameters.single_direction
    search = _search_together if together else _search_apart
    (ab, cost_ab), (ba, cost_ba) = search(
        ((source_ab, target_ab), (source_ba, target_ba)),
        (matches.ab, matches.ba),
        parameters.patch_side(level),
        [parameters.search_radius(level, other.shape[:2]) for other in (target_ab, target_ba)],
        seeds=(seed + _FORWARD, seed + _REVERSE),
        iterations=parameters.iterations(level),
        bound=bound,
        labels=labels,
    )
    return Matches(ab, ba, cost_ab, cost_ba)


def _legal(matches, masks, seed):
    """Matches that labels allow, and the labels of both maps, None where there are none."""
    if masks is None or masks.a is None:
        return matches, None
    a, b_prime = masks.a, masks.b_prime
    legal = Matches(
        legal_nnf(matches.ab, a, b_prime, seed + _FORWARD),
        legal_nnf(matches.ba, b_prime, a, seed + _REVERSE),
    )
    return legal, (a.labels, b_prime.labels)


def _search_together(pairs, nnfs, patch_side, radii, **options):
    return patchmatch_both_ways(*pairs[0], nnfs, patch_side, radii, **options)


def _search_apart(pairs, nnfs, patch_side, radii, *, seeds, labels, **options):
    both = (labels, labels and labels[::-1])
    return [
        patchmatch(*pair, nnf, patch_side, radius, seed=seed, labels=own, **options)
        for pair, nnf, radius, seed, own in zip(pairs, nnfs, radii, seeds, both, strict=True)
    ]


def side_by_side(first, second):
    """Normalised channels of two maps of one size, in one map."""
    height, width, channels = first.shape
    out = target_of(first, second).empty((height, width, 2 * channels))
    normalize(first, out)
    return normalize(second, out, channel_offset=channels)
