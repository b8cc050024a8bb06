import pytest

from analogy.progress import Progress


def test_tells_the_share_done_and_where_it_is():
    told = []
    progress = Progress(lambda *report: told.append(report), {("a", None): 1.0, ("b", 4): 3.0})

    with progress.stage("a"):
        pass
    with progress.stage("b", 4) as tick:
        tick(0.5)

    assert told == [
        (0.0, "a"),
        (0.25, "a"),
        (0.25, "level 4: b"),
        (0.625, "level 4: b"),
        (1.0, "level 4: b"),
    ]


def test_times_stages():
    progress = Progress(None, {("a", None): 1.0})
    with progress.stage("a"):
        pass
    assert 0 <= progress.seconds["a", None] < 1


def test_a_stage_nobody_planned_is_an_error():
    progress = Progress(None, {("a", None): 1.0})
    with pytest.raises(KeyError), progress.stage("b"):
        pass
