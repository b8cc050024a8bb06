"""How frames follow one another; what each default was chosen on is in docs/video.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from analogy.checked_fields import Range, check_fields


@dataclass(frozen=True)
class VideoParameters:
    """Settings of a film, beside those of each transfer.

    Attributes
    ----------
    warm_start : bool
        Start a frame from the matches of the one before. Without it every frame is transferred by
        itself, which is slow and flickers: for comparison.
    coarsest_level : int
        Where the search of such a frame starts, 1 to 5.
    search_iterations : int
        Iterations of its PatchMatch, at every level.
    least_gain : float
        How much less than the match carried over another one has to cost to take its place. The
        cost of two equal patches is -2.
    blend : float
        Share of the frame before, moved along, in the picture of each, in [0, 1).
    vote_width : float
        At most what `Parameters.vote_width` is, for such a frame: matches that were carried over
        disagree by a pixel here and there, and the mean of votes that differ is soft.
    least_reliable : float
        Share of a frame that has to have come from the one before; below it there was a cut, and
        the matches are found afresh.
    """

    warm_start: bool = True
    coarsest_level: Annotated[int, Range(1, 5)] = 3
    search_iterations: Annotated[int, Range(0)] = 2
    least_gain: Annotated[float, Range(0)] = 0.05
    blend: Annotated[float, Range(0, 1, below_high=True)] = 0.0
    vote_width: Annotated[float, Range(0, above_low=True)] = 20.0
    least_reliable: Annotated[float, Range(0, 1)] = 0.33

    def __post_init__(self) -> None:
        check_fields(self)
