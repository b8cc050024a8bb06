"""Matching from small to large: the sizes at which two images are matched, one after another.

What the network sees at its coarsest level is a few hundred pixels wide. In a small copy of an
image a whole face fits into that, and is told from a landscape; in the large one only the eye does,
and is drawn in full. So images are matched at a small size first, and the matches found there lead
those of the next size, instead of the coarse levels' own. Neither the paper nor the authors'
program has this: they choose one size by hand. The figures are in docs/scales.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from analogy.images import MINIMUM_SIDE, matching_shape
from analogy.method.full_size import scale_of
from analogy.method.search import Matches
from analogy.parameters import Parameters
from analogy_kernels.matching.upsample import upsample_nnf

#: Level at which the search of a scale begins that starts from a smaller one; the levels above
#: take the smaller scale's matches as they are.
FIRST_LEVEL = 3

# Largest step from one scale to the next, in their sides: further apart, the matches of the smaller
# scale are too coarse a start for what the search of the larger one reaches.
_LARGEST_STEP = 2.4

# Smallest share of an image's own area that makes a smaller scale worth its time.
_LEAST_GAIN = 0.6


def scale_shapes(
    shape_a: tuple[int, int],
    shape_b: tuple[int, int],
    parameters: Parameters,
    names: tuple[str, str] = ("A", "B'"),
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Sizes at which two images are matched, from small to large.

    Parameters
    ----------
    shape_a, shape_b : (int, int)
        Height and width of the images, in pixels.
    parameters : Parameters
    names : (str, str), optional
        What an error message calls the images.

    Returns
    -------
    list of (shape_a, shape_b)
        The last is the size asked for by ``ratio`` and ``max_side``. Scales lie as far apart, by
        the ratio of their sides, for either image.

    Raises
    ------
    AnalogyError
        If a side would come out under 32 pixels.
    """
    limits = parameters.ratio, parameters.max_side
    largest = (
        matching_shape(shape_a, *limits, names[0]),
        matching_shape(shape_b, *limits, names[1]),
    )
    return [*_smaller_shapes(largest, parameters), largest]


def _smaller_shapes(largest, parameters):
    if not parameters.has_scales:
        return []
    factors = [min(parameters.first_scale / math.sqrt(math.prod(shape)), 1) for shape in largest]
    if min(factors) ** 2 >= _LEAST_GAIN:
        return []
    steps = math.ceil(-math.log(min(factors)) / math.log(_LARGEST_STEP))
    return [
        tuple(
            _shrunk(shape, factor ** ((steps - step) / steps))
            for shape, factor in zip(largest, factors, strict=True)
        )
        for step in range(steps)
    ]


def _shrunk(shape, factor):
    # Long and thin images keep what room their shorter side needs.
    factor = max(factor, min(MINIMUM_SIDE / min(shape), 1))
    return tuple(round(side * factor) for side in shape)


def carried_matches(
    matches: Matches, features_a: Sequence[Any], features_b_prime: Sequence[Any]
) -> dict[int, Matches]:
    """Matches of a smaller scale at the coarse levels of a larger one.

    Parameters
    ----------
    matches : Matches
        Matches of the smaller scale.
    features_a, features_b_prime : sequences of float32 arrays, (height, width, channels)
        Features of the larger scale, by level.

    Returns
    -------
    dict, level -> Matches
        For levels 5 down to `FIRST_LEVEL`; without costs.
    """
    carried = {}
    for level in range(5, FIRST_LEVEL - 1, -1):
        shape_a, shape_b = features_a[level].shape[:2], features_b_prime[level].shape[:2]
        scale_a = scale_of(1, matches.ab.shape[:2], shape_a)
        scale_b = scale_of(1, matches.ba.shape[:2], shape_b)
        carried[level] = Matches(
            upsample_nnf(matches.ab, shape_a, shape_b, scale_a, scale_b),
            upsample_nnf(matches.ba, shape_b, shape_a, scale_b, scale_a),
        )
    return carried
