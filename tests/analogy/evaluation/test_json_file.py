import pytest

from analogy.errors import AnalogyError
from analogy.evaluation.json_file import read_json


def test_json_is_read_as_it_is(tmp_path):
    path = tmp_path / "list.json"
    path.write_text('["ä", 1, null]', encoding="utf-8")

    assert read_json(path) == ["ä", 1, None]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file; check the path"),
        (b"", "no JSON"),
        (b'{"a": ', "no JSON"),
        (b'{"a":\n\n 1 2}', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"9" * 5000, "no JSON"),
        (b"\xff", "cannot be read"),
    ],
)
def test_what_is_no_json_is_named_in_one_line(tmp_path, content, reason):
    path = tmp_path / "list.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(AnalogyError) as raised:
        read_json(path)

    assert str(raised.value).startswith(f"{path}: {reason}")
    assert "\n" not in str(raised.value)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(AnalogyError, match="cannot be read"):
        read_json(tmp_path)
