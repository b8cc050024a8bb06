import errno

import pytest

from analogy.errors import AnalogyError, explained


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (AnalogyError("a.png: no image"), "a.png: no image"),
        (MemoryError(), "memory ran out; try a smaller --ratio"),
        (OSError(errno.EIO, "Input/output error", "a.png"), "a.png: Input/output error"),
        (OSError("odd"), "the system: odd"),
        (ValueError("two\nlines"), "ValueError: two lines"),
    ],
)
def test_whatever_ends_a_transfer_is_one_line(error, text):
    assert explained(error) == text
