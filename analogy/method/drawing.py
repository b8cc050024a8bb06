"""What points draw matches to: where each pixel ought to go, and how much that counts.

Where the pixels between and beyond points go is an affine map fitted to all points, the nearer to
a mere shift the less they tell, and what is left of each point, fading with distance. A pixel
follows by its nearness to the points and by how like to them it is. At the coarse levels it then
casts its votes around that place; where a level is searched it starts from there, if its patches
are not much worse, and straying costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from analogy.method.points import LevelPoints, held_field, pixels_of
from analogy.method.search import LevelSearch, Matches
from analogy_kernels.target import target_of

# All as shares of the longer side of a map. How far a point reaches: a standard deviation.
_REACH = 0.2

# How sure it is where a pixel goes: at a point, and how much less with distance from it.
_SLACK, _SLACK_BY_DISTANCE = 0.03, 0.25

# Deviation of points from their middle at which an affine map is believed in as much as a shift.
_SPREAD = 0.04

# Distance within which a point has what is left of it to itself.
_CLOSEST = 0.001

# Of a pixel that is like no point, how much it follows one.
_UNLIKE = 0.5

# What straying costs at most, as a share of what all of a patch's likeness is worth, and the share
# of the longer side from which on it does.
_COST, _COST_REACH = 0.15, 0.1

# Weight under which a pixel is free.
_LEAST_WEIGHT = 0.2

# An anchor so far away costs the same for every match. Squares of such distances are int32.
_NOWHERE = -(2**14)


class Anchors(NamedTuple):
    """What a search draws matches to, see :func:`analogy_kernels.patchmatch`.

    Attributes
    ----------
    ab, ba : int32 arrays, (height, width, 2)
        Far outside the other map where matches are free.
    cost : float
    reaches : (float, float)
        Of either direction, in pixels of the other map.
    """

    ab: Any
    ba: Any
    cost: float
    reaches: tuple[float, float]

    def drawn(self) -> list[np.ndarray]:
        """Which matches of either direction are not free: bool arrays, (height, width)."""
        on = target_of(self.ab)
        return [on.to_host(field)[..., 0] != _NOWHERE for field in (self.ab, self.ba)]


@dataclass(frozen=True)
class Pull:
    """Where the pixels of a map are drawn to.

    Attributes
    ----------
    places : float64 array, (height, width, 2)
        Positions (y, x) in the other map, which may lie outside.
    weights : float32 array, (height, width)
        In [0, 1].
    slack : float64 array, (height, width)
        Standard deviation of the places, in pixels of the other map.
    """

    places: np.ndarray
    weights: np.ndarray
    slack: np.ndarray


def pull_of(features: np.ndarray, ours: np.ndarray, theirs: np.ndarray, other_shape) -> Pull:
    """Find where points draw the pixels of a map to.

    Parameters
    ----------
    features : float32 array, (height, width, channels)
        Of the map, on the host.
    ours, theirs : float64 arrays, (count, 2)
        Positions (y, x) of the points in the map and in the other one.
    other_shape : (int, int)

    Returns
    -------
    Pull
    """
    shape = features.shape[:2]
    grid = np.moveaxis(np.mgrid[: shape[0], : shape[1]].astype(np.float64), 0, -1)
    affine = _affine(ours, theirs, max(shape))
    left = theirs - affine(ours)
    weights, nearest = np.zeros(shape), np.full(shape, np.inf)
    total, corrections = np.zeros(shape), np.zeros((*shape, 2))
    # Point by point: maps of all of many points would not fit into memory.
    for point, rest, pixel in zip(ours, left, _clipped(pixels_of(ours), shape), strict=True):
        distance = np.linalg.norm(grid - point, axis=-1) / max(shape)
        near = np.exp(-0.5 * np.square(distance / _REACH))
        alike = _likeness(features, pixel)
        weights = np.maximum(weights, near * (_UNLIKE + (1 - _UNLIKE) * alike))
        nearest = np.minimum(nearest, distance)
        closeness = 1 / (np.square(distance) + _CLOSEST**2)
        total += closeness
        corrections += closeness[..., None] * rest
    slack = (_SLACK + _SLACK_BY_DISTANCE * nearest) * max(other_shape)
    places = affine(grid) + corrections / total[..., None]
    return Pull(places, weights.astype(np.float32), slack)


def _clipped(places, shape):
    return np.clip(places, 0, np.subtract(shape, 1))


def _likeness(features, pixel):
    """Cosine of every pixel's features with those of one, above that of the average pixel."""
    norms = np.maximum(np.linalg.norm(features, axis=-1), 1e-12)
    y, x = pixel
    cosines = features @ features[y, x] / (norms * norms[y, x])
    average = min(float(cosines.mean()), 0.99)
    return np.clip((cosines - average) / (1 - average), 0, 1)


def _affine(ours, theirs, side):
    """Affine map of positions that is fitted to all points."""
    middle, other_middle = ours.mean(axis=0), theirs.mean(axis=0)
    own, other = ours - middle, theirs - other_middle
    # Ridge regression towards a shift: no points are too few, or too much in a line.
    ridge = (_SPREAD * side) ** 2 * np.eye(2)
    count = len(ours)
    linear = np.linalg.solve(own.T @ own / count + ridge, own.T @ other / count + ridge)
    return lambda positions: (positions - middle) @ linear + other_middle


def drawn_similarity(similarity, features, points: LevelPoints):
    """Let pixels that points draw count others than those around their places for less.

    Parameters
    ----------
    similarity : float32 array, (height * width, other height * other width)
    features : pair of float32 arrays, (height, width, channels)
        Of A and of B'.
    points : LevelPoints
        At the resolution of these.

    Returns
    -------
    float32 array, of the shape of `similarity`
    """
    on = target_of(similarity)
    a, b_prime = (on.to_host(one) for one in features)
    shape_a, shape_b = a.shape[:2], b_prime.shape[:2]
    forward = _shares(pull_of(a, points.a, points.b_prime, shape_b), shape_b)
    reverse = _shares(pull_of(b_prime, points.b_prime, points.a, shape_a), shape_a)
    return on.asarray(on.to_host(similarity) * forward * reverse.T)


def _shares(pull, other_shape):
    """What each match of a pixel keeps of its similarity, by pixels of both maps."""
    count = pull.weights.size
    places, slack = pull.places.reshape(count, 2), pull.slack.reshape(count, 1)
    rows, columns = (
        np.exp(-0.5 * np.square((np.arange(extent) - places[:, axis, None]) / slack))
        for axis, extent in enumerate(other_shape)
    )
    close = (rows[:, :, None] * columns[:, None]).reshape(count, -1)
    weights = pull.weights.reshape(count, 1)
    return (1 - weights * (1 - close)).astype(np.float32)


def draw(search: LevelSearch, matches: Matches, points: LevelPoints) -> tuple[Matches, Anchors]:
    """Lead a level's matches by points before it is searched.

    Parameters
    ----------
    search : LevelSearch
        Of the level.
    matches : Matches
    points : LevelPoints

    Returns
    -------
    matches : Matches
        Those of pixels that had rather follow the points are where the points lead.
    anchors : Anchors
        For these pixels.
    """
    on, features = target_of(matches.ab), search.features
    shapes = features.a.shape[:2], features.b_prime.shape[:2]
    pulls = (
        pull_of(on.to_host(features.a), points.a, points.b_prime, shapes[1]),
        pull_of(on.to_host(features.b_prime), points.b_prime, points.a, shapes[0]),
    )
    others = shapes[::-1]
    places = [
        _clipped(np.rint(pull.places), other).astype(np.int32)
        for pull, other in zip(pulls, others, strict=True)
    ]
    offer = Matches(on.asarray(places[0]), on.asarray(places[1]))
    present, offered = search.evaluate(matches), search.evaluate(offer)
    cost = _COST * (1.0 if search.parameters.single_direction else 2.0)
    reaches = _cost_reach(shapes[1]), _cost_reach(shapes[0])
    offers = [
        (on.to_host(nnf), on.to_host(nnf_cost))
        for nnf, nnf_cost in ((offered.ab, offered.cost_ab), (offered.ba, offered.cost_ba))
    ]
    fields = [
        (on.to_host(nnf), on.to_host(nnf_cost))
        for nnf, nnf_cost in ((present.ab, present.cost_ab), (present.ba, present.cost_ba))
    ]
    led = [
        _led(pull, place, field, offer, cost, reach)
        for pull, place, field, offer, reach in zip(
            pulls, places, fields, offers, reaches, strict=True
        )
    ]
    (ab, anchors_ab), (ba, anchors_ba) = ([on.asarray(one) for one in pair] for pair in led)
    return Matches(ab, ba), Anchors(anchors_ab, anchors_ba, cost, reaches)


def _cost_reach(other_shape):
    return max(_COST_REACH * max(other_shape), 1.0)


def _led(pull, places, field, offered, cost, reach):
    """A field that takes up places where they cost less by the points, and its anchors."""
    (nnf, nnf_cost), (offer, offer_cost) = field, offered
    strayed = np.square((nnf - places) / reach).sum(axis=-1)
    takes = offer_cost < nnf_cost + pull.weights * cost * np.minimum(strayed, 1)
    is_led = (pull.weights >= _LEAST_WEIGHT) & (takes | (strayed < 1))
    led = np.where((takes & is_led)[..., None], offer, nnf).astype(np.int32)
    return led, np.where(is_led[..., None], places, np.int32(_NOWHERE)).astype(np.int32)


def hold(matches: Matches, points: LevelPoints) -> Matches:
    """Matches, those of the points' pixels as the points say; without costs."""
    on = target_of(matches.ab)
    ab, ba = on.to_host(matches.ab), on.to_host(matches.ba)
    return Matches(
        on.asarray(held_field(ab, points.a, points.b_prime, ba.shape[:2])),
        on.asarray(held_field(ba, points.b_prime, points.a, ab.shape[:2])),
    )


def hold_fractions(fields: tuple[Any, Any], points: LevelPoints) -> list[Any]:
    """Fields of positions with fractions, those of the points' pixels as the points say.

    Parameters
    ----------
    fields : pair of float32 arrays, (height, width, 2)
        From A to B' and the reverse, positions (y, x) in the other image.
    points : LevelPoints
        At the size of the images.
    """
    on = target_of(*fields)
    ends = (points.a, points.b_prime), (points.b_prime, points.a)
    held = []
    for field, (ours, theirs) in zip(fields, ends, strict=True):
        field = on.to_host(field).copy()
        field[tuple(pixels_of(ours).T)] = theirs
        held.append(on.asarray(field))
    return held
