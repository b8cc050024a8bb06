import contextlib

import numba
import pytest

from analogy.system.compiling import told_of_compiling

pytestmark = pytest.mark.compiled


def told_of(call):
    """How often it was told that something compiles."""
    told = []
    with told_of_compiling(lambda: told.append(1)):
        call()
    return len(told)


def function(cache):
    @numba.njit(cache=cache)
    def add(one, other):
        return one + other

    return add


def test_first_call_compiles_and_no_other():
    add = function(cache=False)

    assert told_of(lambda: add(1, 2)) == 1
    assert told_of(lambda: add(3, 4)) == 0
    assert told_of(lambda: add(1.0, 2.0)) == 1
    add(1, 2.0)
    assert told_of(lambda: None) == 0


def test_what_comes_out_of_a_cache_is_not_compiled(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    told = [told_of(lambda: function(cache=True)(1, 2)) for _ in range(2)]

    assert told == [1, 0]


def test_nothing_is_told_after_a_block_that_failed():
    told = []
    with contextlib.suppress(LookupError), told_of_compiling(lambda: told.append(1)):
        raise LookupError
    function(cache=False)(1, 2)

    assert told == []
