"""Nearest-neighbour field search between the features of four images (section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kernels.colour import COLOUR_CHANNELS, append_colour
from kernels.initialize import identity_nnf, random_nnf
from kernels.normalize import normalize
from kernels.patchmatch import patchmatch
from kernels.target import target_of

# Apart, so that no two searches of a run draw the same candidates.
_FORWARD, _REVERSE = 0, 1
_SEEDS_PER_LEVEL = 2
_SEEDS_PER_RUN = 16

# Colours are weighed as numbers in [0, 1] and given in the network's 0 to 255.
_COLOUR_RANGE = 255.0


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


def search_matches(a, a_prime, b, b_prime, matches, level, parameters, colours=None):
    """Improve both fields of a level.

    Parameters
    ----------
    a, a_prime, b, b_prime : float32 arrays, (height, width, channels)
        Features; those of A and A' are of one size, those of B and B' of one size.
    matches : Matches
        Where to start.
    level : int
    parameters : Parameters
    colours : pair of float32 arrays, (height, width, 3), optional
        A and B' themselves, as the network's first layer takes them, for a colour term in the
        cost (``Parameters.colour_weight``); none when absent.

    Returns
    -------
    Matches
    """
    spare = COLOUR_CHANNELS if colours else 0
    seed = parameters.seed * _SEEDS_PER_RUN + level * _SEEDS_PER_LEVEL

    def search(source, target, nnf, bound, direction):
        if colours:
            weight = parameters.colour_weight / _COLOUR_RANGE**2
            _append_colours(source, target, colours[direction], colours[1 - direction], weight)
        return patchmatch(
            source,
            target,
            nnf,
            parameters.patch_side(level),
            parameters.search_radius(level, target.shape[:2]),
            iterations=parameters.search_iterations,
            seed=seed + direction,
            bound=bound,
        )

    if parameters.single_direction:
        # Eq. 3: like in appearance only, each direction with its own latent image.
        sides = (side_by_side(features, spare=spare) for features in (a_prime, b_prime, b, a))
        ab, cost_ab = search(next(sides), next(sides), matches.ab, 1.0, _FORWARD)
        ba, cost_ba = search(next(sides), next(sides), matches.ba, 1.0, _REVERSE)
    else:
        # Eq. 2: both terms at once, as one inner product of vectors side by side.
        side_a, side_b = (side_by_side(*pair, spare=spare) for pair in ((a, a_prime), (b, b_prime)))
        ab, cost_ab = search(side_a, side_b, matches.ab, 2.0, _FORWARD)
        ba, cost_ba = search(side_b, side_a, matches.ba, 2.0, _REVERSE)
    return Matches(ab, ba, cost_ab, cost_ba)


def side_by_side(*maps, spare=0):
    """Normalised channels of maps of one size, in one map with room for `spare` more."""
    height, width, channels = maps[0].shape
    out = target_of(*maps).empty((height, width, len(maps) * channels + spare))
    for index, features in enumerate(maps):
        normalize(features, out, channel_offset=index * channels)
    return out


def _append_colours(source, target, source_image, target_image, weight):
    """Write the colour term over the last channels of both maps."""
    offset = source.shape[2] - COLOUR_CHANNELS
    append_colour(source_image, weight, True, source, offset)
    append_colour(target_image, weight, False, target, offset)
