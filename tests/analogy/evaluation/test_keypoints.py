import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from analogy.cli.main import main
from analogy.errors import AnalogyError
from analogy.evaluation.keypoints import (
    carry,
    evaluate,
    longer_side,
    percentage_correct,
    read_pairs,
)
from analogy.parameters import BLEND_WEIGHTS, PRESETS

MATCHES = PRESETS["matches"]

WILLOW = Path(__file__).parents[4] / "shared" / "willow" / "pairs.json"

ENTRY = {"class": "cat", "a": "a.png", "b": "b.png", "kps_a": [[1, 2]], "kps_b": [[3, 4]]}


@pytest.fixture
def folder(tmp_path):
    """A photograph and a piece of it, 12 pixels on."""
    image = Image.fromarray(data.chelsea()[:, 60:360]).resize((128, 128))
    image.crop((0, 0, 116, 128)).save(tmp_path / "a.png")
    image.crop((12, 0, 128, 128)).save(tmp_path / "b.png")
    return tmp_path


def write(folder, *entries):
    path = folder / "pairs.json"
    path.write_text(json.dumps({"pairs": entries}))
    return path


def test_points_within_a_share_of_the_side_are_correct():
    truth = np.array([[0.0, 0], [10, 0], [0, 40], [0, 0]])
    off = np.array([[2.0, 0], [0, -4.01], [6, 0], [9, 0]])

    assert longer_side(truth) == 40
    # At shares of 2, 4, 6 and 8 pixels.
    assert percentage_correct(truth + off, truth, 40) == [0.25, 0.25, 0.75, 0.75]


def test_keypoints_go_where_the_nearest_pixel_goes():
    flow = np.zeros((3, 4, 2), np.float32)
    flow[1, 2], flow[2, 3] = (5, -1), (7, 7)

    carried = carry(np.array([[2.4, 0.6], [9.0, 9.0]]), flow)

    np.testing.assert_allclose(carried, [[7.4, -0.4], [16, 16]])


def test_the_limit_counts_pairs_of_a_class(folder):
    dog = ENTRY | {"class": "dog"}
    path = write(folder, ENTRY, ENTRY, dog, ENTRY)

    assert [pair.name for pair in read_pairs(path)] == ["cat", "cat", "dog", "cat"]
    assert [pair.name for pair in read_pairs(path, 1)] == ["cat", "dog"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (3, "no object"),
        (ENTRY | {"class": None}, '"class"'),
        (ENTRY | {"a": "c.png"}, "c.png"),
        (ENTRY | {"kps_a": "none"}, '"kps_a"'),
        (ENTRY | {"kps_b": [[1, 2, 3]]}, '"kps_b"'),
        (ENTRY | {"kps_b": [[1, None]]}, '"kps_b"'),
        (ENTRY | {"kps_b": [[1, 2], [3, 4]]}, "1 kps_a and 2 kps_b"),
        (ENTRY | {"kps_a": []}, '"kps_a"'),
    ],
)
def test_malformed_pairs_are_told_by_file_and_place(folder, entry, message):
    path = write(folder, ENTRY, entry)

    with pytest.raises(AnalogyError) as raised:
        read_pairs(path)

    assert f"{path}: pairs[1]" in str(raised.value)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pairs": []}', '{"pairs": 3}', "\xff"])
def test_malformed_files_are_named(folder, text):
    path = folder / "pairs.json"
    path.write_text(text, encoding="latin-1")

    with pytest.raises(AnalogyError, match=r"pairs\.json"):
        read_pairs(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AnalogyError, match="no such file"):
        read_pairs(tmp_path / "pairs.json")


def test_a_shift_is_followed_and_all_is_written(folder, tmp_path):
    keypoints = np.array([[30, 40], [60, 50], [80, 90], [90, 30], [50, 100]], float)
    path = write(
        folder,
        ENTRY | {"kps_a": keypoints.tolist(), "kps_b": (keypoints - (12, 0)).tolist()},
    )
    out = tmp_path / "out"
    out.mkdir()

    tables = evaluate(read_pairs(path), replace(MATCHES, finest_level=4), out, device="cpu")

    # The box is 70 pixels high, a pixel of level 4 is 8: 12 pixels are more than a tenth.
    name, count, analogy, neighbour, place = tables[0].rows[0]
    assert (name, count) == ("cat", 1)
    assert analogy >= 0.8
    assert 0 <= neighbour <= 1
    assert place == 0
    record = json.loads((out / "keypoints.json").read_text())
    assert record["pairs"][0]["pck"]["analogy"][1] == analogy
    assert "PCK at 0.1" in (out / "keypoints.md").read_text()
    sheet = np.asarray(Image.open(out / "keypoints.png"))
    assert (sheet == (230, 25, 75)).all(axis=-1).any()


def test_of_image_is_more_lenient_where_the_thing_is_small(folder, tmp_path):
    entry = ENTRY | {"kps_a": [[50, 50], [60, 60]], "kps_b": [[38, 50], [48, 60]]}
    pairs = read_pairs(write(folder, entry))
    parameters = replace(MATCHES, finest_level=5)

    of_box, of_image = (
        evaluate(pairs, parameters, tmp_path, of=of, device="cpu")[0].rows[0][-1]
        for of in ("box", "image")
    )

    # Twelve pixels off, of a box of ten and an image of 128.
    assert (of_box, of_image) == (0, 1)


def test_command_line_says_what_is_wrong(folder, capsys):
    path = write(folder, {})

    with pytest.raises(SystemExit) as exit_:
        main(["eval", "keypoints", str(path), "--out", str(folder / "out")])

    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "pairs.json" in error
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ([], {"max_side": 256}),
        (
            [
                *("--weight", "3", "--max-side", "128"),
                *("--coarse-matching", "patchmatch", "--finest-level", "4"),
            ],
            {
                "alphas": BLEND_WEIGHTS[3],
                "max_side": 128,
                "coarse_matching": "patchmatch",
                "finest_level": 4,
            },
        ),
    ],
)
def test_command_line_carries_by_the_preset_for_matches(folder, monkeypatch, options, changes):
    handed = []

    def stop(pairs, parameters, *_, **__):
        handed.append(parameters)
        raise KeyboardInterrupt

    monkeypatch.setattr("analogy.evaluation.keypoints.evaluate", stop)
    arguments = [str(write(folder, ENTRY)), "--out", str(folder / "out"), *options]

    with pytest.raises(SystemExit) as exit_:
        main(["eval", "keypoints", *arguments])

    assert exit_.value.code == 130
    assert handed == [replace(MATCHES, **changes)]


@pytest.mark.skipif(not WILLOW.exists(), reason="PF-WILLOW is not here")
def test_votes_carry_more_keypoints_than_neighbours_do(tmp_path):
    pairs = read_pairs(WILLOW, 1)
    parameters = replace(MATCHES, max_side=224, finest_level=4)
    tables = evaluate(pairs, parameters, tmp_path, device="cpu")

    _, _, analogy, neighbour, _ = tables[0].rows[-1]
    assert analogy > 0.35
    assert analogy > neighbour + 0.1
