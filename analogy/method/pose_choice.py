"""Which poses of B' suit A: copies of B' are held against A by the votes of levels 5 and 4.

A copy in which things lie as they do in A has matches of like displacement all over them, and gets
votes for that (:func:`analogy_kernels.hough_votes`); in another pose what looks alike lies
crosswise. All copies are compared at a small size and compete for A's votes. B' as it is is
preferred unless a copy is clearly better. The figures are in docs/evaluation-keypoints.md.
"""

from __future__ import annotations

import logging
import math

import numpy as np

from analogy.images import MINIMUM_SIDE, resize
from analogy.method.coarse import descriptors_of
from analogy.method.poses import UPRIGHT, Pose, copy_of
from analogy.network.features import FeatureExtractor
from analogy.parameters import Parameters
from analogy_kernels.matching.correlation import correlate
from analogy_kernels.matching.hough import hough_votes
from analogy_kernels.target import target_of

_log = logging.getLogger(__name__)

# Side, in pixels, of a square of the area at which A and B' are compared.
_SIDE = 128

# Shortest side of images that are compared, in pixels: five positions of level 5.
_LEAST_SIDE = 80

# Level whose resolution the comparison has.
_LEVEL = 4

# Degrees between turns that are tried, of mirrored copies, and beside the best of them. A mirrored
# copy that is turned by 45 degrees as well has never been the best one, and half of it is empty:
# those four took a third of the time.
_TURN, _MIRRORED_TURN, _FINE_TURN = 45, 90, 15

# Sizes that are tried where B' as it is is preferred, and all of them. Much larger copies get votes
# for their number of pixels: rocks are like rocks of half their size.
_SCALES, _ALL_SCALES = (0.7, 1.4), (0.5, 0.7, 1.4, 2.0)

# Of the votes; reach and slack as shares of A's longer side.
_EXPONENT, _REACH, _SLACK = 10.0, 1 / 4, 1 / 32

# Share of A's pixels by whose votes a copy is judged, the best of its: the rest is background.
_SHARE = 1 / 3

# By how much, as a logarithm, the votes of a copy have to be more than those of B' as it is. Left
# and right are told apart by little: most things are as good as symmetric to the network. Few
# things are seen upside down, so a turn has to be the better the further it goes.
_MIRRORED, _SCALED, _TURNED, _HALF_TURNED = 0.6, 0.35, 0.1, 0.25

# The same of a further copy against the best one, in a part of A, and how large that has to be.
_FURTHER, _LEAST_PART = 0.7, 0.12

# Standard deviation of the surroundings by which parts of A choose, as a share of its longer side.
_SURROUNDINGS = 1 / 16

MOST_COPIES = 4


def choose_poses(
    a: np.ndarray, b_prime: np.ndarray, extractor: FeatureExtractor, parameters: Parameters
) -> tuple[Pose, ...]:
    """Choose the poses in which B' is matched with A.

    Images of which a side has less than 80 pixels are matched as they are.

    Parameters
    ----------
    a, b_prime : uint8 arrays, (height, width, 3)
    extractor : FeatureExtractor
    parameters : Parameters
        ``pose`` says whether B' as it is is preferred.

    Returns
    -------
    tuple of Pose
        From one to four, the one that suits A best first.
    """
    if min(*a.shape[:2], *b_prime.shape[:2]) < _LEAST_SIDE:
        _log.info("under %d px a side nothing tells poses apart", _LEAST_SIDE)
        return (UPRIGHT,)
    small_a, small_b_prime = _small(a), _small(b_prime)
    vectors = descriptors_of(extractor(small_a), _LEVEL)
    preference = 1.0 if parameters.pose == "auto" else 0.0

    def votes_for(poses):
        return _votes(vectors, small_b_prime, poses, extractor)

    scales = _SCALES if preference else _ALL_SCALES
    tried = _with_room(_first_poses(scales), small_b_prime.shape[:2])
    votes = votes_for(tried)
    best = _best(votes, preference)
    further = _further(votes, best, preference)
    if best != UPRIGHT or not preference:
        fine = _with_room([UPRIGHT, best, *_beside(best, scales)], small_b_prime.shape[:2])
        best = _best(votes_for(fine), preference)
    chosen = (best, *further)
    _log.info("poses of B': %s", "; ".join(map(str, chosen)))
    return chosen


def _small(image):
    share = min(_SIDE / math.sqrt(math.prod(image.shape[:2])), 1.0)
    share = max(share, min(MINIMUM_SIDE / min(image.shape[:2]), 1.0))
    return resize(image, tuple(round(side * share) for side in image.shape[:2]))


def _first_poses(scales):
    turned = [Pose(turn=turn) for turn in range(0, 360, _TURN)]
    mirrored = [Pose(True, turn) for turn in range(0, 360, _MIRRORED_TURN)]
    return [*turned, *mirrored, *(Pose(scale=scale) for scale in scales)]


def _beside(pose, scales):
    """Poses a little different from one."""
    turns = [(pose.turn + step) % 360 for step in (-_FINE_TURN, _FINE_TURN)]
    return [
        *(Pose(pose.is_mirrored, turn, pose.scale) for turn in turns),
        *(Pose(pose.is_mirrored, pose.turn, scale) for scale in scales if pose.scale == 1),
    ]


def _with_room(poses, shape):
    """Those of the poses whose copies are large enough to be matched."""
    found = []
    for pose in dict.fromkeys(poses):
        if pose == UPRIGHT or min(pose.shape(shape)) >= MINIMUM_SIDE:
            found.append(pose)
        else:
            _log.info("left out: B' %s has no side of %d px", pose, MINIMUM_SIDE)
    return found


def _votes(vectors, b_prime, poses, extractor):
    """Votes for the best match of each pixel of A in each copy, by pose."""
    on, copies = target_of(vectors), [copy_of(b_prime, pose) for pose in poses]
    maps = [_seen(copy, extractor) for copy in copies]
    height, width = np.max([one.shape[:2] for one in maps], axis=0)
    sheets = np.zeros((len(maps), height, width, vectors.shape[2]), np.float32)
    for sheet, one in zip(sheets, maps, strict=True):
        sheet[: one.shape[0], : one.shape[1]] = one
    similarity = correlate(vectors, on.asarray(sheets.reshape(-1, width, vectors.shape[2])))
    shape, side = vectors.shape[:2], max(vectors.shape[:2])
    votes = hough_votes(
        similarity,
        shape,
        (height, width),
        _EXPONENT,
        _REACH * side,
        _SLACK * side,
        sheets=len(poses),
    )
    most = on.to_host(votes).reshape(-1, len(poses), height * width).max(axis=2)
    return {pose: most[:, index].reshape(shape) for index, pose in enumerate(poses)}


def _seen(copy, extractor):
    """Vectors of a copy on the host, zero where it shows nothing of the image."""
    vectors = descriptors_of(extractor(copy.image), _LEVEL)
    vectors = target_of(vectors).to_host(vectors)
    shown = resize(copy.is_inside.astype(np.uint8) * 255, vectors.shape[:2]) >= 128
    return vectors * shown[..., None].astype(np.float32)


def _best(votes, preference):
    return max(votes, key=lambda pose: _score(votes[pose]) - preference * _reluctance(pose))


def _score(votes):
    ordered = np.sort(votes, axis=None)
    return math.log(max(float(ordered[-max(round(ordered.size * _SHARE), 1) :].mean()), 1e-12))


def _reluctance(pose):
    half_turns = min(pose.turn, 360 - pose.turn) / 180
    turned = _TURNED + _HALF_TURNED * half_turns if half_turns else 0.0
    return _MIRRORED * pose.is_mirrored + _SCALED * (pose.scale != 1) + turned


def _further(votes, best, preference):
    """Poses that suit a part of A clearly better than the best, from the largest part on."""
    from scipy.ndimage import gaussian_filter

    side = max(votes[best].shape) * _SURROUNDINGS
    logarithms = {
        pose: np.log(np.maximum(gaussian_filter(found, side), 1e-12))
        - preference * _reluctance(pose)
        for pose, found in votes.items()
        if pose == best or _is_apart(pose, best)
    }
    poses = list(logarithms)
    bounds = [logarithms[pose] - (0 if pose == best else _FURTHER) for pose in poses]
    parts = np.bincount(np.argmax(bounds, axis=0).ravel(), minlength=len(poses))
    shares = dict(zip(poses, parts / votes[best].size, strict=True))
    shares.pop(best)
    return [
        pose
        for pose in sorted(shares, key=lambda pose: -shares[pose])
        if shares[pose] >= _LEAST_PART
    ][: MOST_COPIES - 1]


def _is_apart(pose, other):
    """Whether poses differ by more than what the search makes up for."""
    return pose.is_mirrored != other.is_mirrored or pose.turn != other.turn
