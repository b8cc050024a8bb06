import numpy as np

from analogy_kernels.matching.hough import gather_votes, hough_matching, hough_votes
from tests import oracles

SHAPE, OTHER_SHAPE = (3, 4), (4, 3)


def table(random, shape, other_shape):
    size = np.prod(shape), np.prod(other_shape)
    return random.uniform(-0.3, 1, size).astype(np.float32)


def test_votes_come_from_matches_of_like_displacement(target, random):
    votes = table(random, SHAPE, OTHER_SHAPE)

    found = gather_votes(target.asarray(votes), SHAPE, OTHER_SHAPE, 0.8, 0.4)

    expected = oracles.gather_votes(votes, SHAPE, OTHER_SHAPE, 0.8, 0.4)
    np.testing.assert_allclose(target.to_host(found), expected, atol=1e-6)


def test_both_fields_are_those_of_the_oracle(target, random):
    similarity = table(random, SHAPE, OTHER_SHAPE)
    rounds = ((1.2, 0.4), (0.8, 0.4))

    nnf, other_nnf = hough_matching(target.asarray(similarity), SHAPE, OTHER_SHAPE, 3.0, rounds)

    expected, other_expected = oracles.hough_matching(similarity, SHAPE, OTHER_SHAPE, 3.0, rounds)
    np.testing.assert_array_equal(target.to_host(nnf), expected)
    np.testing.assert_array_equal(target.to_host(other_nnf), other_expected)


def test_sheets_compete_and_vote_each_by_itself(target, random):
    similarity = table(random, SHAPE, (3 * OTHER_SHAPE[0], OTHER_SHAPE[1]))
    rounds = ((1.2, 0.4), (0.8, 0.4))

    fields = hough_matching(target.asarray(similarity), SHAPE, OTHER_SHAPE, 3.0, rounds, sheets=3)

    expected = oracles.hough_matching(similarity, SHAPE, OTHER_SHAPE, 3.0, rounds, sheets=3)
    for field, of_oracle in zip(fields, expected, strict=True):
        np.testing.assert_array_equal(target.to_host(field), of_oracle)


def test_votes_tell_how_well_sheets_go_together(target, random):
    similarity = table(random, SHAPE, (2 * OTHER_SHAPE[0], OTHER_SHAPE[1]))

    votes = hough_votes(target.asarray(similarity), SHAPE, OTHER_SHAPE, 3.0, 0.8, 0.4, sheets=2)

    expected = oracles.hough_votes(similarity, SHAPE, OTHER_SHAPE, 3.0, 0.8, 0.4, sheets=2)
    # Sums of at most 5 * 5 * 3 * 3 products of values up to one, in single precision.
    np.testing.assert_allclose(target.to_host(votes), expected, atol=1e-5)


def test_without_votes_the_most_similar_match_wins(random):
    similarity = table(random, SHAPE, OTHER_SHAPE)

    nnf, _ = hough_matching(similarity, SHAPE, OTHER_SHAPE, 3.0, ())

    place = nnf[..., 0] * OTHER_SHAPE[1] + nnf[..., 1]
    np.testing.assert_array_equal(place.ravel(), similarity.argmax(axis=1))


def test_displacement_decides_between_look_alikes():
    # Two equal things in a row of pixels: similarity alone takes the first of either.
    shape = 1, 8
    looks = np.array([0, 1, 2, 3, 4, 1, 2, 5])
    similarity = 0.2 + 0.8 * (looks[:, None] == looks).astype(np.float32)

    plain, _ = hough_matching(similarity, shape, shape, 4.0, ())
    voted, _ = hough_matching(similarity, shape, shape, 4.0, ((2, 0.3),))

    assert plain[0, 5].tolist() == [0, 1]
    np.testing.assert_array_equal(voted[0, :, 1], np.arange(8))


def test_a_pixel_like_nothing_is_matched_inside_the_map():
    nnf, other_nnf = hough_matching(
        -np.ones((12, 12), np.float32), SHAPE, OTHER_SHAPE, 4.0, ((1, 0.5),)
    )

    assert not nnf.any()
    assert not other_nnf.any()
