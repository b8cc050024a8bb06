import numpy as np

from analogy.method.drawing import draw, drawn_similarity, hold, hold_fractions, pull_of
from analogy.method.points import LevelPoints
from analogy.method.search import LevelFeatures, LevelSearch, Matches
from analogy.parameters import Parameters

FLAT = np.ones((20, 30, 1), np.float32)


def test_one_point_shifts_all():
    pull = pull_of(FLAT, np.array([[4.0, 5.0]]), np.array([[6.0, 8.0]]), (20, 30))

    grid = np.stack(np.mgrid[:20, :30], axis=-1)
    np.testing.assert_allclose(pull.places, np.add(grid, (2, 3)), atol=1e-9)


def test_points_go_where_they_are_said_to(random):
    ours, theirs = random.uniform(0, 20, (5, 2)).round(), random.uniform(0, 20, (5, 2))
    # Twice the same pixel would be told two things.
    assert len(np.unique(ours, axis=0)) == 5

    pull = pull_of(FLAT, ours, theirs, (20, 30))

    at_points = pull.places[tuple(ours.astype(int).T)]
    # Distances are shares of 30 pixels: the nearest other point is a pixel away and has a share of
    # its error, at most 30 pixels, below 1e-6 * 30^2.
    np.testing.assert_allclose(at_points, theirs, atol=5 * 30 * 1e-6 * 30**2)


def test_three_points_scale_what_lies_between():
    ours = np.array([[0.0, 0.0], [0.0, 18.0], [18.0, 9.0]])
    pull = pull_of(FLAT, ours, 2 * ours, (40, 60))

    # Ridge regression keeps a share of a shift; no shift alone comes near.
    assert np.abs(pull.places[8, 9] - (16, 18)).max() < 3


def test_points_in_one_place_or_in_a_line_crash_nothing():
    same = np.zeros((3, 2))
    line = np.arange(3.0)[:, None] * (0, 1)

    for ours in (same, line):
        assert np.isfinite(pull_of(FLAT, ours, line, (20, 30)).places).all()


def test_weights_fade_with_distance_and_unlikeness():
    features = np.zeros((1, 9, 2), np.float32)
    features[..., 0], features[0, 5] = 1, (0, 1)

    weights = pull_of(features, np.array([[0.0, 4.0]]), np.array([[0.0, 4.0]]), (1, 9)).weights[0]

    assert weights[4] > weights[3] > weights[2] > weights[1] > weights[0]
    assert weights[5] < weights[3]
    assert weights[4] == 1


def test_matches_around_the_place_keep_their_similarity(target, random):
    maps = [target.asarray(random.random((2, 9, 3), np.float32)) for _ in range(2)]
    points = LevelPoints(np.array([[0.0, 2.0]]), np.array([[0.0, 6.0]]))

    alike = target.asarray(np.ones((18, 18), np.float32))
    drawn = target.to_host(drawn_similarity(alike, maps, points))

    assert drawn[2].argmax() == 6
    assert drawn[:, 6].argmax() == 2
    assert drawn[2, 6] == 1
    assert drawn[2, 0] < 0.01


def two_alike():
    """One thing in A, and two of it in B', at 2 to 4 and at 10 to 12."""
    a, b = np.zeros((5, 15, 3), np.float32), np.zeros((5, 15, 3), np.float32)
    a[..., 0], b[..., 0] = 1, 1
    for image, column in ((a, 2), (b, 2), (b, 10)):
        image[1:4, column : column + 3] = (0, 1, 0)
    return a, a, b, b


def drawn(target, points):
    """Matches that start in place, and anchors, both of A, and which of its pixels are drawn."""
    features = LevelFeatures(*map(target.asarray, two_alike()))
    grid = target.asarray(np.stack(np.mgrid[:5, :15], axis=-1).astype(np.int32))
    search = LevelSearch(features, 1, Parameters())
    led, anchors = draw(search, Matches(grid, grid), points)
    return target.to_host(led.ab), target.to_host(anchors.ab), anchors.drawn()[0]


def test_what_looks_alike_is_matched_where_the_point_says(target):
    points = LevelPoints(np.array([[2.0, 3.0]]), np.array([[2.0, 11.0]]))

    led, anchors, are_drawn = drawn(target, points)

    grid = np.stack(np.mgrid[1:4, 2:5], axis=-1)
    np.testing.assert_array_equal(led[1:4, 2:5], np.add(grid, (0, 8)))
    np.testing.assert_array_equal(anchors[1:4, 2:5], np.add(grid, (0, 8)))
    assert are_drawn[1:4, 2:5].all()


def test_what_looks_otherwise_stays_free(target):
    points = LevelPoints(np.array([[2.0, 3.0]]), np.array([[2.0, 7.0]]))

    led, anchors, are_drawn = drawn(target, points)

    np.testing.assert_array_equal(led[2, 3], [2, 3])
    assert (anchors[2, 3] < -1000).all()
    assert not are_drawn[2, 3]


def test_pixels_are_held_both_ways(target):
    fields = (np.zeros((4, 5, 2), np.int32), np.zeros((6, 7, 2), np.int32))
    points = LevelPoints(np.array([[1.0, 2.2]]), np.array([[3.0, 0.25]]))

    held = hold(Matches(*map(target.asarray, fields)), points)

    assert target.to_host(held.ab)[1, 2].tolist() == [3, 0]
    assert target.to_host(held.ba)[3, 0].tolist() == [1, 2]
    # Those beside them go along, as far as both ends lie inside.
    assert target.to_host(held.ab)[2, 3].tolist() == [4, 1]
    assert (target.to_host(held.ab)[:, 1] == 0).all()


def test_fractions_are_held(target, random):
    ab, ba = (random.random((4, 5, 2), np.float32) for _ in range(2))
    points = LevelPoints(np.array([[1.0, 2.2]]), np.array([[3.0, 0.25]]))

    held = hold_fractions((target.asarray(ab), target.asarray(ba)), points)
    held_ab, held_ba = map(target.to_host, held)

    assert held_ab[1, 2].tolist() == [3, 0.25]
    np.testing.assert_allclose(held_ba[3, 0], [1, 2.2], rtol=1e-6)
    assert (held_ab != ab).any(axis=-1).sum() == 1
