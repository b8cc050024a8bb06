"""Algorithm 1 of the paper: matches of two images, from the coarsest level to the finest.

At each level, matches are found on the features of four images, A, A', B and B'; features of A'
and B are made of them for the next finer level, and the matches go down to it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analogy.images import resize
from analogy.method.coarse import coarse_matches
from analogy.method.deconvolution import Deconvolution, prepare
from analogy.method.drawing import Anchors, draw, hold
from analogy.method.masks import LevelMasks, MatchingMasks
from analogy.method.plan import LevelPlan, leading, plan_levels
from analogy.method.points import LevelPoints, MatchingPoints
from analogy.method.progress import Progress, ScaleProgress
from analogy.method.reconstruction import (
    blend_with_content,
    deconvolve_detail,
    resample_detail,
    vote_detail,
)
from analogy.method.scales import carried_matches
from analogy.method.search import (
    LevelFeatures,
    LevelSearch,
    Matches,
    initial_matches,
)
from analogy.network.features import FeatureExtractor
from analogy.network.layers import Network
from analogy.parameters import Parameters
from analogy_kernels.matching.upsample import upsample_nnf
from analogy_kernels.target import target_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LevelState:
    """What a transfer knows when it has searched a level; arrays lie where it computes.

    Attributes
    ----------
    level : int
    matches : Matches
    a_prime, b : float32 arrays, (height, width, channels)
        Features of A' and B that were matched.
    pair : FeaturePair or None
        The images at the level's size, and what they are matched by.
    scale : int
        Which size that is, counted from 0.
    """

    level: int
    matches: Matches
    a_prime: Any
    b: Any
    pair: FeaturePair | None = None
    scale: int = 0


def match_from_small_to_large(
    a: np.ndarray,
    b_prime: np.ndarray,
    shapes: Sequence[tuple[tuple[int, int], tuple[int, int]]],
    network: Network,
    extractor: FeatureExtractor,
    parameters: Parameters,
    progress: Progress,
    on_level: Callable[[LevelState], None] | None = None,
    masks: MatchingMasks | None = None,
    points: MatchingPoints | None = None,
    sheets: int = 1,
    watch: Callable[[LevelState], None] | None = None,
) -> tuple[Matches, dict[tuple[int, int, str], Deconvolution]]:
    """Match two images at one size after another, each led by the matches of the one before.

    Parameters
    ----------
    a, b_prime : uint8 arrays, (height, width, 3)
    shapes : sequence of (shape, shape)
        Height and width of A and of B' at each size, from small to large, as
        :func:`analogy.method.scales.scale_shapes` gives them.
    network : Network
    extractor : FeatureExtractor
    parameters : Parameters
    progress : Progress
    on_level : callable, LevelState -> None, optional
        Called with each level of the last size when it has been searched.
    masks : MatchingMasks, optional
    points : MatchingPoints, optional
    sheets : int
        Copies of which B' is made, one below another, see :mod:`analogy.method.sheets`.
    watch : callable, LevelState -> None, optional
        Called with each level of every size.

    Returns
    -------
    matches : Matches
        At the finest level of the last size.
    deconvolutions : dict, (scale, level, "a_prime" or "b") -> Deconvolution
        Deconvolutions by the size, counted from 0, the level and the image.
    """
    matches: Any = None
    deconvolutions = {}
    for scale, (shape_a, shape_b) in enumerate(shapes):
        is_last = scale == len(shapes) - 1
        part = progress.of_scale(scale, len(shapes))
        _log.info("matching %d x %d with %d x %d px", *shape_a[::-1], *shape_b[::-1])
        with part.stage("features"):
            features_a, features_b_prime = (
                extractor(resize(a, shape_a)),
                extractor(resize(b_prime, shape_b)),
            )
        if is_last:
            extractor.release()
        matches, found = match_features(
            features_a,
            features_b_prime,
            network,
            parameters if is_last else leading(parameters),
            part,
            _telling(scale, on_level if is_last else None, watch),
            masks,
            matches,
            points,
            sheets,
        )
        deconvolutions |= {(scale, *key): value for key, value in found.items()}
    return matches, deconvolutions


def _telling(scale, on_level, watch):
    """What tells of the levels of a size, None where nobody listens."""

    def tell(state):
        if on_level:
            # Who keeps what is told need not keep all features.
            on_level(replace(state, scale=scale, pair=None))
        if watch:
            watch(replace(state, scale=scale))

    return tell if on_level or watch else None


def match_features(
    features_a: Sequence[Any],
    features_b_prime: Sequence[Any],
    network: Network,
    parameters: Parameters,
    progress: Progress | ScaleProgress,
    on_level: Callable[[LevelState], None] | None = None,
    masks: MatchingMasks | None = None,
    smaller: Matches | None = None,
    points: MatchingPoints | None = None,
    sheets: int = 1,
) -> tuple[Matches, dict[tuple[int, str], Deconvolution]]:
    """Match the features of two images from level 5 down to 1.

    Parameters
    ----------
    features_a, features_b_prime : sequences of six float32 arrays, (height, width, channels)
        Features by level; the image as the network's first layer takes it is level 0.
    network : Network
    parameters : Parameters
    progress : Progress or ScaleProgress
    on_level : callable, LevelState -> None, optional
        Called with each level when it has been searched.
    masks : MatchingMasks, optional
    smaller : Matches, optional
        Matches of the same images at a smaller size: they take the place of levels 5 and 4, and the
        search begins at level 3.
    points : MatchingPoints, optional
    sheets : int
        Copies of which B' is made, one below another, see :mod:`analogy.method.sheets`.

    Returns
    -------
    matches : Matches
        At the finest level of `parameters`.
    deconvolutions : dict, (level, "a_prime" or "b") -> Deconvolution
    """
    masks = masks or MatchingMasks(None)
    pair = FeaturePair(features_a, features_b_prime, network, parameters, masks, points)
    known = {} if smaller is None else carried_matches(smaller, features_a, features_b_prime)
    matches: Any = None
    carried = None
    deconvolutions: dict[tuple[int, str], Deconvolution] = {}
    for plan in plan_levels(parameters, is_led=smaller is not None):
        features = pair.level_features(plan.level, carried)
        with progress.stage("search", plan.level):
            if plan.start == "votes":
                known = coarse_matches(features_a, features_b_prime, points, masks, sheets)
            start = _start(plan, pair, known, matches)
            matches = match_level(features, start, plan, pair)
        if on_level:
            on_level(LevelState(plan.level, matches, features.a_prime, features.b, pair))
        carried, found = carry_down(plan, pair, known, matches, progress)
        deconvolutions |= found
    return matches, deconvolutions


@dataclass(frozen=True)
class FeaturePair:
    """Two images at one size, and what they are matched by.

    Attributes
    ----------
    a, b_prime : sequences of six float32 arrays, (height, width, channels)
        Features by level; the image as the network's first layer takes it is level 0.
    network : Network
    parameters : Parameters
    masks : MatchingMasks
    points : MatchingPoints or None
    """

    a: Sequence[Any]
    b_prime: Sequence[Any]
    network: Network
    parameters: Parameters
    masks: MatchingMasks
    points: MatchingPoints | None = None

    @property
    def target(self) -> Any:
        return target_of(self.a[1], self.b_prime[1])

    def shapes(self, level: int) -> tuple[tuple[int, int], tuple[int, int]]:
        return self.a[level].shape[:2], self.b_prime[level].shape[:2]

    def masks_at(self, level: int) -> LevelMasks:
        return self.masks.at(level, *self.shapes(1), self.target)

    def points_at(self, level: int) -> LevelPoints | None:
        return None if self.points is None else self.points.at(level, *self.shapes(1))

    def level_features(self, level: int, carried: tuple[Any, Any] | None) -> LevelFeatures:
        """Features of all four images; without any that were carried there, A' is A and B is B'."""
        a, b_prime = self.a[level], self.b_prime[level]
        a_prime, b = carried or (a, b_prime)
        return LevelFeatures(a, a_prime, b, b_prime)


def _start(plan, pair, known, coarser):
    """Matches that a level starts from."""
    if plan.level in known:
        return known[plan.level]
    shape_a, shape_b = pair.shapes(plan.level)
    if plan.start == "initial":
        return initial_matches(shape_a, shape_b, pair.parameters, pair.target)
    return upsampled(coarser, shape_a, shape_b)


def upsampled(matches, shape_a, shape_b):
    """Matches one level further down, whose sizes are given; without costs."""
    return Matches(
        upsample_nnf(matches.ab, shape_a, shape_b), upsample_nnf(matches.ba, shape_b, shape_a)
    )


def match_level(
    features: LevelFeatures, start: Matches, plan: LevelPlan, pair: FeaturePair
) -> Matches:
    """Matches of a level, led by what points the pair has, and what they cost."""
    return lead_level(features, start, plan, pair).found()


@dataclass(frozen=True)
class LedLevel:
    """A level that is about to be searched, or whose matches are taken as they are.

    Attributes
    ----------
    search : LevelSearch
    plan : LevelPlan
    start : Matches
        Those of pixels that points draw elsewhere are there already.
    points : LevelPoints or None
    anchors : Anchors or None
    """

    search: LevelSearch
    plan: LevelPlan
    start: Matches
    points: LevelPoints | None
    anchors: Anchors | None = None

    def found(self) -> Matches:
        """Matches of the level, and what they cost."""
        if not self.plan.is_searched:
            return self.search.evaluate(self.start)
        found = self.search.improve(self.start, reach=self.plan.reach, anchors=self.anchors)
        return found if self.points is None else self.search.evaluate(hold(found, self.points))


def lead_level(
    features: LevelFeatures, start: Matches, plan: LevelPlan, pair: FeaturePair
) -> LedLevel:
    """Lead the start of a level by what points the pair has."""
    search, points = _search_of(features, plan.level, pair), pair.points_at(plan.level)
    if points is None:
        return LedLevel(search, plan, start, None)
    if not plan.is_searched:
        return LedLevel(search, plan, hold(start, points), points)
    drawn, anchors = draw(search, start, points)
    return LedLevel(search, plan, drawn, points, anchors)


def _search_of(features, level, pair):
    has_colours = pair.parameters.colour_weight > 0 and level == 1
    colours = (pair.a[0], pair.b_prime[0]) if has_colours else None
    masks = pair.masks_at(level)
    return LevelSearch(features, level, pair.parameters, colours=colours, masks=masks)


def carry_down(plan, pair, known, matches, progress):
    """Features of A' and B for the next finer level, and how their deconvolutions went."""
    if plan.carrying is None:
        return None, {}
    finer = plan.level - 1
    if plan.carrying == "vote":
        start = known.get(finer) or upsampled(matches, *pair.shapes(finer))
        return voted_features(pair, start, finer), {}
    with progress.stage("reconstruction", plan.level) as tick:
        reconstruct = _RECONSTRUCTIONS[plan.carrying]
        details, found = reconstruct(pair, matches, plan.level, tick)
        return _blended(pair, details, finer), found


def voted_features(pair: FeaturePair, matches: Matches, level: int) -> tuple[Any, Any]:
    """Features of A' and B at a level, straight from its matches."""
    details = (
        vote_detail(pair.b_prime, matches.ab, level, pair.parameters),
        vote_detail(pair.a, matches.ba, level, pair.parameters),
    )
    return _blended(pair, details, level)


def _resampled(pair, matches, level, _):
    """The same one level below `level`, pixel by pixel (figure 5)."""
    details = (
        resample_detail(pair.a, pair.b_prime, matches.ab, level),
        resample_detail(pair.b_prime, pair.a, matches.ba, level),
    )
    return details, {}


def _deconvolved(pair, matches, level, tick):
    """The same by eq. 5, and how it went."""
    a, b_prime, parameters = pair.a, pair.b_prime, pair.parameters
    layers = _layers_below(pair.network, level, parameters.deconv_depth, target_of(a[level]))
    forward = deconvolve_detail(
        a, b_prime, matches.ab, level, layers, parameters, lambda part: tick(part / 2)
    )
    reverse = deconvolve_detail(
        b_prime, a, matches.ba, level, layers, parameters, lambda part: tick((1 + part) / 2)
    )
    details = forward.features, reverse.features
    return details, {(level, "a_prime"): forward, (level, "b"): reverse}


_RECONSTRUCTIONS = {"resampling": _resampled, "deconvolution": _deconvolved}


def _blended(pair, details, level):
    """Features of A' and B at a level: the content's, and the details that were carried there."""
    detail_of_b_prime, detail_of_a = details
    keep, parameters = pair.masks_at(level).keep, pair.parameters
    return (
        blend_with_content(pair.a[level], detail_of_b_prime, level, parameters, keep),
        blend_with_content(pair.b_prime[level], detail_of_a, level, parameters),
    )


def _layers_below(network, level, depth, target):
    kept = len(network.layers(level - depth, level - 1)) if depth > 1 else 0
    return prepare(network.layers(level - depth, level), kept, target)
