"""Nearest-neighbour field search between the features of four images (section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kernels.initialize import identity_nnf, random_nnf
from kernels.normalize import normalize
from kernels.patchmatch import patchmatch
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


def search_matches(a, a_prime, b, b_prime, matches, level, parameters, iterations=None):
    """Improve both fields of a level.

    Parameters
    ----------
    a, a_prime, b, b_prime : float32 arrays, (height, width, channels)
        Features; those of A and A' are of one size, those of B and B' of one size.
    matches : Matches
        Where to start.
    level : int
    parameters : Parameters
    iterations : int, optional
        Those of `parameters` when absent; 0 only finds what the matches cost.

    Returns
    -------
    Matches
    """
    iterations = parameters.search_iterations if iterations is None else iterations
    seed = parameters.seed * _SEEDS_PER_RUN + level * _SEEDS_PER_LEVEL

    def search(source, target, nnf, bound, direction):
        return patchmatch(
            source,
            target,
            nnf,
            parameters.patch_side(level),
            parameters.search_radius(level, target.shape[:2]),
            iterations=iterations,
            seed=seed + direction,
            bound=bound,
        )

    if parameters.single_direction:
        # Eq. 3: like in appearance only, each direction with its own latent image.
        ab, cost_ab = search(normalize(a_prime), normalize(b_prime), matches.ab, 1.0, _FORWARD)
        ba, cost_ba = search(normalize(b), normalize(a), matches.ba, 1.0, _REVERSE)
    else:
        # Eq. 2: both terms at once, as one inner product of vectors side by side.
        side_a, side_b = side_by_side(a, a_prime), side_by_side(b, b_prime)
        ab, cost_ab = search(side_a, side_b, matches.ab, 2.0, _FORWARD)
        ba, cost_ba = search(side_b, side_a, matches.ba, 2.0, _REVERSE)
    return Matches(ab, ba, cost_ab, cost_ba)


def side_by_side(first, second):
    """Normalised channels of two maps of one size, in one map."""
    height, width, channels = first.shape
    out = target_of(first, second).empty((height, width, 2 * channels))
    normalize(first, out)
    return normalize(second, out, channel_offset=channels)
