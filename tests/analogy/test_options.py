from dataclasses import fields
from typing import get_args

import pytest
import typer

from analogy.options import MethodOptions, PresetName, check_share, options_on_page
from analogy.parameters import PRESETS, Parameters

# Options that set more than a field, or a field by another name.
OTHERS = {"preset", "weight", "category", "settings", "resample"}


def test_every_preset_can_be_named():
    assert get_args(PresetName) == tuple(PRESETS)


@pytest.mark.parametrize("share", [0, -0.1, 1.1, float("nan")])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(typer.BadParameter, match="not in the range 0<x<=1"):
        check_share(share)


def test_shares_are_let_through():
    assert check_share(1.0) == 1
    assert check_share(0.01) == 0.01


def test_options_are_named_as_the_fields_that_they_set():
    known = {field.name for field in fields(Parameters)}

    assert {field.name for field in fields(MethodOptions)} <= known | OTHERS


def test_the_page_offers_options_that_there_are():
    assert set(options_on_page()) <= {field.name for field in fields(MethodOptions)}
