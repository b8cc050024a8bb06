import numpy as np
import pytest
from skimage import data

from analogy.images import resize
from analogy.video.motion import Motion, grid, motion_between, moved_along

SHIFT = np.float32([3, -2])


@pytest.fixture(scope="module")
def frames():
    """Windows of a photograph: what is at p in the second is at p + SHIFT in the first."""
    image = resize(data.astronaut(), (110, 110))
    return image[10:90, 10:90], image[13:93, 8:88]


def test_a_shift_is_found_both_ways(frames):
    backward, forward = motion_between(*frames)

    for motion, shift in ((backward, SHIFT), (forward, -SHIFT)):
        steps = (motion.field - grid((80, 80)))[motion.reliable]
        # Half a pixel is what rounding to whole matches hides.
        assert np.linalg.norm(steps - shift, axis=-1).mean() < 0.5
        assert motion.reliable.mean() > 0.85


def test_what_comes_into_sight_is_not_reliable(frames):
    backward, _ = motion_between(*frames)

    assert not backward.reliable[-2:].any()
    assert not backward.reliable[:, :1].any()


def test_what_is_moved_along_is_the_frame(frames):
    previous, frame = frames
    backward, _ = motion_between(previous, frame)

    differences = np.abs(moved_along(previous, backward) - frame)[backward.reliable]
    unmoved = np.abs(previous.astype(np.float32) - frame)[backward.reliable]
    assert differences.mean() < unmoved.mean() / 4


def test_frames_of_different_things_do_not_correspond(frames):
    backward, _ = motion_between(frames[0], resize(data.coffee(), (80, 80)))

    assert backward.reliable.mean() < 0.25


def test_a_coarser_level_moves_by_as_many_pixels_less():
    shift = np.float32([4, -8])
    reliable = np.ones((21, 22), bool)
    reliable[:, 12:] = False
    motion = Motion(grid((21, 22)) + shift, reliable).at_level(3, (6, 6))

    steps = motion.field - grid((6, 6))
    np.testing.assert_allclose(steps, np.broadcast_to(shift / 4, steps.shape), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(motion.reliable, [[True] * 3 + [False] * 3] * 6)


def test_larger_frames_move_by_as_many_pixels_more():
    shift = np.float32([1, -0.5])
    motion = Motion(grid((10, 12)) + shift, np.ones((10, 12), bool)).at_size((25, 24))

    steps = motion.field - grid((25, 24))
    np.testing.assert_allclose(steps, np.broadcast_to([2.5, -1], steps.shape), rtol=0, atol=1e-4)
    assert motion.reliable.all()
    assert motion.reliable.dtype == bool
