import sys

import pytest

from analogy.cli.main import main


def refusal_of(capsys, *options):
    with pytest.raises(SystemExit) as exit_:
        main(["serve", *options])
    assert exit_.value.code == 2
    return capsys.readouterr().err


def test_packages_that_are_missing_are_named_with_the_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert refusal_of(capsys) == (
        "error: serve: needs uvicorn; pip install 'deep-image-analogy[web]'\n"
    )


@pytest.mark.parametrize("share", ["0", "1.1", "nan"])
def test_share_of_memory_is_checked(capsys, share):
    assert "is not in the range 0<x<=1" in refusal_of(capsys, "--memory-share", share)
