import logging

import numpy as np
import pytest

from analogy.errors import AnalogyError
from analogy.method.points import MatchingPoints, as_points, held_field

SHAPES = (60, 80), (100, 50)


@pytest.mark.parametrize(
    "points",
    [
        [1, 2, 3, 4],
        np.zeros((0, 4)),
        np.zeros((2, 3)),
        [["a", 1, 2, 3]],
        [[np.nan, 1, 2, 3]],
        [[1], [2, 3]],
    ],
)
def test_what_is_no_points_is_refused(points):
    with pytest.raises(AnalogyError, match=r"^points: "):
        as_points(points)


@pytest.mark.parametrize(
    ("point", "image"),
    [
        ((80, 0, 0, 0), "A"),
        ((0, 60, 0, 0), "A"),
        ((-1, 0, 0, 0), "A"),
        ((0, 0, 50, 0), "B"),
        ((0, 0, 0, 100), "B"),
    ],
)
def test_points_outside_are_refused(point, image):
    points = as_points([(1, 1, 1, 1), point])

    with pytest.raises(AnalogyError, match=rf"points\[1\]: .* is outside {image}"):
        points.inside(*SHAPES)


def test_points_in_corners_are_inside():
    points = as_points([(0, 0, 49, 99), (79, 59, 0, 0)])

    assert points.inside(*SHAPES) is points


@pytest.mark.parametrize(
    ("second", "is_told"),
    [
        ((10, 10, 40, 90), True),
        ((10.5, 10, 40, 90), True),
        ((60, 50, 10, 10), True),
        ((10, 10, 11, 10), False),
        ((60, 50, 40, 90), False),
    ],
)
def test_points_that_contradict_each_other_are_told(second, is_told, caplog):
    points = as_points([(10, 10, 10, 10), second])

    with caplog.at_level(logging.WARNING):
        points.warn_of_contradictions(*SHAPES)

    assert [record.message for record in caplog.records] == (
        ["points[0] and points[1] contradict each other; leave out one"] if is_told else []
    )


def test_many_contradictions_are_one_line(caplog):
    ends = [(10, 10, 0, 0), (10, 10, 40, 0), (10, 10, 0, 40)]

    as_points(ends).warn_of_contradictions(*SHAPES)

    assert len(caplog.records) == 1
    assert "2 more pairs" in caplog.text


def test_a_level_has_the_points_at_its_size():
    points = MatchingPoints(as_points([(79, 0, 24.5, 49.5)]), *SHAPES)

    level = points.at(2, (30, 40), (100, 50))

    # A is matched at half its size, and level 2 halves both: pixel 79 is the last of 20.
    np.testing.assert_allclose(level.a, [[0.5 / 4 - 0.5, 79.5 / 4 - 0.5]])
    np.testing.assert_allclose(level.b_prime, [[24.5, 12]])


def test_pixels_of_points_are_held_and_those_beside_them():
    nnf = np.full((6, 7, 2), 9, np.int32)
    ours, theirs = np.array([[2.4, 3.0], [2.0, 4.0]]), np.array([[0.0, 1.0], [5.0, 5.0]])

    held = held_field(nnf, ours, theirs, (10, 10))

    # Each its own, though the one lies beside the other.
    assert held[2, 3].tolist() == [0, 1]
    assert held[2, 4].tolist() == [5, 5]
    assert held[3, 2].tolist() == [1, 0]
    # Beside the first it would lead outside.
    assert held[1, 2].tolist() == [9, 9]
    assert (held[4:] == 9).all()
    assert (nnf == 9).all()
