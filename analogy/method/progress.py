"""Stages of a run: how long each took, and how much of the whole is done."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

_log = logging.getLogger(__name__)


class Progress:
    """Times the stages of a run and tells a callback how far it has come.

    Parameters
    ----------
    callback : callable, (fraction in [0, 1], text) -> None, or None
    shares : dict, (stage, level) or (stage, level, scale) -> float
        Expected cost of every stage there will be, in any unit.

    Attributes
    ----------
    seconds : dict, (stage, level) -> float
        Time of the stages that are over, those of all scales together.
    """

    def __init__(
        self,
        callback: Callable[[float, str], None] | None,
        shares: dict[tuple, float],
    ) -> None:
        self._callback, self._shares = callback, shares
        self._whole = sum(shares.values()) or 1.0
        self._done = 0.0
        self.seconds: dict[tuple[str, int | None], float] = {}

    @contextmanager
    def stage(
        self, name: str, level: int | None = None, scale: tuple[int, int] | None = None
    ) -> Iterator[Callable[..., None]]:
        """Run a stage; yields a callable that takes the share of the stage done so far.

        It may be told, too, what is done at present where that is not what the stage is called.
        `scale` says which of how many sizes the stage is of, counted from 0.
        """
        key = (name, level) if scale is None else (name, level, scale[0])
        # A stage that nobody announced weighs nothing.
        share = self._shares.get(key, 0.0)
        text = name if level is None else f"level {level}: {name}"
        if scale is not None and scale[1] > 1:
            text = f"size {scale[0] + 1} of {scale[1]}, {text}"

        def tick(part, doing=text):
            self._tell(self._done + share * part, doing)

        tick(0.0)
        _log.debug("%s: begins", text)
        start = time.perf_counter()
        yield tick
        taken = time.perf_counter() - start
        self.seconds[name, level] = self.seconds.get((name, level), 0.0) + taken
        _log.info("%s: %.3f s", text, taken)
        self._done += share
        tick(0.0)

    def of_scale(self, scale: int, count: int) -> ScaleProgress:
        """Let stages be those of one of `count` sizes, counted from 0."""
        return ScaleProgress(self, (scale, count))

    def _tell(self, done, text):
        if self._callback:
            self._callback(min(done / self._whole, 1.0), text)


@dataclass(frozen=True)
class ScaleProgress:
    """The part of a run's progress that is of one size.

    Attributes
    ----------
    whole : Progress
        Progress of the whole run.
    scale : (int, int)
        Which of how many sizes, counted from 0.
    """

    whole: Progress
    scale: tuple[int, int]

    def stage(
        self, name: str, level: int | None = None
    ) -> AbstractContextManager[Callable[..., None]]:
        """Run a stage of this size, see :meth:`Progress.stage`."""
        return self.whole.stage(name, level, self.scale)
