"""Matches of a frame, taken over to the next one, and searched from there.

A film's frames are matched one after another, and nearly all of a frame was in the one before.
Where the motion is reliable a pixel keeps what it was matched with. That makes the coarse levels
and the deconvolutions unnecessary: they are there to say where at a finer level to start.

Matches are whole pixels and motions are not. What is lost by rounding would add up from frame to
frame: things that move by a third of a pixel would never move in the look. So positions are carried
with their fractions, and rounded for the search alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import distance_transform_edt

from analogy.method.masks import MatchingMasks
from analogy.method.reconstruction import blend_with_content
from analogy.method.search import LevelFeatures, Matches, evaluate_matches, search_matches
from analogy.video.motion import grid
from analogy_kernels.imaging.vote import vote
from analogy_kernels.matching.upsample import upsample_nnf
from analogy_kernels.target import target_of


@dataclass(frozen=True)
class Fields:
    """Matches of one level with the fractions that they were carried over with, on the host.

    Attributes
    ----------
    ab, ba : float32 arrays, (height, width, 2)
        Positions (y, x) in the other image's map.
    cost : float
        Mean of A's matches.
    """

    ab: np.ndarray
    ba: np.ndarray
    cost: float


def fields_of(matches):
    """Matches just found, which have no fractions.

    Parameters
    ----------
    matches : Matches

    Returns
    -------
    Fields
    """
    to_host = target_of(matches.ab).to_host
    ab, ba = (to_host(nnf).astype(np.float32) for nnf in (matches.ab, matches.ba))
    return Fields(ab, ba, float(to_host(matches.cost_ab).mean()))


def follow(fields, motion, features, style_features, parameters, video, masks=None):
    """Match a frame, starting from the matches of the one before.

    Parameters
    ----------
    fields : dict, level -> Fields
        Fields of the frame before.
    motion : pair of Motion
        As :func:`analogy.video.motion.motion_between` gives it.
    features, style_features : sequences of float32 arrays, (height, width, channels)
        Features of the frame and of the style, by level.
    parameters : Parameters
    video : VideoParameters
    masks : MatchingMasks, optional

    Returns
    -------
    dict, level -> Fields
        From the level where the search starts, or the finest if that is coarser, to the finest.
    """
    finest, masks = parameters.finest_level, masks or MatchingMasks(None)
    found = {}
    for level in range(max(video.coarsest_level, finest), finest - 1, -1):
        maps = features[level], style_features[level]
        backward, forward = (one.at_level(level, maps[0].shape[:2]) for one in motion)
        carried = _carried(fields[level], backward, forward, [one.shape[:2] for one in maps])
        coarser = found.get(level + 1)
        carried = _completed(carried, coarser, backward.reliable, features, style_features, level)
        sizes = features[1].shape[:2], style_features[1].shape[:2]
        labels = masks.at(level, sizes[0], sizes[1], target_of(*maps))
        by = level, parameters, video, labels
        found[level] = _searched(carried, backward.reliable, maps, *by)
    return found


def _carried(fields, backward, forward, shapes):
    """Positions moved along: where a pixel came from is matched, or where what it matches went."""
    came_from = nearest(backward.field, shapes[0])
    ab = fields.ab[came_from[..., 0], came_from[..., 1]] + (backward.field - came_from)
    matched = nearest(fields.ba, shapes[0])
    ba = forward.field[matched[..., 0], matched[..., 1]] + (fields.ba - matched)
    return replace(fields, ab=ab, ba=ba)


def nearest(field, shape):
    """Whole positions inside a map of `shape` next to those of a field: int32."""
    return np.clip(np.rint(field), 0, np.subtract(shape, 1)).astype(np.int32)


def _completed(carried, coarser, reliable, features, style_features, level):
    """What came into sight takes its matches from the coarser level, or else from beside it."""
    if coarser is None:
        return replace(carried, ab=_filled(carried.ab, reliable))
    shapes = [
        [maps[at].shape[:2] for maps in (features, style_features)] for at in (level, level + 1)
    ]
    upsampled = upsample_nnf(nearest(coarser.ab, shapes[1][1]), *shapes[0])
    return replace(carried, ab=np.where(reliable[..., None], carried.ab, upsampled))


def _filled(field, reliable):
    if reliable.all() or not reliable.any():
        return field
    beside = distance_transform_edt(~reliable, return_distances=False, return_indices=True)
    positions = grid(reliable.shape)
    return positions + (field - positions)[tuple(beside)]


def _searched(carried, reliable, maps, level, parameters, video, masks):
    """Search a level, and leave alone what has nothing to gain."""
    frame, style = maps
    on, side = target_of(frame, style), parameters.patch_side(level)
    start = Matches(
        on.asarray(nearest(carried.ab, style.shape[:2])),
        on.asarray(nearest(carried.ba, frame.shape[:2])),
    )
    a_prime, b = vote(style, start.ab, side), vote(frame, start.ba, side)
    if level < 5:
        a_prime = blend_with_content(frame, a_prime, level, parameters)
        b = blend_with_content(style, b, level, parameters)
    level_features = LevelFeatures(frame, a_prime, b, style)
    rounded, start = start, evaluate_matches(level_features, start, level, parameters, masks=masks)
    found = search_matches(
        level_features,
        start,
        level,
        parameters,
        iterations=video.search_iterations,
        masks=masks,
    )
    carried = _legal(carried, rounded, start, on)
    start, found = (_on_host(matches, on) for matches in (start, found))
    least_gains = np.where(reliable, np.float32(video.least_gain), np.float32(0))
    ab, cost = _better(carried.ab, start.ab, found.ab, start.cost_ab, found.cost_ab, least_gains)
    ba, _ = _better(carried.ba, start.ba, found.ba, start.cost_ba, found.cost_ba, video.least_gain)
    return Fields(ab, ba, float(cost.mean()))


def _legal(carried, rounded, start, on):
    """Positions carried, but for those that labels have had replaced."""
    fields = []
    for name in ("ab", "ba"):
        before, after = (on.to_host(getattr(one, name)) for one in (rounded, start))
        is_replaced = (before != after).any(axis=-1, keepdims=True)
        fields.append(np.where(is_replaced, after, getattr(carried, name)).astype(np.float32))
    return replace(carried, ab=fields[0], ba=fields[1])


def _on_host(matches, on):
    return Matches(*map(on.to_host, (matches.ab, matches.ba, matches.cost_ab, matches.cost_ba)))


def _better(carried, start, found, start_cost, found_cost, least_gain):
    """Positions found where they gain enough, elsewhere those carried; and what they cost."""
    moves = (found != start).any(axis=-1) & (found_cost < start_cost - least_gain)
    positions = np.where(moves[..., None], found, carried).astype(np.float32)
    return positions, np.where(moves, found_cost, start_cost)
