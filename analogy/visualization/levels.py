"""What every level found, kept while a transfer runs and made into pictures afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analogy.images import resize
from analogy.method.confidence import confidence
from analogy.method.flow import displacements
from analogy.method.full_size import vote_at_full_size
from analogy.visualization.colours import confidence_colours, flow_colours
from analogy_kernels.matching.consistency import round_trip
from analogy_kernels.matching.upsample import upsample_nnf
from analogy_kernels.target import target_of

# Of the displacements at level 1, in per cent, that the flow's colours tell apart by length. The
# longest are mostly strays, and a wheel as wide as those would leave everything else pale.
_SHOWN_LENGTHS = 95


class LevelTrace:
    """Keeps the fields of every level in host memory; `on_level` of :func:`analogy.transfer`.

    Attributes
    ----------
    fields : dict, level -> (int32 array, int32 array)
        Positions (y, x) of A in B' and of B' in A; from coarse to fine.
    """

    def __init__(self):
        self.fields = {}

    def __call__(self, state):
        self.fields[state.level] = tuple(
            np.array(target_of(nnf).to_host(nnf)) for nnf in (state.matches.ab, state.matches.ba)
        )


@dataclass(frozen=True)
class DirectionPictures:
    """Pictures of one field of a level, uint8 arrays, (height, width, 3), at level 1's size.

    Attributes
    ----------
    size : (int, int)
        Height and width of the level's map.
    flow
        Displacements on the wheel of colours.
    result
        What would come out were this level the last: voted through its matches at full size.
    confidence
        Bright where a match's own match leads back.
    mutual : float
        Share of the matches that lead back to within one pixel of the level.
    """

    size: tuple[int, int]
    flow: np.ndarray
    result: np.ndarray
    confidence: np.ndarray
    mutual: float


@dataclass(frozen=True)
class LevelPictures:
    """Pictures of one level.

    Attributes
    ----------
    level : int
    ab : DirectionPictures
        From A to B'; its result is A'.
    ba : DirectionPictures
        From B' to A; its result is B.
    """

    level: int
    ab: DirectionPictures
    ba: DirectionPictures


@dataclass(frozen=True)
class Pictures:
    """Pictures of all levels.

    Attributes
    ----------
    levels : tuple of LevelPictures
        From coarse to fine.
    flow_radius : float
        Displacement at the rim of the wheel of colours, in pixels of level 1.
    """

    levels: tuple[LevelPictures, ...]
    flow_radius: float


def picture_levels(trace, a, b_prime, vote_side, vote_width=None):
    """Make pictures of what a transfer found at each level.

    Parameters
    ----------
    trace : LevelTrace
        The trace that was called with the transfer's levels.
    a, b_prime : uint8 arrays, (height, width, 3)
        The images that were given to the transfer.
    vote_side : int
    vote_width : float or None
        How the transfer's results were voted for, see :class:`analogy.Parameters`.

    Returns
    -------
    Pictures
    """
    # The images as they were matched, but for what halving rounded up.
    finest = min(trace.fields)
    small_a, small_b_prime = (
        resize(image, tuple(_side(finest) * extent for extent in nnf.shape[:2]))
        for image, nnf in zip((a, b_prime), trace.fields[finest], strict=True)
    )
    radius = _side(finest) * _shown_length(trace.fields[finest])

    def picture(nnf, reverse, level, image, other_image):
        fine = nnf_at_full_size(nnf, level, image.shape[:2], other_image.shape[:2])
        distance = round_trip(nnf, reverse)
        return DirectionPictures(
            size=nnf.shape[:2],
            flow=flow_colours(displacements(fine), radius),
            result=result_at_full_size(nnf, level, image, other_image, vote_side, vote_width),
            confidence=picture_at_full_size(
                confidence_colours(confidence(distance * _side(level))), level, image.shape[:2]
            ),
            mutual=float((distance <= 1).mean()),
        )

    levels = tuple(
        LevelPictures(
            level,
            picture(ab, ba, level, small_a, small_b_prime),
            picture(ba, ab, level, small_b_prime, small_a),
        )
        for level, (ab, ba) in trace.fields.items()
    )
    return Pictures(levels, radius)


def _shown_length(fields):
    """Displacement that the wheel of colours is to reach to, in pixels of level 1."""
    lengths = [np.linalg.norm(displacements(nnf), axis=-1).ravel() for nnf in fields]
    return max(float(np.percentile(np.concatenate(lengths), _SHOWN_LENGTHS)), 1.0)


def nnf_at_full_size(nnf, level, shape, other_shape):
    """Field of a level between all pixels of the images as matched, which are level 1's.

    Parameters
    ----------
    nnf : int32 array, (height of the level, width of the level, 2)
        Positions (y, x).
    level : int
    shape, other_shape : (int, int)
        Height and width of the images.

    Returns
    -------
    int32 array, (*shape, 2)
    """
    scale = (float(_side(level)),) * 2
    return upsample_nnf(nnf, shape, other_shape, scale=scale, other_scale=scale)


def result_at_full_size(nnf, level, image, other_image, vote_side, vote_width=None):
    """What an image as matched would become were a level the last.

    Parameters
    ----------
    nnf : int32 array, (height of the level, width of the level, 2)
        Positions (y, x).
    level : int
    image, other_image : uint8 arrays, (height, width, 3)
        The image that is rebuilt, and the one that it is rebuilt from.
    vote_side : int
    vote_width : float or None
        See :func:`analogy.method.full_size.vote_at_full_size`.

    Returns
    -------
    uint8 array of the image's shape
    """
    scale = (float(_side(level)),) * 2
    result, _ = vote_at_full_size(nnf, image, other_image, scale, scale, vote_side, vote_width)
    return result


def picture_at_full_size(picture, level, shape):
    """Each pixel of a level as the square of the image's pixels that it stands for.

    Parameters
    ----------
    picture : array, (height of the level, width of the level, channels)
    level : int
    shape : (int, int)
        Height and width of the image.

    Returns
    -------
    array of the dtype of `picture`, (*shape, channels)
    """
    side = _side(level)
    return picture.repeat(side, axis=0).repeat(side, axis=1)[: shape[0], : shape[1]]


def _side(level):
    """Pixels of level 1 that one of `level` spans."""
    return 2 ** (level - 1)
