import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from analogy_kernels.matching.subpixel import as_field, keep_better, refine_field
from tests import oracles

SHAPE = (5, 6)


@pytest.fixture
def images(random):
    return [random.uniform(0.3, 0.7, (*SHAPE, 3)).astype(np.float32) for _ in range(2)]


def identity(shape):
    return np.stack(np.indices(shape), axis=-1)


def test_fields_hold_the_same_positions(target, random):
    nnf = random.integers(0, 500, (4, 7, 2)).astype(np.int32)

    field = target.to_host(as_field(target.asarray(nnf)))

    np.testing.assert_array_equal(field, nnf.astype(np.float32), strict=True)


def test_steps_solve_the_linearised_equations(target, images, random):
    field = (identity(SHAPE) + random.uniform(-1, 1, (*SHAPE, 2))).astype(np.float32)

    out = refine_field(*map(target.asarray, (*images, field)), iterations=2)

    expected = oracles.refine_field(*images, field, iterations=2)
    np.testing.assert_allclose(target.to_host(out), expected, atol=1e-3)


def test_no_iteration_changes_nothing(target, images):
    field = target.asarray(identity(SHAPE).astype(np.float32))

    assert refine_field(*map(target.asarray, images), field, iterations=0) is field


def test_the_start_is_left_alone(target, images):
    field = target.asarray(identity(SHAPE).astype(np.float32))

    refine_field(*map(target.asarray, images), field, iterations=2)

    np.testing.assert_array_equal(target.to_host(field), identity(SHAPE))


def test_shifts_are_found_to_a_twentieth_of_a_pixel_on_average(random):
    texture = gaussian_filter(random.random((60, 70, 3)), (2, 2, 0))
    texture = (texture - texture.min()) / np.ptp(texture)
    displacement = 1.4, -0.7
    moved = np.stack([shift(channel, displacement) for channel in np.moveaxis(texture, -1, 0)], -1)
    source, target = (np.ascontiguousarray(image, np.float32) for image in (texture, moved))
    start = identity(source.shape[:2]) + np.round(displacement)

    out = refine_field(source, target, start.astype(np.float32), iterations=10)

    found = (out - identity(source.shape[:2]))[8:-8, 8:-8]
    # Where they started they were off by 0.4 and 0.3.
    assert np.abs(found - displacement).mean() < 0.05


def test_matches_are_taken_where_they_are_far_better(target, images, random):
    field = random.uniform(-2, 8, (*SHAPE, 2)).astype(np.float32)
    nnf = random.integers(0, SHAPE, (*SHAPE, 2)).astype(np.int32)
    ratio, slack = 1.1, 0.01

    out = keep_better(*map(target.asarray, (*images, field, nnf)), 3, ratio, slack)

    expected = field.copy()
    for p in np.ndindex(SHAPE):
        of_field = oracles.patch_distance(*images, p, field[p], 1)
        of_match = oracles.patch_distance(*images, p, nnf[p], 1)
        if of_field > ratio * of_match + slack:
            expected[p] = nnf[p]
    assert 0 < (expected == field).all(axis=-1).mean() < 1
    np.testing.assert_array_equal(target.to_host(out), expected)
