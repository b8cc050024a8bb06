import hashlib
from pathlib import Path

import pytest

from analogy.system.digests import as_written, digest, digest_if_any, read_record_of


def test_a_digest_is_of_the_contents(tmp_path):
    (tmp_path / "a").write_bytes(b"contents")

    assert digest(tmp_path / "a") == hashlib.sha256(b"contents").hexdigest()
    assert digest_if_any(tmp_path / "a") == digest(tmp_path / "a")


@pytest.mark.parametrize("name", ["absent", ".", "a\0"])
def test_what_cannot_be_read_has_none(tmp_path, name):
    assert digest_if_any(tmp_path / name) is None


def test_a_record_is_compared_as_it_is_read_again():
    assert as_written({"a": (1, 2), "b": Path("c")}) == {"a": [1, 2], "b": "c"}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"[" * 100_000, b"1"])
def test_what_is_no_record_is_empty(tmp_path, content):
    (tmp_path / "record.json").write_bytes(content)

    assert read_record_of(tmp_path / "record.json") == {}
    assert read_record_of(tmp_path / "absent.json") == {}
