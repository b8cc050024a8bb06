from dataclasses import replace

import pytest

from analogy.method.progress import Progress
from analogy.method.stages import COMPILING, PREPARATION, expected_shares
from analogy.parameters import PRESETS, Parameters
from analogy.run_files import WRITING
from analogy.service.progress import Pace, in_plain_words

SHAPES = [((60, 60), (60, 60)), ((100, 100), (100, 100)), ((200, 200), (200, 200))]

# Words of the paper, which say nothing to people who have not read it.
JARGON = ("level", "reconstruction", "vote", "feature", "kernel", "search", "size")


def stages_told(parameters, shapes):
    """What a run tells of all the stages that it is expected to have."""
    told = [PREPARATION, COMPILING, WRITING]
    progress = Progress(lambda fraction, stage: told.append(stage), {})
    for name, level, *scale in expected_shares(parameters, shapes):
        of = progress.of_scale(scale[0], len(shapes)) if scale else progress
        with of.stage(name, level):
            pass
    return told


@pytest.mark.parametrize("shapes", [SHAPES, SHAPES[:1]])
def test_every_stage_has_words_without_jargon(shapes):
    everything = replace(PRESETS["flow"], refine=True, choose_alphas=True)
    for parameters in (*PRESETS.values(), everything):
        for stage in stages_told(parameters, shapes):
            words = in_plain_words(stage)
            assert words != stage, stage
            assert not [word for word in JARGON if word in words], words


def test_sizes_are_told_as_passes():
    told = [in_plain_words(f"size {size} of 3, level 2: search") for size in (1, 2, 3)]

    assert told == [
        "finding which part belongs to which (small copies first, 1 of 3)",
        "finding which part belongs to which (larger copies, 2 of 3)",
        "finding which part belongs to which (full detail, 3 of 3)",
    ]
    assert (
        in_plain_words("size 2 of 2, features") == "looking at the pictures (full detail, 2 of 2)"
    )


def test_compiling_is_said_where_it_compiles_and_nowhere_else():
    told = stages_told(Parameters(), SHAPES)

    assert [stage for stage in told if "compiling" in in_plain_words(stage)] == [COMPILING]


def test_stage_that_is_not_known_is_told_as_it_is():
    assert in_plain_words("brewing") == "brewing"
    assert in_plain_words("") == ""


def test_time_left_follows_the_work_and_not_what_comes_before_it():
    pace = Pace()
    # A minute of compiling says nothing of the rest.
    pace.note(0.0, "features", 0.0)
    pace.note(0.01, COMPILING, 60.0)
    pace.note(0.02, "size 1 of 2, level 5: search", 60.0)
    assert pace.seconds_left(60.0) is None
    pace.note(0.27, "size 1 of 2, level 4: search", 70.0)

    # A quarter took 10 s, and 0.73 are left.
    assert pace.seconds_left(70.0) == pytest.approx(29.2)
    # It goes on falling while nothing is told, and is never less than none.
    assert pace.seconds_left(75.0) == pytest.approx(24.2)
    assert pace.seconds_left(170.0) == 0


def test_time_left_is_not_told_before_anything_was_seen():
    pace = Pace()
    assert pace.seconds_left(5.0) is None
    pace.note(0.1, "vote", 5.0)
    pace.note(0.9, "vote", 5.5)
    assert pace.seconds_left(6.0) is None


def test_what_is_shown_glides_and_never_goes_back():
    pace = Pace()
    assert pace.shown(100.0) == 0
    pace.note(0.0, "features", 100.0)
    pace.note(0.05, "vote", 160.0)
    # A stage that ends at once is come to bit by bit, from when it has ended.
    pace.note(0.6, "vote", 170.0)
    shown = [pace.shown(170.0 + seconds) for seconds in (0, 1, 2, 3, 60)]
    assert shown == pytest.approx([0.05, 0.3, 0.55, 0.6, 0.6])

    pace.note(0.1, "vote", 173.0)
    assert pace.shown(180.0) == pytest.approx(0.6)
