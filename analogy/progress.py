"""Stages of a run: how long each took, and how much of the whole is done."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_log = logging.getLogger(__name__)


class Progress:
    """Times the stages of a run and tells a callback how far it has come.

    Parameters
    ----------
    callback : callable, (fraction in [0, 1], text) -> None, or None
    shares : dict, (stage, level) -> float
        Expected cost of every stage there will be, in any unit.

    Attributes
    ----------
    seconds : dict, (stage, level) -> float
        Of the stages that are over.
    """

    def __init__(
        self,
        callback: Callable[[float, str], None] | None,
        shares: dict[tuple[str, int | None], float],
    ) -> None:
        self._callback, self._shares = callback, shares
        self._whole = sum(shares.values())
        self._done = 0.0
        self.seconds: dict[tuple[str, int | None], float] = {}

    @contextmanager
    def stage(self, name: str, level: int | None = None) -> Iterator[Callable[[float], None]]:
        """Run a stage; yields a callable that takes the share of the stage done so far."""
        share = self._shares[name, level]
        text = name if level is None else f"level {level}: {name}"

        def tick(part):
            self._tell(self._done + share * part, text)

        tick(0.0)
        _log.debug("%s: begins", text)
        start = time.perf_counter()
        yield tick
        self.seconds[name, level] = time.perf_counter() - start
        _log.info("%s: %.3f s", text, self.seconds[name, level])
        self._done += share
        tick(0.0)

    def _tell(self, done, text):
        if self._callback:
            self._callback(min(done / self._whole, 1.0), text)
