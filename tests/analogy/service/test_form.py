import dataclasses
import shlex

import pytest

from analogy import AnalogyError
from analogy.parameters import BLEND_WEIGHTS, PRESETS
from analogy.service.form import (
    APPLICATIONS,
    command_of,
    file_name,
    in_the_forms_words,
    parameters_of,
)


@pytest.mark.parametrize("preset", APPLICATIONS)
def test_application_is_its_preset(preset):
    assert parameters_of({"preset": preset}) == PRESETS[preset]


def test_nothing_given_is_the_default():
    assert parameters_of({}) == PRESETS["default"]


def test_options_change_what_they_name_alone():
    fields = {"preset": "photo2photo", "weight": "1", "ratio": "0.5", "max_side": "64", "seed": "7"}
    expected = dataclasses.replace(
        PRESETS["photo2photo"], alphas=BLEND_WEIGHTS[1], ratio=0.5, max_side=64, seed=7
    )
    assert parameters_of(fields) == expected
    automatic = parameters_of({"weight": "auto", "ratio": "0.75"})
    assert automatic == dataclasses.replace(PRESETS["default"], choose_alphas=True, ratio=0.75)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("preset", "flow", "preset: 'flow'"),
        ("weight", "4", "weight: '4'"),
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
        parameters_of({field: value})
    assert len(str(error.value)) < 200


def test_command_means_the_same():
    fields = {"preset": "style2style", "weight": "3", "ratio": "0.5", "max_side": "64", "seed": "7"}
    words = shlex.split(command_of("it's.png", "cup.png", fields))
    assert words[:4] == ["analogy", "run", "it's.png", "cup.png"]
    assert dict(zip(words[4:-1:2], words[5:-1:2], strict=True)) == {
        "--preset": "style2style",
        "--weight": "3",
        "--ratio": "0.5",
        "--max-side": "64",
        "--seed": "7",
    }
    assert words[-1] == "--report"


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
