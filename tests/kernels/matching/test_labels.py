import numpy as np
import pytest
from hypothesis import given

from analogy_kernels.matching.labels import is_allowed, label_map, legal_nnf, no_labels
from analogy_kernels.target import CPU
from tests import oracles
from tests.strategies import generators, property_test, random_nnf, shapes


def labels_of(generator, shape, other_shape):
    """Labels of two maps; the second has every label of the first."""
    other = generator.integers(0, 3, other_shape)
    labels = generator.choice(np.unique(np.append(other, 0)), shape)
    return labels, other


@property_test
@given(generators, shapes, shapes)
def test_only_forbidden_matches_are_drawn_anew(target, generator, shape, other_shape):
    labels, other = labels_of(generator, shape, other_shape)
    nnf = random_nnf(generator, shape, other_shape)

    maps = label_map(labels, target), label_map(other, target)
    out = target.to_host(legal_nnf(target.asarray(nnf), *maps, seed=5))

    np.testing.assert_array_equal(out, oracles.legal_nnf(nnf, labels, other, 5), strict=True)


def test_every_pixel_of_the_label_is_drawn(random):
    labels, other = np.ones((40, 40), int), random.integers(0, 3, (4, 6))
    nnf = np.zeros((40, 40, 2), np.int32)
    other[0, 0] = 2

    out = legal_nnf(nnf, label_map(labels), label_map(other), seed=0)

    drawn = np.unique(out.reshape(-1, 2), axis=0)
    np.testing.assert_array_equal(drawn, np.argwhere(other == 1))


def test_seeds_differ(random):
    nnf, none = np.zeros((20, 20, 2), np.int32), np.ones((20, 20), int)
    other = np.ones((20, 20), int)
    other[0, 0] = 0
    first, again, second = (
        legal_nnf(nnf, label_map(none), label_map(other), seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()


def test_a_label_asks_for_itself_and_a_free_pixel_for_nothing():
    labels = np.int32([[0, 1, 2]])

    allowed = [[is_allowed(labels, labels, 0, x, 0, to) for to in range(3)] for x in range(3)]

    assert allowed == [[True, True, True], [False, True, False], [False, False, True]]


def test_without_labels_everything_is_allowed():
    none = no_labels(4, CPU)

    assert is_allowed(none, none, 3, 5, 2, 7)


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        ([[0.5, 1.0]], TypeError),
        ("labels", TypeError),
        ([1, 2], ValueError),
        (np.zeros((0, 3), int), ValueError),
        ([[0, -1]], ValueError),
    ],
)
def test_what_are_no_labels_is_refused(labels, error):
    with pytest.raises(error, match="labels"):
        label_map(labels)
