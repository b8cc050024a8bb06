from typing import get_args

import pytest
import typer

from analogy.cli.options import PresetName, check_share
from analogy.parameters import PRESETS


def test_every_preset_can_be_named():
    assert get_args(PresetName) == tuple(PRESETS)


@pytest.mark.parametrize("share", [0, -0.1, 1.1, float("nan")])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(typer.BadParameter, match="not in the range 0<x<=1"):
        check_share(share)


def test_shares_are_let_through():
    assert check_share(1.0) == 1
    assert check_share(0.01) == 0.01
