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
