from analogy.method.progress import Progress


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


def test_tells_which_of_several_sizes_it_is_at():
    told = []
    shares = {("a", None): 1.0, ("b", 4, 0): 1.0, ("b", 4, 1): 2.0}
    progress = Progress(lambda *report: told.append(report), shares)

    with progress.stage("a"):
        pass
    for scale in range(2):
        with progress.of_scale(scale, 2).stage("b", 4) as tick:
            tick(0.5)

    assert told == [
        (0.0, "a"),
        (0.25, "a"),
        (0.25, "size 1 of 2, level 4: b"),
        (0.375, "size 1 of 2, level 4: b"),
        (0.5, "size 1 of 2, level 4: b"),
        (0.5, "size 2 of 2, level 4: b"),
        (0.75, "size 2 of 2, level 4: b"),
        (1.0, "size 2 of 2, level 4: b"),
    ]
    assert list(progress.seconds) == [("a", None), ("b", 4)]


def test_a_single_size_goes_without_saying():
    told = []
    progress = Progress(lambda *report: told.append(report), {("a", None, 0): 1.0})

    with progress.of_scale(0, 1).stage("a"):
        pass

    assert told == [(0.0, "a"), (1.0, "a")]


def test_seconds_of_all_sizes_add_up():
    progress = Progress(None, {("a", 4, 0): 1.0, ("a", 4, 1): 1.0})
    seconds = []

    for scale in range(2):
        with progress.of_scale(scale, 2).stage("a", 4):
            pass
        seconds.append(progress.seconds["a", 4])

    assert 0 < seconds[0] < seconds[1]


def test_times_stages():
    progress = Progress(None, {("a", None): 1.0})
    with progress.stage("a"):
        pass
    assert 0 <= progress.seconds["a", None] < 1


def test_a_stage_that_nobody_announced_weighs_nothing():
    told = []
    progress = Progress(lambda *report: told.append(report), {("a", None): 1.0})

    with progress.stage("b"):
        pass
    with progress.stage("a"):
        pass

    assert told == [(0.0, "b"), (0.0, "b"), (0.0, "a"), (1.0, "a")]
    assert list(progress.seconds) == [("b", None), ("a", None)]
