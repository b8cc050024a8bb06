import numpy as np
import pytest

from analogy_kernels.matching.correlation import best_of_columns, best_of_rows, correlate


def test_all_pixels_are_compared_with_all(target, random):
    source = random.standard_normal((3, 2, 5), np.float32)
    other = random.standard_normal((1, 5, 5), np.float32)

    found = target.to_host(correlate(target.asarray(source), target.asarray(other)))

    expected = np.tensordot(source.astype(np.float64), other, axes=(2, 2)).reshape(6, 5)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_maps_of_different_channels_are_refused():
    with pytest.raises(ValueError, match=r"has to be float32 \(height, width, 3\)"):
        correlate(np.zeros((2, 2, 3), np.float32), np.zeros((2, 2, 4), np.float32))


# More columns than lanes, fewer, and as many; rows that do not fill a block.
@pytest.mark.parametrize("shape", [(5, 11), (3, 2), (9, 4)])
def test_best_of_rows_and_columns(target, random, shape):
    table = random.standard_normal(shape, np.float32)

    for best, axis in ((best_of_rows, 1), (best_of_columns, 0)):
        value, place = map(target.to_host, best(target.asarray(table)))
        np.testing.assert_array_equal(value, table.max(axis=axis))
        np.testing.assert_array_equal(place, table.argmax(axis=axis))


def test_of_equals_the_first_is_best(target):
    table = np.zeros((4, 9), np.float32)
    table[1, [7, 3]] = 1

    _, column = best_of_rows(target.asarray(table))
    _, row = best_of_columns(target.asarray(table))

    assert target.to_host(column).tolist() == [0, 3, 0, 0]
    assert target.to_host(row).tolist() == [0, 0, 0, 1, 0, 0, 0, 1, 0]
