import json

import pytest

from analogy.cli.main import main
from tests.analogy.evaluation.pictures import write_photographs


def call(*arguments):
    with pytest.raises(SystemExit) as exit_:
        main(["eval", *(str(argument) for argument in arguments)])
    return exit_.value.code


def test_a_command_prints_its_table(tmp_path, capsys):
    path, _ = write_photographs(tmp_path, "a.png", "b.png")

    code = call("features", path, "--iterations", 0, "--out", tmp_path / "out", "--max-side", 36)

    assert code == 0
    assert "| 5 | 2 | 3 | 512 |" in capsys.readouterr().out
    assert (tmp_path / "out/features.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["weights", "absent", "--other", "absent.onnx"], "absent: holds no pairs"),
        (["ablation", "absent.png", "b.png"], "absent.png: no such file"),
        (["features", "absent.png"], "absent.png: no such file"),
    ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)

    assert call(*arguments) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "name"), [(["--points", 1], "points"), (["--transform", "mirrored"], "transforms")]
)
def test_keypoints_are_measured_otherwise(tmp_path, option, name):
    a, b = write_photographs(tmp_path, "a.png", "b.png")
    keypoints = [[4, 4], [30, 9], [9, 30], [28, 28]]
    entry = {"class": "any", "a": a.name, "b": b.name, "kps_a": keypoints, "kps_b": keypoints}
    pairs = tmp_path / "pairs.json"
    pairs.write_text(json.dumps({"pairs": [entry]}))

    code = call(
        *("keypoints", pairs, *option, "--out", tmp_path / "out", "--finest-level", 5),
    )

    assert code == 0
    assert (tmp_path / f"out/{name}.md").is_file()
