"""Matches of the coarse levels from both images' features alone, by Hough matching.

Section 4.2 searches level 5 like any other level, from random matches and by patches. What looks
alike there need not lie alike: wheels are matched crosswise, backgrounds everywhere. Here levels 5
and 4 together say what looks alike, all matches are compared, and those displaced alike support
one another. The figures are in docs/evaluation-keypoints.md.
"""

from __future__ import annotations

import math

from analogy.search import Matches
from kernels.correlation import correlate
from kernels.hough import hough_matching
from kernels.interpolate import interpolate
from kernels.normalize import normalize
from kernels.target import target_of
from kernels.upsample import upsample_nnf

# Share of level 5 in the similarity; level 4 has the rest.
_SHARE = 0.65

_EXPONENT = 4.0

# Rounds of voting, first among wide surroundings: reach and slack as shares of the map's longer
# side.
_ROUNDS = ((1 / 4, 1 / 32), (1 / 8, 1 / 32))

# Longest side of a map of level 4 that is matched as it is; larger ones at level 5, as the work
# grows with the fifth power of the side.
_LONGEST_SIDE = 48


def coarse_matches(a, b_prime):
    """Match two images at levels 5 and 4.

    Parameters
    ----------
    a, b_prime : sequences of float32 arrays, (height, width, channels)
        Features by level.

    Returns
    -------
    dict, 5 and 4 -> Matches
        Without costs.
    """
    shapes = {level: (a[level].shape[:2], b_prime[level].shape[:2]) for level in (5, 4)}
    grid = 4 if max(max(shape) for shape in shapes[4]) <= _LONGEST_SIDE else 5
    shape_a, shape_b = shapes[grid]
    similarity = correlate(_descriptors(a, grid), _descriptors(b_prime, grid))
    side = max(*shape_a, *shape_b)
    rounds = [(reach * side, slack * side) for reach, slack in _ROUNDS]
    matches = Matches(*hough_matching(similarity, shape_a, shape_b, _EXPONENT, rounds))
    other = 9 - grid
    return {grid: matches, other: _at_scale(matches, *shapes[other], 2.0 ** (grid - other))}


def _descriptors(features, grid):
    """Unit vectors of levels 5 and 4 side by side, at the resolution of the level `grid`."""
    shape = features[grid].shape[:2]
    maps = [
        features[level]
        if level == grid
        else interpolate(features[level], shape, 2.0 ** (level - grid))
        for level in (5, 4)
    ]
    channels = [one.shape[2] for one in maps]
    out = target_of(*maps).empty((*shape, sum(channels)))
    normalize(maps[0], out, length=math.sqrt(_SHARE))
    return normalize(maps[1], out, channel_offset=channels[0], length=math.sqrt(1 - _SHARE))


def _at_scale(matches, shape_a, shape_b, scale):
    scales = (scale, scale)
    return Matches(
        upsample_nnf(matches.ab, shape_a, shape_b, scales, scales),
        upsample_nnf(matches.ba, shape_b, shape_a, scales, scales),
    )
