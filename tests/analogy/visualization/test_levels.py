import numpy as np
import pytest

from analogy.images import resize
from analogy.method.algorithm import LevelState
from analogy.method.search import Matches
from analogy.visualization.levels import LevelTrace, picture_levels
from analogy_kernels.matching.initialize import identity_nnf
from analogy_kernels.target import CPU
from tests import oracles
from tests.analogy.runs import small_run


def test_trace_keeps_every_level_whatever_becomes_of_its_arrays(target, random):
    trace = LevelTrace()
    ab, ba = (random.integers(0, 3, (3, 3, 2)).astype(np.int32) for _ in range(2))
    on_target = [target.asarray(nnf.copy()) for nnf in (ab, ba)]

    trace(LevelState(5, Matches(*on_target), None, None))
    for nnf in on_target:
        nnf[:] = 0

    assert list(trace.fields) == [5]
    for kept, nnf in zip(trace.fields[5], (ab, ba), strict=True):
        assert isinstance(kept, np.ndarray)
        np.testing.assert_array_equal(kept, nnf)


def test_levels_are_pictured_at_the_size_matched():
    run = small_run()

    assert [level.level for level in run.pictures.levels] == [5, 4, 3, 2, 1]
    assert run.pictures.levels[0].ab.size == (5, 4)
    for level in run.pictures.levels:
        for pictures, image in ((level.ab, run.a), (level.ba, run.b_prime)):
            for picture in (pictures.flow, pictures.result, pictures.confidence):
                assert picture.shape == image.shape
                assert picture.dtype == np.uint8


@pytest.mark.parametrize("vote_width", [None, 24.0])
def test_last_level_gives_the_result_itself(vote_width):
    run = small_run(vote_side=5, vote_width=vote_width)

    np.testing.assert_array_equal(run.pictures.levels[-1].ab.result, run.result.a_prime)
    np.testing.assert_array_equal(run.pictures.levels[-1].ba.result, run.result.b)


def test_coarser_levels_give_what_their_upsampled_matches_vote_for():
    """As if the level were the last: along the image's own edges."""
    run = small_run(vote_side=5, vote_width=None)
    ab, _ = run.trace.fields[3]
    guide = resize(run.a, ab.shape[:2])
    fine = oracles.upsample_nnf_guided(ab, guide, run.a, run.b_prime.shape[:2], (4, 4), (4, 4))

    expected = oracles.vote(run.b_prime.astype(np.float64), fine, 5)

    result = run.pictures.levels[2].ab.result
    np.testing.assert_allclose(result, expected, atol=0.5 + 1e-3)
    assert (result != run.result.a_prime).any()


@pytest.fixture
def still():
    """Levels of an image of 32 by 48 pixels matched to itself without moving."""
    trace = LevelTrace()
    for level in (5, 4, 3, 2, 1):
        shape = 32 >> level - 1, 48 >> level - 1
        trace.fields[level] = tuple(np.array(identity_nnf(shape, shape, CPU)) for _ in range(2))
    return trace


def test_standing_still_is_white_and_sure(still, random):
    image = random.integers(0, 256, (32, 48, 3), dtype=np.uint8)

    pictures = picture_levels(still, image, image, 5)

    for level in pictures.levels:
        assert (level.ab.flow == 255).all()
        np.testing.assert_array_equal(level.ab.result, image)
        assert level.ab.mutual == level.ba.mutual == 1


def test_a_match_that_strays_is_coloured_and_unsure(still, random):
    image = random.integers(0, 256, (32, 48, 3), dtype=np.uint8)
    still.fields[3][0][2, 5] = 7, 11
    sure = picture_levels(still, image, image, 5).levels[2].ab

    # One of the 8 by 12 positions, which span four pixels a side.
    assert sure.mutual == pytest.approx(1 - 1 / 96)
    strayed = np.zeros((32, 48), bool)
    strayed[8:12, 20:24] = True
    np.testing.assert_array_equal((sure.flow != 255).any(axis=-1), strayed)
    np.testing.assert_array_equal((sure.confidence != sure.confidence[0, 0]).any(axis=-1), strayed)


def test_images_matched_smaller_are_pictured_smaller(still, random):
    image = random.integers(0, 256, (100, 150, 3), dtype=np.uint8)

    pictures = picture_levels(still, image, image, 5)

    assert pictures.levels[0].ab.result.shape == (32, 48, 3)


def test_levels_of_a_run_that_ends_early_are_pictured(random):
    a, b_prime = random.integers(0, 256, (2, 40, 48, 3), np.uint8)
    trace, state = LevelTrace(), identity_nnf((10, 12), (10, 12))
    trace(LevelState(3, Matches(state, state), None, None))

    (level,) = picture_levels(trace, a, b_prime, 5).levels

    assert level.ab.flow.shape == a.shape
    np.testing.assert_array_equal(
        level.ab.result, oracles.vote(b_prime * 1.0, identity_nnf((40, 48), (40, 48)), 5)
    )
