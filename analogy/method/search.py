"""Nearest-neighbour field search between the features of four images (section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from analogy.parameters import LEVELS
from analogy_kernels.matching.colour import COLOUR_CHANNELS, append_colour
from analogy_kernels.matching.initialize import identity_nnf, random_nnf
from analogy_kernels.matching.labels import legal_nnf
from analogy_kernels.matching.normalize import normalize
from analogy_kernels.matching.patchmatch import patchmatch, patchmatch_both_ways
from analogy_kernels.matching.restrain import restrain
from analogy_kernels.target import target_of

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


class LevelFeatures(NamedTuple):
    """Features of the four images at one level: float32 arrays, (height, width, channels).

    Those of A and A' are of one size, those of B and B' of one size.
    """

    a: Any
    a_prime: Any
    b: Any
    b_prime: Any


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


def search_matches(
    features,
    matches,
    level,
    parameters,
    *,
    iterations=None,
    reach=None,
    colours=None,
    masks=None,
    anchors=None,
):
    """Improve both fields of a level.

    Parameters
    ----------
    features : LevelFeatures
    matches : Matches
        Where to start.
    level : int
    parameters : Parameters
    iterations : int, optional
        Those of `parameters` when absent.
    reach : int, optional
        Matches that the search led further than so many pixels away from where they started, along
        either axis, are taken back.
    colours : pair of float32 arrays, (height, width, 3), optional
        A and B' themselves, as the network's first layer takes them, for a colour term in the
        cost (``Parameters.colour_weight``); none when absent.
    masks : LevelMasks, optional
        Where they have labels, no match is against them, whatever the start.
    anchors : analogy.method.drawing.Anchors, optional
        What matches are drawn to. Nothing is exchanged between the directions then.

    Returns
    -------
    Matches
    """
    search = LevelSearch(features, level, parameters, colours=colours, masks=masks)
    return search.improve(matches, iterations=iterations, reach=reach, anchors=anchors)


def evaluate_matches(features, matches, level, parameters, *, colours=None, masks=None):
    """Find what matches of a level cost, and leave them as they are.

    Parameters
    ----------
    features, matches, level, parameters, colours, masks
        As for :func:`search_matches`; only matches that are against labels are replaced.

    Returns
    -------
    Matches
    """
    search = LevelSearch(features, level, parameters, colours=colours, masks=masks)
    return search.evaluate(matches)


class LevelSearch:
    """The search of one level, whose maps are normalised once however often it is asked.

    Parameters
    ----------
    features, level, parameters, colours, masks
        As for :func:`search_matches`.
    """

    def __init__(self, features, level, parameters, *, colours=None, masks=None):
        self.features, self.parameters = features, parameters
        self._level, self._colours, self._masks = level, colours, masks
        self._maps = _maps(features, parameters, COLOUR_CHANNELS if colours else 0)

    def improve(self, matches, *, iterations=None, reach=None, anchors=None):
        """Better matches and their costs; as :func:`search_matches`."""
        start, labels = self._legal(matches)
        count = self.parameters.iterations(self._level) if iterations is None else iterations
        found = self._search(start, count, labels, anchors)
        return found if reach is None else self._search(_held(found, start, reach), 0, labels)

    def evaluate(self, matches):
        """The same matches and their costs; as :func:`evaluate_matches`."""
        legal, labels = self._legal(matches)
        return self._search(legal, 0, labels)

    def _legal(self, matches):
        return _legal(matches, self._masks, _seed(self._level, self.parameters))

    def _search(self, matches, iterations, labels, anchors=None):
        parameters, colours = self.parameters, self._colours
        # The directions of eq. 3 compare different maps, and so do those of a colour term, whose
        # maps are written anew for each: there is nothing to exchange. Nor would anchors allow it.
        is_apart = parameters.single_direction or colours or anchors
        together = parameters.exchange_matches and not is_apart
        evenness = parameters.evenness[LEVELS.index(self._level)]
        apart = partial(_search_apart, evenness=evenness, anchors=anchors)
        find = _search_together if together else apart
        others = self.features.b_prime, self.features.a
        seed = _seed(self._level, parameters)
        (ab, cost_ab), (ba, cost_ba) = find(
            _with_colours(self._maps, colours, parameters.colour_weight),
            (matches.ab, matches.ba),
            parameters.patch_side(self._level),
            [parameters.search_radius(self._level, other.shape[:2]) for other in others],
            seeds=(seed + _FORWARD, seed + _REVERSE),
            iterations=iterations,
            turns=parameters.turns(self._level),
            bound=1.0 if parameters.single_direction else 2.0,
            labels=labels,
        )
        return Matches(ab, ba, cost_ab, cost_ba)


def _seed(level, parameters):
    return parameters.seed * _SEEDS_PER_RUN + level * _SEEDS_PER_LEVEL


def _maps(features, parameters, spare):
    """Source and target of each direction, with room for `spare` channels more."""
    a, a_prime, b, b_prime = features
    if parameters.single_direction:
        # Eq. 3: like in appearance only, each direction with its own latent image.
        return tuple(
            tuple(side_by_side(features, spare=spare) for features in pair)
            for pair in ((a_prime, b_prime), (b, a))
        )
    # Eq. 2: both terms at once, as one inner product of vectors side by side.
    ours, theirs = (side_by_side(*pair, spare=spare) for pair in ((a, a_prime), (b, b_prime)))
    return (ours, theirs), (theirs, ours)


def _held(found, start, reach):
    return Matches(restrain(found.ab, start.ab, reach), restrain(found.ba, start.ba, reach))


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
    a, b_prime = next(pairs)
    return patchmatch_both_ways(a, b_prime, patch_side, starts=nnfs, radii=radii, **options)


def _search_apart(pairs, nnfs, patch_side, radii, *, seeds, labels, anchors, **options):
    both, drawn = (labels, labels and labels[::-1]), _drawn(anchors)
    return [
        patchmatch(
            source,
            other,
            patch_side,
            start=nnf,
            radius=radius,
            seed=seed,
            labels=own,
            **to,
            **options,
        )
        for (source, other), nnf, radius, seed, own, to in zip(
            pairs, nnfs, radii, seeds, both, drawn, strict=True
        )
    ]


def _drawn(anchors):
    """Options of either direction's search that say what it is drawn to."""
    if anchors is None:
        return {}, {}
    fields, reaches = (anchors.ab, anchors.ba), anchors.reaches
    return [
        {"anchors": field, "anchor_cost": anchors.cost, "anchor_reach": reach}
        for field, reach in zip(fields, reaches, strict=True)
    ]


def _with_colours(pairs, colours, weight):
    """Maps of each direction, when it is their turn, with the colour term in the last channels."""
    for (source, target), images in zip(pairs, (colours, colours and colours[::-1]), strict=True):
        if colours:
            offset = source.shape[2] - COLOUR_CHANNELS
            scale = weight / _COLOUR_RANGE**2
            append_colour(images[0], scale, True, source, offset)
            append_colour(images[1], scale, False, target, offset)
        yield source, target


def side_by_side(*maps, spare=0):
    """Normalised channels of maps of one size, in one map with room for `spare` more."""
    height, width, channels = maps[0].shape
    out = target_of(*maps).empty((height, width, len(maps) * channels + spare))
    for index, features in enumerate(maps):
        normalize(features, out, channel_offset=index * channels)
    return out
