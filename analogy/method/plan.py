"""What is done at each level of one size: how it is matched, and what is carried to the next.

All of that is known before the first level is matched, and what a transfer is expected to take
follows from it: see :mod:`analogy.method.stages`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from analogy.method.scales import FIRST_LEVEL
from analogy.parameters import LEVELS, Parameters


@dataclass(frozen=True)
class LevelPlan:
    """What is done at one level.

    Attributes
    ----------
    level : int
    start : "initial", "votes", "known" or "coarser"
        The matches that the level starts from: random ones or those in place (section 4.1), those
        of level 5 that votes find for it and level 4, those that votes or a smaller size have
        found for this level, or those of the coarser level.
    is_searched : bool
        Whether a search improves them; they are taken as they are if not.
    reach : int or None
        Pixels that the search may lead a match away from its start, along either axis.
    carrying : "deconvolution", "resampling", "vote" or None
        How features of A' and B are made for the next finer level. With None those of A and of B'
        stand for them there, or there is no such level.
    """

    level: int
    start: Literal["initial", "votes", "known", "coarser"]
    is_searched: bool
    reach: int | None
    carrying: Literal["deconvolution", "resampling", "vote"] | None


def plan_levels(parameters: Parameters, is_led: bool) -> list[LevelPlan]:
    """Plan the levels of one size, from 5 to the finest.

    Parameters
    ----------
    parameters : Parameters
    is_led : bool
        Whether the matches of a smaller size are there.

    Returns
    -------
    list of LevelPlan
    """
    known = _known_levels(parameters, is_led)
    return [
        LevelPlan(
            level,
            start=_start(level, parameters, known, is_led),
            is_searched=level not in known or level <= FIRST_LEVEL,
            reach=parameters.search_reach(level) if known else None,
            carrying=_carrying(level, parameters, known),
        )
        for level in LEVELS
        if level >= parameters.finest_level
    ]


def leading(parameters: Parameters) -> Parameters:
    """Parameters of the smaller sizes, which are to find where things are.

    All of their levels count, whatever is the finest of the last size, and it does not matter what
    results would be made of.
    """
    return replace(parameters, finest_level=1, evenness=(0.0,) * len(LEVELS))


def _known_levels(parameters, is_led):
    """Levels whose matches are known before they are come to."""
    if is_led:
        return range(5, FIRST_LEVEL - 1, -1)
    is_voted = parameters.coarse_matching == "hough" and not parameters.independent_levels
    return (5, 4) if is_voted else ()


def _start(level, parameters, known, is_led):
    if level in known:
        return "known" if is_led or level < max(LEVELS) else "votes"
    if level == max(LEVELS) or parameters.independent_levels:
        return "initial"
    return "coarser"


def _carrying(level, parameters, known):
    finer = level - 1
    if level == parameters.finest_level or not _asks_for_features(finer, parameters, known):
        return None
    if finer in known or _is_voted(level, parameters, known):
        return "vote"
    return parameters.reconstruction


def _asks_for_features(level, parameters, known):
    """Tell whether a level matches features of A' and B that the level above makes."""
    if parameters.independent_levels or level >= parameters.coarsest_reconstruction:
        return False
    return level <= FIRST_LEVEL or level not in known


def _is_voted(level, parameters, known):
    """Tell whether a size that is led does without the deconvolution from a level."""
    return (
        FIRST_LEVEL in known
        and parameters.reconstruction == "deconvolution"
        and level not in parameters.led_deconvolutions
    )
