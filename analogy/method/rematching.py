"""Matching again with other points, from what an earlier matching has left.

Features are what takes most of the time, and most of them stand: those of A and of B' whatever the
points say, those of A' and B wherever a match is what it was. Where points lead a match elsewhere
the features of A' and B are voted for anew. The smallest size finds out where things are now, and
leads the last one; sizes between them are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from analogy.method.algorithm import FeaturePair, LevelState, lead_level, upsampled, voted_features
from analogy.method.coarse import coarse_matches
from analogy.method.drawing import hold
from analogy.method.plan import plan_levels
from analogy.method.points import MatchingPoints
from analogy.method.progress import Progress
from analogy.method.scales import carried_matches
from analogy.method.search import LevelFeatures, Matches, initial_matches
from analogy_kernels.imaging.blend import blend
from analogy_kernels.target import target_of

# Pixels of a level that are matched anew around one that is led elsewhere: patches overlap.
_SURROUNDINGS = 2


@dataclass
class MatchedSize:
    """A size that was matched: its features, and what was found at each level.

    Attributes
    ----------
    pair : FeaturePair
    levels : dict, level -> LevelState
    """

    pair: FeaturePair
    levels: dict[int, LevelState] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        maps: list[Any] = [*self.pair.a, *self.pair.b_prime]
        for state in self.levels.values():
            found = state.matches
            maps += [state.a_prime, state.b, found.ab, found.ba, found.cost_ab, found.cost_ba]
        # Where A' is still taken for A, one array is both.
        return sum({id(one): one.nbytes for one in maps}.values())


class SizesKept:
    """Notes the smallest and the last size as they are matched.

    Parameters
    ----------
    count : int
        How many sizes there are.

    Attributes
    ----------
    sizes : dict, scale -> MatchedSize
        From small to large; one where there is one.
    """

    def __init__(self, count: int) -> None:
        self._scales = {0, count - 1}
        self.sizes: dict[int, MatchedSize] = {}

    def __call__(self, state: LevelState) -> None:
        """Note a level; what :func:`match_from_small_to_large` calls."""
        if state.scale in self._scales and state.pair is not None:
            size = self.sizes.setdefault(state.scale, MatchedSize(state.pair))
            size.levels[state.level] = replace(state, pair=None)


@dataclass(frozen=True)
class Remains:
    """What is left of a transfer, for :func:`analogy.transfer_again`: features and matches.

    Those of 448 x 448 pixels are 320 MiB, on the device where there is one.

    Attributes
    ----------
    upright, task : analogy.method.transfer.Task
        As it was asked for, and as it was matched.
    sizes : dict, scale -> MatchedSize
    choice : BlendWeightChoice or None
    """

    upright: Any
    task: Any
    sizes: dict[int, MatchedSize]
    choice: Any

    @property
    def nbytes(self) -> int:
        """Bytes of its features and matches."""
        return sum(size.nbytes for size in self.sizes.values())


def match_again(
    sizes: dict[int, MatchedSize],
    points: MatchingPoints | None,
    progress: Progress,
    count: int,
    watch: Callable[[LevelState], None] | None = None,
    sheets: int = 1,
) -> Matches:
    """Match the sizes that were kept once more, with these points and no others.

    Parameters
    ----------
    sizes : dict, scale -> MatchedSize
        What :class:`SizesKept` has noted.
    points : MatchingPoints or None
    progress : Progress
    count : int
        How many sizes the matching had.
    watch : callable, LevelState -> None, optional
        Called with each level of these sizes.
    sheets : int
        Copies of which B' is made.

    Returns
    -------
    Matches
        At the finest level of the last size.
    """
    smaller: Any = None
    matches: Any = None
    for scale, size in sizes.items():
        forgets = _is_one_left_out(size.pair.points, points)
        pair = replace(size.pair, points=points)
        again = _Again(pair, size.levels, scale > 0, forgets, sheets)
        if smaller is not None:
            again = replace(again, known=_carried(again, sizes[0], smaller))
        matches = again.match(progress.of_scale(scale, count), scale, watch)
        smaller = matches
    return matches


def _is_one_left_out(before, now):
    """Tell whether points were given before that are not given now."""
    if before is None:
        return False
    given = set() if now is None else set(map(tuple, now.points.positions))
    return not given.issuperset(map(tuple, before.points.positions))


def _carried(again, smallest, found):
    """Of the smallest size's matches, before and now, what they are at the level that they lead."""
    before = smallest.levels[min(smallest.levels)].matches
    features = again.pair.a, again.pair.b_prime
    old, new = carried_matches(before, *features), carried_matches(found, *features)
    return {level: (old[level], new[level]) for level in old}


@dataclass(frozen=True)
class _Again:
    """One size that is matched again.

    Attributes
    ----------
    pair : FeaturePair
        With the points of now.
    levels : dict, level -> LevelState
        As they were.
    is_led : bool
    forgets : bool
        Whether matches may still be where points drew them that are no longer given.
    sheets : int
        Copies of which B' is made.
    known : dict, level -> (Matches, Matches)
        What a smaller size leads the level by, before and now.
    """

    pair: FeaturePair
    levels: dict[int, LevelState]
    is_led: bool
    forgets: bool
    sheets: int
    known: dict[int, tuple[Matches, Matches]] = field(default_factory=dict)

    def match(self, progress, scale, watch):
        coarser: Any = None
        carrying, known = None, self.known
        for plan in plan_levels(self.pair.parameters, self.is_led):
            before = self.levels[plan.level]
            with progress.stage("search", plan.level):
                if plan.start == "votes":
                    known = self._voted()
                led = self._led(plan, known, coarser)
                features = self._features(plan, before, led, carrying)
                found = self._found(plan, before.matches, led, features)
            if watch:
                watch(LevelState(plan.level, found, features.a_prime, features.b, None, scale))
            coarser, carrying = (before.matches, found), plan.carrying
        return coarser[1]

    def _voted(self):
        """Matches of levels 5 and 4, before and by votes that the points of now lead."""
        voted = coarse_matches(
            self.pair.a, self.pair.b_prime, self.pair.points, self.pair.masks, self.sheets
        )
        return {level: (self.levels[level].matches, found) for level, found in voted.items()}

    def _led(self, plan, known, coarser):
        """Matches that lead a level, before and now; None where nothing does."""
        if plan.level in known:
            return known[plan.level]
        if coarser is None or plan.start == "initial":
            return None
        return tuple(upsampled(one, *self.pair.shapes(plan.level)) for one in coarser)

    def _features(self, plan, before, led, carrying):
        """Features of the four images: as they were but where matches lead elsewhere now."""
        a, b_prime = self.pair.a[plan.level], self.pair.b_prime[plan.level]
        if carrying is None or led is None:
            return LevelFeatures(a, before.a_prime, before.b, b_prime)
        old, new = led
        moved = _differ(old.ab, new.ab), _differ(old.ba, new.ba)
        was = before.a_prime, before.b
        if not np.any([one.any() for one in moved]):
            return LevelFeatures(a, *was, b_prime)
        now = voted_features(self.pair, new, plan.level)
        a_prime, b = (_mixed(*one) for one in zip(was, now, moved, strict=True))
        return LevelFeatures(a, a_prime, b, b_prime)

    def _found(self, plan, was, led, features):
        """Matches of a level: anew where they are led elsewhere or drawn, and as they were."""
        start = was
        if led is None and self.forgets:
            start = initial_matches(
                *self.pair.shapes(plan.level), self.pair.parameters, self.pair.target
            )
        if led is not None:
            old, new = led
            start = Matches(
                _merged(was.ab, new.ab, _differ(old.ab, new.ab)),
                _merged(was.ba, new.ba, _differ(old.ba, new.ba)),
            )
        level = lead_level(features, start, plan, self.pair)
        # What is held need not be drawn.
        held = level.start if level.points is None else hold(level.start, level.points)
        touched = [_differ(was.ab, held.ab), _differ(was.ba, held.ba)]
        if level.anchors is not None:
            drawn = level.anchors.drawn()
            touched = [one | other for one, other in zip(touched, drawn, strict=True)]
        if not (touched[0].any() or touched[1].any()):
            return was
        found = level.found()
        ab, ba = (_around(one) for one in touched)
        return Matches(
            _merged(was.ab, found.ab, ab),
            _merged(was.ba, found.ba, ba),
            _merged(was.cost_ab, found.cost_ab, ab),
            _merged(was.cost_ba, found.cost_ba, ba),
        )


def _differ(old, new):
    """Which matches of two fields differ, on the host."""
    on = target_of(old)
    return (on.to_host(old) != on.to_host(new)).any(axis=-1)


def _around(pixels):
    # Takes longer to import than a run has to spare that is not done again.
    from scipy.ndimage import binary_dilation

    return binary_dilation(pixels, iterations=_SURROUNDINGS)


def _merged(was, now, pixels):
    """A field or its costs as they were, and as they are now at some pixels."""
    on = target_of(was)
    where = pixels.reshape(pixels.shape + (1,) * (len(was.shape) - 2))
    return on.asarray(np.where(where, on.to_host(now), on.to_host(was)))


def _mixed(was, now, moved):
    """Features as they were, and as they are now around pixels whose matches have moved."""
    stays = ~_around(moved)
    return blend(was, now, target_of(was).asarray(stays.astype(np.float32)))
