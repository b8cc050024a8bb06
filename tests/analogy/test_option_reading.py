from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Annotated

import pytest
import typer

from analogy.errors import AnalogyError
from analogy.option_reading import (
    UsageError,
    option_names,
    path_options,
    read_request,
    with_options,
)
from analogy.options import OnPage


def test_a_request_is_read_from_texts():
    request = read_request("a.png", "b.png", {"ratio": "0.5", "viz": "yes", "preset": "paper"})

    assert request.parameters.ratio == 0.5
    assert request.parameters.deconv_depth == 1
    assert request.extras.viz
    assert request.folder == Path("out", "a__b")
    assert request.extras.command == "analogy run a.png b.png --preset paper --ratio 0.5 --viz"


def test_a_file_may_be_called_like_an_option():
    assert read_request("--ratio", "b.png", {}).inputs.a == Path("--ratio")


@pytest.mark.parametrize(
    ("name", "text"), [("ratio", "0"), ("seed", "x"), ("preset", "mine"), ("evenness", "-1")]
)
def test_a_value_that_is_none_of_its_options_tells_which(name, text):
    with pytest.raises(UsageError) as refused:
        read_request("a.png", "b.png", {name: text})

    assert refused.value.param.name == name


def test_bounds_are_those_of_the_fields():
    with pytest.raises(UsageError, match=r"is 1\.5, but has to be above 0 and at most 1"):
        read_request("a.png", "b.png", {"ratio": "1.5"})


def test_columns_are_known_by_every_spelling():
    names = option_names()

    assert names["max_side"] == "max_side"
    assert names["set"] == "settings"
    assert names["fill"] == "fill_unreliable"
    assert "quiet" not in names
    assert path_options() == {"mask_a", "mask_b", "keep", "points", "out", "model"}


@dataclass(frozen=True, kw_only=True)
class Sizes:
    height: Annotated[int, typer.Option(), OnPage("Height", "Of it.")] = 1
    width: int = 2


def test_a_command_takes_the_fields_of_its_options():
    def command(name: str, sizes: Sizes):
        return name, sizes

    shown = with_options(command)

    assert list(signature(shown).parameters) == ["name", "height", "width"]
    assert shown(name="x", height=3, width=4) == ("x", Sizes(height=3, width=4))


def test_settings_that_are_none_are_refused_in_one_line():
    with pytest.raises((UsageError, AnalogyError), match="--set: ratios: there is no such"):
        read_request("a.png", "b.png", {"settings": ["ratios=1"]})
