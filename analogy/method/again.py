"""A transfer once more with other points, from what is left of the first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from analogy.method.algorithm import LevelState
from analogy.method.points import Points
from analogy.method.preview import Previews, called_both, first_preview
from analogy.method.progress import Progress
from analogy.method.rematching import Remains, match_again
from analogy.method.stages import expected_shares_again
from analogy.method.transfer import (
    Analogy,
    in_original,
    matching_points_of,
    result_of,
)


def transfer_again(
    remains: Remains,
    points: ArrayLike | Points | None,
    *,
    progress: Callable[[float, str], None] | None = None,
    on_level: Callable[[LevelState], None] | None = None,
    on_preview: Callable[[np.ndarray, np.ndarray], None] | None = None,
) -> Analogy:
    """Transfer once more with other points, from what an earlier transfer has left.

    Takes less than half of the time: what the points do not move stays as it was, and nothing is
    deconvolved anew. However often it is done, it goes on from the first transfer.

    Parameters
    ----------
    remains : Remains
        Of a transfer with `keep_remains`.
    points : array, (count, 4), or Points, or None
        All of them, those of the first transfer as well if they are still to hold.
    progress, on_level, on_preview
        As for :func:`analogy.transfer`.

    Returns
    -------
    Analogy
        Its record has ``again``, true.

    Raises
    ------
    AnalogyError
        If points lie outside the images.
    """
    upright, task = remains.upright, remains.task
    found = matching_points_of(points, upright.a.shape[:2], upright.b_prime.shape[:2])
    upright = replace(upright, matching_points=found)
    on_sheets = found if task.sheets is None else found and found.on_sheets(task.sheets)
    task = replace(task, matching_points=on_sheets)
    told = Progress(progress, expected_shares_again(task.parameters, task.shapes))
    if on_preview and len(task.shapes) == 1:
        # No smaller size shows anything.
        first_preview(upright, on_preview)
    watch = called_both(
        _of_the_last(in_original(on_level, upright, task), len(task.shapes)),
        on_preview and Previews(upright, task, on_preview),
    )
    matches = match_again(remains.sizes, on_sheets, told, len(task.shapes), watch, task.copies)
    result = result_of(upright, task, matches, told, {}, remains.choice)
    return replace(result, record=result.record | {"again": True})


def _of_the_last(on_level, count):
    """What calls `on_level` with levels of the last of so many sizes."""
    if on_level is None:
        return None
    return lambda state: on_level(state) if state.scale == count - 1 else None
