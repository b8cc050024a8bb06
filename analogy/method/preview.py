"""Previews: what A' and B are going to look like, by the matches of a smaller size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from analogy.images import resize
from analogy.method.algorithm import LevelState
from analogy.method.coarse import coarse_matches
from analogy.method.full_size import scale_of, vote_at_full_size
from analogy.method.original import matches_in_original
from analogy.method.sheets import level_shape

# Level by whose votes there is a first preview, and the one after which a smaller size is done.
_FIRST, _DONE = 4, 1


def first_preview(task: Any, show: Callable[[np.ndarray, np.ndarray], None]) -> None:
    """Show what votes of the smallest size's coarse levels lead to, which takes a second.

    Parameters
    ----------
    task : analogy.method.transfer.Task
        As it was asked for.
    show : callable, (A', B) -> None
    """
    shape_a, shape_b = task.shapes[0]
    extractor = task.session.extractor
    features = extractor(resize(task.a, shape_a)), extractor(resize(task.b_prime, shape_b))
    matches = coarse_matches(*features, task.matching_points)[_FIRST]
    show(*_voted(task, LevelState(_FIRST, matches, None, None), matches))


@dataclass(frozen=True)
class Previews:
    """Shows what A' and B are going to look like as levels are matched.

    Attributes
    ----------
    upright, task : analogy.method.transfer.Task
        As it was asked for, and as it is matched.
    show : callable, (A', B) -> None
        Takes uint8 arrays at the sizes at which the images are matched.
    """

    upright: Any
    task: Any
    show: Callable[[np.ndarray, np.ndarray], None]

    def __call__(self, state: LevelState) -> None:
        """Show a level's matches if it is one to be shown."""
        if state.scale < len(self.task.shapes) - 1 and state.level == _DONE:
            self.show(*self._results(state))

    def _results(self, state):
        a_prime, b = _voted(self.task, state, state.matches)
        if self.task.sheets is None:
            return a_prime, b
        shape = level_shape(self.upright.shapes[state.scale][1], state.level)
        matches = matches_in_original(self.task.sheets, state.matches, shape)
        return a_prime, _voted(self.upright, state, matches)[1]


def _voted(task, state, matches):
    """A' and B at the sizes of the last matching."""
    smaller, matched = task.shapes[state.scale], task.shapes[-1]
    a, b_prime = (
        resize(image, shape) for image, shape in zip((task.a, task.b_prime), matched, strict=True)
    )
    scale_a, scale_b = (
        scale_of(2 ** (state.level - 1), *shapes) for shapes in zip(smaller, matched, strict=True)
    )
    votes = task.parameters.vote_side, task.parameters.vote_width
    a_prime, _ = vote_at_full_size(matches.ab, a, b_prime, scale_a, scale_b, *votes)
    b, _ = vote_at_full_size(matches.ba, b_prime, a, scale_b, scale_a, *votes)
    return a_prime, b


def called_both(*listeners):
    """What calls all of the listeners that there are, None where there is none."""
    listening = [listener for listener in listeners if listener]
    return (lambda state: [listener(state) for listener in listening]) if listening else None
