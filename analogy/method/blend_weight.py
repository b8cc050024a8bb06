"""Choice of the blend weights from the two images alone, which the paper leaves to future work.

Section 5 sets them by hand, by how much the images have in common:

- the same scene in the same look, as in neighbouring frames of a film: all weights 1;
- the same scene in another light, tone or view: the default raised by 0.1;
- scenes that are only related: the default.

Both questions have a plain answer. *The same scene?* Level 5 tells things rather than looks, and
there the matches of one scene are nearly parallel however it was coloured, those of related scenes
are not. *The same look?* Then the strengths of level 1's channels, which are of colours and edges,
are alike. Measured at 200 pixels a side (related scenes: ten pairs of photographs and
paintings, two of cars):

| images | cosine at level 5 | difference at level 1 |
|---|---|---|
| same scene, same look (film, stereo) | 0.89 to 1.00 | 0.00 to 0.02 |
| same scene, other tones or colours | 0.74 to 0.94 | 0.42 to 0.88 |
| related scenes | 0.33 to 0.56 | 0.18 to 0.88 |
| unrelated | 0.27 to 0.33 | 0.46 to 0.68 |

The bounds lie in the gaps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analogy.method.search import LevelFeatures, initial_matches, search_matches
from analogy.parameters import BLEND_WEIGHTS, LEVELS
from analogy_kernels.target import target_of

SAME_SCENE = 0.65
SAME_LOOK = 0.1

_ALL_CONTENT = (1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class BlendWeightChoice:
    """Weights chosen for two images, and why.

    Attributes
    ----------
    alphas : tuple of float
        At levels 4 to 1.
    scene_likeness : float
        Mean cosine of the features matched at level 5, over both directions, at most 1.
    look_difference : float
        Distance of the means and deviations of level 1's channels: length of the difference over
        the lengths' root mean square, 0 where they are the same.
    """

    alphas: tuple[float, ...]
    scene_likeness: float
    look_difference: float


def choose_blend_weight(features_a, features_b_prime, parameters):
    """Choose the weights of the content for two images.

    Parameters
    ----------
    features_a, features_b_prime : sequences of float32 arrays, (height, width, channels)
        Features of A and of B', by level.
    parameters : Parameters
        Parameters of the search.

    Returns
    -------
    BlendWeightChoice
    """
    likeness = _scene_likeness(features_a[5], features_b_prime[5], parameters)
    difference = _look_difference(features_a[1], features_b_prime[1])
    if likeness < SAME_SCENE:
        alphas = BLEND_WEIGHTS[2]
    elif difference > SAME_LOOK:
        alphas = BLEND_WEIGHTS[3]
    else:
        alphas = _ALL_CONTENT
    return BlendWeightChoice(alphas, likeness, difference)


def _scene_likeness(a, b_prime, parameters):
    on = target_of(a, b_prime)
    # A' and B are not known yet, so there is one pair of features to compare; and what is charged
    # for matches would tell of their use, not of their likeness.
    free = (0.0,) * len(LEVELS)
    parameters = replace(parameters, single_direction=True, evenness=free)
    matches = initial_matches(a.shape[:2], b_prime.shape[:2], parameters, on)
    matches = search_matches(LevelFeatures(a, a, b_prime, b_prime), matches, 5, parameters)
    costs = [on.to_host(cost).mean() for cost in (matches.cost_ab, matches.cost_ba)]
    return -float(np.mean(costs))


def _look_difference(a, b_prime):
    on = target_of(a, b_prime)
    first, second = (_strengths(on.to_host(features)) for features in (a, b_prime))
    scale = np.sqrt((np.sum(first**2) + np.sum(second**2)) / 2)
    return float(np.linalg.norm(first - second) / max(scale, 1e-12))


def _strengths(features):
    vectors = features.reshape(-1, features.shape[2])
    return np.concatenate([vectors.mean(axis=0), vectors.std(axis=0)]).astype(np.float64)
