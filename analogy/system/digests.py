"""What tells files from those that were there before: contents, never names or dates alone."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from analogy.system.outputs import json_text


def digest(path: str | os.PathLike) -> str:
    """SHA-256 of a file, in hexadecimal digits.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_if_any(path: str | os.PathLike) -> str | None:
    """The same, or None of what is no file that can be read."""
    try:
        return digest(path)
    # A name that no file can have is a ValueError.
    except (OSError, ValueError):
        return None


def as_written(record: dict) -> dict:
    """A record as it is read again: tuples are lists once written, and paths are texts."""
    return json.loads(json_text(record))


def read_record(content: bytes) -> dict[str, Any]:
    """A JSON object, or an empty one where there is none."""
    try:
        record = json.loads(content)
    # Malformed JSON and malformed text are both ValueErrors; nesting can be too deep.
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def read_record_of(path: str | os.PathLike) -> dict[str, Any]:
    """A JSON object in a file, or an empty one where there is none."""
    try:
        return read_record(Path(path).read_bytes())
    except OSError:
        return {}
