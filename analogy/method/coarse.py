"""Matches of the coarse levels from both images' features alone, by Hough matching.

Section 4.2 searches level 5 like any other level, from random matches and by patches. What looks
alike there need not lie alike: wheels are matched crosswise, backgrounds everywhere. Here levels 5
and 4 together say what looks alike, all matches are compared, and those displaced alike support
one another. The figures are in docs/evaluation-keypoints.md.
"""

from __future__ import annotations

import math

import numpy as np

from analogy.method.drawing import drawn_similarity
from analogy.method.masks import MatchingMasks
from analogy.method.points import MatchingPoints
from analogy.method.search import Matches
from analogy_kernels.imaging.interpolate import interpolate
from analogy_kernels.matching.correlation import correlate
from analogy_kernels.matching.hough import hough_matching
from analogy_kernels.matching.normalize import normalize
from analogy_kernels.matching.upsample import upsample_nnf
from analogy_kernels.target import target_of

# Share of level 5 in the similarity; level 4 has the rest.
_SHARE = 0.65

_EXPONENT = 4.0

# Rounds of voting, first among wide surroundings: reach and slack as shares of the map's longer
# side.
_ROUNDS = ((1 / 4, 1 / 32), (1 / 8, 1 / 32))

# Longest side of the maps compared; where those of level 4 are larger, they are halved until they
# are not. The tables take the fourth power of the side in memory, and time grows faster still.
_LONGEST_SIDE = 48


def coarse_matches(
    a,
    b_prime,
    points: MatchingPoints | None = None,
    masks: MatchingMasks | None = None,
    sheets: int = 1,
):
    """Match two images at levels 5 and 4.

    Parameters
    ----------
    a, b_prime : sequences of float32 arrays, (height, width, channels)
        Features by level.
    points : MatchingPoints, optional
        Which matches are drawn to.
    masks : MatchingMasks, optional
        Pixels of B' without a label there are matched with none of A.
    sheets : int
        Copies of B' of which its maps are made, one below another.

    Returns
    -------
    dict, 5 and 4 -> Matches
        Without costs.
    """
    grid = 4
    while max(*_shape(a, grid), *_sheet(b_prime, grid, sheets)) > _LONGEST_SIDE:
        grid += 1
    shapes = _shape(a, grid), _sheet(b_prime, grid, sheets)
    descriptors = descriptors_of(a, grid), descriptors_of(b_prime, grid)
    if masks is not None and masks.has_labels:
        at = masks.at(grid, a[1].shape[:2], b_prime[1].shape[:2], target_of(*descriptors))
        descriptors = descriptors[0], _emptied(descriptors[1], at.b_prime)
    similarity = correlate(*descriptors)
    if points is not None:
        at = points.at(grid, a[1].shape[:2], b_prime[1].shape[:2])
        similarity = drawn_similarity(similarity, descriptors, at)
    side = max(*shapes[0], *shapes[1])
    rounds = [(reach * side, slack * side) for reach, slack in _ROUNDS]
    ab, ba = hough_matching(similarity, *shapes, _EXPONENT, rounds, sheets=sheets)
    return {
        level: Matches(
            _at_level(ab, grid, level, a, b_prime), _at_level(ba, grid, level, b_prime, a)
        )
        for level in (5, 4)
    }


def descriptors_of(features, grid):
    """Unit vectors of levels 5 and 4 side by side, at the resolution of a level.

    Parameters
    ----------
    features : sequence of float32 arrays, (height, width, channels)
        Features by level.
    grid : int
        That of level 4, 5, or one that would follow.

    Returns
    -------
    float32 array, (height, width, 1024)
    """
    shape = _shape(features, grid)
    maps = [interpolate(features[level], shape, 2.0 ** (level - grid)) for level in (5, 4)]
    channels = [one.shape[2] for one in maps]
    out = target_of(*maps).empty((*shape, sum(channels)))
    normalize(maps[0], out, length=math.sqrt(_SHARE))
    return normalize(maps[1], out, channel_offset=channels[0], length=math.sqrt(1 - _SHARE))


def _shape(features, grid):
    """Height and width at the resolution of level 4, 5, or one that would follow."""
    return tuple(-(-size // 2 ** (grid - 4)) for size in features[4].shape[:2])


def _sheet(features, grid, sheets):
    """The same of one of the copies that features are of, one below another."""
    height, width = _shape(features, grid)
    return height // sheets, width


def _emptied(descriptors, label_map):
    """Vectors of B', zero where it has no label: they are like nothing."""
    on = target_of(descriptors)
    is_labelled = (on.to_host(label_map.labels) != 0)[..., None]
    return on.asarray(on.to_host(descriptors) * is_labelled.astype(np.float32))


def _at_level(nnf, grid, level, features, other_features):
    """Matches of one resolution at that of a level."""
    scale = (2.0 ** (grid - level),) * 2
    shape, other_shape = (maps[level].shape[:2] for maps in (features, other_features))
    return upsample_nnf(nnf, shape, other_shape, scale, scale)
