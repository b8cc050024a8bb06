"""How far a job has come, as people want to be told: in plain words, and with the time left."""

from __future__ import annotations

import re
from dataclasses import dataclass

from analogy.method.stages import COMPILING, PREPARATION
from analogy.run_files import WRITING

_WORDS = {
    "features": "looking at the pictures",
    PREPARATION: "getting ready",
    COMPILING: "getting ready: compiling for this machine, a minute or two and only this once",
    "blend weight": "weighing how alike the pictures are",
    "poses": "trying the style picture mirrored, turned and scaled",
    "search": "finding which part belongs to which",
    "reconstruction": "working out how each looks in the style of the other",
    "confidence": "checking what was found",
    "match refinement": "smoothing what was found",
    "vote": "putting the new pictures together",
    "refinement": "bringing back the photographs' own detail",
    WRITING: "writing the files and the report",
}

# What comes before the work itself: how long it takes says nothing of the rest.
_BEFORE = {"", "features", PREPARATION, COMPILING}

# A stage as a run tells of it: "size 1 of 3, level 4: search".
_STAGE = re.compile(r"(?:size (\d+) of (\d+)(?:, |$))?(?:level \d+: )?(.*)")

# Share a second by which what is shown comes on, so that a stage that ends all at once is no leap.
# Jobs of small pictures take five seconds.
_GLIDE = 0.25

# Of the work and in seconds, what has to be over before the rest can be told.
_LEAST_FRACTION, _LEAST_SECONDS = 0.05, 2.0


def in_plain_words(stage: str) -> str:
    """A stage of a run in words for people; one that is not known as it is."""
    size, sizes, name = _matched(stage)
    words = _WORDS.get(name, name)
    if size is None:
        return words
    return f"{words} ({_pass(int(size), int(sizes))})"


def _matched(stage):
    found = _STAGE.fullmatch(stage)
    return found.groups() if found else (None, None, stage)


def _pass(size, sizes):
    kind = {1: "small copies first", sizes: "full detail"}.get(size, "larger copies")
    return f"{kind}, {size} of {sizes}"


@dataclass
class Pace:
    """Tells from how far a job has come, and when, what to show of it and how long it will take.

    What comes before the work itself, such as compiling, does not count.
    """

    _begin: tuple[float, float] | None = None
    _last: tuple[float, float] | None = None
    _shown: tuple[float, float] = (0.0, 0.0)

    def note(self, fraction: float, stage: str, now: float) -> None:
        """Note how far it has come.

        Parameters
        ----------
        fraction : float
            Share that is done, in [0, 1].
        stage : str
            As a run tells of it.
        now : float
            Seconds of a clock that never goes back.
        """
        self._shown = self.shown(now), now
        if self._begin is None and stage in _BEFORE:
            return
        self._begin = self._begin or (fraction, now)
        self._last = fraction, now

    def shown(self, now: float) -> float:
        """The share to be shown: it glides to what was told last, without leaps, never back."""
        shown, since = self._shown
        if self._last is None:
            return shown
        return max(shown, min(self._last[0], shown + _GLIDE * (now - since)))

    def seconds_left(self, now: float) -> float | None:
        """Seconds that it will still take, or None where that cannot be told yet."""
        if self._begin is None or self._last is None:
            return None
        fraction, seconds = (
            last - begin for begin, last in zip(self._begin, self._last, strict=True)
        )
        if fraction < _LEAST_FRACTION or seconds < _LEAST_SECONDS:
            return None
        last_fraction, last_time = self._last
        left = seconds / fraction * (1 - last_fraction)
        return max(left - (now - last_time), 0.0)
