import dataclasses
import shlex
from pathlib import Path
from typing import get_type_hints

import pytest

from analogy import AnalogyError
from analogy.options import MethodOptions
from analogy.parameters import APPLICATIONS, BLEND_WEIGHTS, PRESETS
from analogy.service.form import (
    again_with_points,
    file_name,
    form_fields,
    in_the_forms_words,
    request_of,
)


def asked(**texts):
    return request_of("it's.png", "cup.png", Path("results"), texts)


@pytest.mark.parametrize("preset", APPLICATIONS)
def test_application_is_its_preset(preset):
    assert asked(preset=preset).parameters == PRESETS[preset]


def test_nothing_given_is_the_default():
    request = asked()

    assert request.parameters == PRESETS["default"]
    assert request.folder == Path("results")
    assert request.extras.report
    assert (request.inputs.a, request.inputs.b_primes) == (Path("it's.png"), [Path("cup.png")])


def test_options_change_what_they_name_alone():
    request = asked(preset="photo2photo", weight="1", ratio="0.5", max_side="64", seed="7")
    assert request.parameters == dataclasses.replace(
        PRESETS["photo2photo"], alphas=BLEND_WEIGHTS[1], ratio=0.5, max_side=64, seed=7
    )
    automatic = asked(weight="auto", ratio="0.75").parameters
    assert automatic == dataclasses.replace(PRESETS["default"], choose_alphas=True, ratio=0.75)


def test_what_the_page_does_not_offer_is_left_aside():
    assert asked(out="/etc", report="no", settings="seed=3").parameters == PRESETS["default"]


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("preset", "flow", "preset: 'flow'"),
        ("weight", "4", "own structure kept: '4'"),
        ("ratio", "0", "scale: '0'"),
        ("ratio", "1.5", "scale: '1.5'"),
        ("ratio", "nan", "scale: 'nan'"),
        ("ratio", "half", "scale: 'half'"),
        ("ratio", "auto", "scale: 'auto'"),
        ("max_side", "31", "longest side: '31'"),
        ("max_side", "1e3", "longest side: '1e3'"),
        ("seed", "-1", "seed: '-1'"),
        ("seed", "4294967296", "seed: '4294967296'"),
        ("seed", "9" * 900, "seed: '999"),
    ],
)
def test_field_that_cannot_be_understood_is_named(field, value, says):
    with pytest.raises(AnalogyError, match=f"^{says}") as error:
        asked(**{field: value})
    assert len(str(error.value)) < 200


def test_command_means_the_same():
    fields = {"preset": "style2style", "weight": "3", "ratio": "0.5", "max_side": "64", "seed": "7"}
    words = shlex.split(asked(**fields).extras.command)
    assert words[:4] == ["analogy", "run", "it's.png", "cup.png"]
    assert dict(zip(words[4:-1:2], words[5:-1:2], strict=True)) == {
        "--preset": "style2style",
        "--weight": "3",
        "--ratio": "0.5",
        "--max-side": "64",
        "--seed": "7",
    }
    assert words[-1] == "--report"


def test_fields_are_shown_with_their_bounds():
    fields = {field.name: field for field in form_fields()}

    assert set(fields) <= set(get_type_hints(MethodOptions))
    assert list(fields["weight"].choices) == ["1", "2", "3", "auto"]
    ratio, seed = fields["ratio"], fields["seed"]
    assert (ratio.usual, ratio.low, ratio.high, ratio.step) == ("1", "0", "1", "any")
    assert (seed.usual, seed.low, seed.step) == ("0", "0", "1")
    assert int(seed.high) == 2**32 - 1
    assert fields["max_side"].low == "32"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("photo.png", "photo.png"),
        ("../../etc/passwd", "passwd"),
        (r"C:\pictures\my photo.jpg", "my_photo.jpg"),
        ("-rf.png", "rf.png"),
        (".hidden", "hidden"),
        ("..", "a"),
        ("", "a"),
        (None, "a"),
        ("bild\x00\n<b>.png", "bild_b_.png"),
        ("Straße.png", "Straße.png"),
        ("x" * 500 + ".png", "x" * 56 + ".png"),
    ],
)
def test_file_names_are_made_harmless(sent, kept):
    assert file_name(sent, "a") == kept


def test_messages_use_the_forms_names():
    said = in_the_forms_words("a.png: too small; raise --ratio or --max-side")
    assert said == "a.png: too small; raise scale or longest side"


def test_a_request_is_asked_again_by_points():
    first = request_of("a.png", "b.png", Path("first"), {"seed": "3"})

    again = again_with_points(again_with_points(first, Path("second")), Path("third"))

    assert (again.folder, again.parameters) == (Path("third"), first.parameters)
    assert again.inputs.guides == {"points": Path("points.csv")}
    assert again.extras.command == f"{first.extras.command} --points points.csv"
