from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import pytest

from analogy.checked_fields import Colour, FieldError, Length, Odd, Range, check_fields
from analogy.errors import AnalogyError


@dataclass(frozen=True)
class Settings:
    share: Annotated[float, Range(0, 1, above_low=True)] = 0.5
    part: Annotated[float, Range(0, 1, below_high=True)] = 0.0
    count: Annotated[int, Range(0)] = 3
    limit: Annotated[int | None, Range(1)] = None
    side: Annotated[int, Odd()] = 3
    way: Literal["here", "there", 1] = "here"
    is_on: bool = False
    paint: Annotated[str, Colour()] | None = None
    sides: Annotated[tuple[Annotated[int, Range(1)] | None, ...], Length(2)] = (1, None)

    def __post_init__(self):
        check_fields(self)


@pytest.mark.parametrize(
    "change",
    [
        {"share": 1},
        {"share": np.float32(0.25)},
        {"part": 0},
        {"count": 0},
        {"count": np.int64(4)},
        {"limit": 1},
        {"way": 1},
        {"is_on": True},
        {"paint": "white"},
        {"paint": "#1a2b3c"},
        {"paint": "hsl(120, 50%, 50%)"},
        {"sides": (None, 7)},
    ],
    ids=str,
)
def test_what_an_annotation_allows_is_taken(change):
    settings = replace(Settings(), **change)

    assert {name: getattr(settings, name) for name in change} == change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"share": 0}, "share: is 0, but has to be above 0 and at most 1"),
        ({"share": 1.5}, "share: is 1.5, but has to be above 0 and at most 1"),
        ({"share": float("nan")}, "share: is nan, but has to be a finite number"),
        ({"share": float("inf")}, "share: is inf, but has to be a finite number"),
        ({"share": "0.5"}, "share: is '0.5', but has to be a number"),
        ({"share": True}, "share: is True, but has to be a number"),
        ({"share": None}, "share: is None, but has to be a number"),
        ({"part": 1}, "part: is 1, but has to be at least 0 and below 1"),
        ({"paint": "beeige"}, "paint: is 'beeige', but has to be a colour, as white or #ffffff"),
        ({"paint": 7}, "paint: is 7, but has to be a text"),
        ({"count": -1}, "count: is -1, but has to be at least 0"),
        ({"count": 3.0}, "count: is 3.0, but has to be a whole number"),
        ({"limit": 0}, "limit: is 0, but has to be at least 1"),
        ({"side": 4}, "side: is 4, but has to be odd and at least 1"),
        ({"side": -1}, "side: is -1, but has to be odd and at least 1"),
        ({"way": "away"}, "way: is 'away', but has to be one of here, there, 1"),
        ({"way": True}, "way: is True, but has to be one of here, there, 1"),
        ({"is_on": 1}, "is_on: is 1, but has to be True or False"),
        ({"sides": (1,)}, "sides: is (1,), but has to be a tuple of 2"),
        ({"sides": [1, 2]}, "sides: is [1, 2], but has to be a tuple of 2"),
        ({"sides": (1, 0)}, "sides[1]: is 0, but has to be at least 1"),
    ],
    ids=str,
)
def test_everything_else_is_refused_in_one_line(change, message):
    with pytest.raises(FieldError) as refusal:
        replace(Settings(), **change)

    assert str(refusal.value) == message


def test_a_refusal_is_of_the_kinds_that_callers_catch():
    assert issubclass(FieldError, AnalogyError)
    assert issubclass(FieldError, ValueError)


def test_a_long_value_is_told_in_one_short_line():
    with pytest.raises(FieldError) as refusal:
        Settings(way="far\n" * 1000)

    assert len(str(refusal.value)) < 150
    assert "\n" not in str(refusal.value)
