import numpy as np
import pytest

from analogy.parameters import Parameters
from analogy.video.carrying import Fields, follow
from analogy.video.motion import Motion, grid
from analogy.video.parameters import VideoParameters

SHAPE = (16, 18)
ONLY_CARRIED = VideoParameters(coarsest_level=1, search_iterations=0)


def still(shape=SHAPE, shift=(0, 0)):
    return Motion(grid(shape) + np.float32(shift), np.ones(shape, bool))


@pytest.fixture
def maps(random):
    """Features of one level, by level as `follow` takes them."""
    return {1: random.random((*SHAPE, 8), np.float32)}


def follow_once(fields, maps, motion, video=ONLY_CARRIED, style=None):
    return follow({1: fields}, motion, maps, style or maps, Parameters(), video)[1]


def test_what_stands_still_keeps_its_matches(maps, random):
    fields = Fields(random.permutation(grid(SHAPE)), random.permutation(grid(SHAPE)), 0.0)

    found = follow_once(fields, maps, (still(), still()))

    np.testing.assert_array_equal(found.ab, fields.ab)
    np.testing.assert_array_equal(found.ba, fields.ba)


def test_thirds_of_a_pixel_add_up(maps):
    """Things go right by a third: what was at x - 1/3 is at x, and keeps its match."""
    fields = Fields(grid(SHAPE), grid(SHAPE), 0.0)
    third = np.float32(1 / 3)
    motion = still(shift=(0, -third)), still(shift=(0, third))
    for _ in range(3):
        fields = follow_once(fields, maps, motion)

    inside = np.s_[:, 2:-2]
    np.testing.assert_allclose(
        (fields.ab - grid(SHAPE))[inside], (0, -1) * np.ones((16, 14, 2)), atol=1e-5
    )
    np.testing.assert_allclose(
        (fields.ba - grid(SHAPE))[inside], (0, 1) * np.ones((16, 14, 2)), atol=1e-5
    )


def test_what_came_into_sight_continues_what_is_beside_it(maps):
    """At the coarsest level; the carried matches of the right half are worth nothing there."""
    ab = grid(SHAPE)
    ab[:, 9:] = 0
    reliable = np.ones(SHAPE, bool)
    reliable[:, 9:] = False

    found = follow_once(
        Fields(ab, grid(SHAPE), 0.0), maps, (Motion(grid(SHAPE), reliable), still())
    )

    np.testing.assert_array_equal(found.ab, grid(SHAPE))


def test_a_match_is_changed_only_where_that_gains_enough(maps, random):
    """The style is the frame itself, so any other match than that of the same place costs more."""
    ab = random.permutation(grid(SHAPE).reshape(-1, 2)).reshape(*SHAPE, 2)
    fields, motion = Fields(ab, grid(SHAPE), 0.0), (still(), still())
    searching = {"coarsest_level": 1, "search_iterations": 4}

    freely = follow_once(fields, maps, motion, VideoParameters(**searching, least_gain=0))
    never = follow_once(fields, maps, motion, VideoParameters(**searching, least_gain=4))

    assert (freely.ab == grid(SHAPE)).all(axis=-1).mean() > 0.9
    assert freely.cost < never.cost
    np.testing.assert_array_equal(never.ab, ab)


def test_levels_are_those_from_the_coarsest_to_the_finest(random):
    shapes = {3: (4, 5), 2: (8, 9), 1: SHAPE}
    maps = {level: random.random((*shape, 8), np.float32) for level, shape in shapes.items()}
    fields = {level: Fields(grid(shape), grid(shape), 0.0) for level, shape in shapes.items()}
    motion = still(), still()

    def levels(parameters, video):
        return list(follow(fields, motion, maps, maps, parameters, video))

    assert levels(Parameters(), VideoParameters(search_iterations=0)) == [3, 2, 1]
    assert levels(Parameters(finest_level=2), ONLY_CARRIED) == [2]
