import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analogy_kernels.solvers.vectors import add_scaled, combine
from tests.strategies import generators, property_test

# The sums are of at most nine products of numbers near one, each rounded to float32.
TOLERANCE = 9 * 9 * np.finfo(np.float32).eps


@property_test
@given(generators, st.integers(1, 9), st.integers(1, 50))
def test_combines_rows_over_one_of_them(target, generator, k, length):
    rows = generator.uniform(-1, 1, (k, length)).astype(np.float32)
    coefficients = generator.uniform(-1, 1, k).astype(np.float32)
    row = int(generator.integers(k))
    out = target.asarray(rows.copy())

    combine(out, coefficients, row)

    expected = rows.astype(np.float64)
    expected[row] = coefficients.astype(np.float64) @ expected
    np.testing.assert_allclose(target.to_host(out), expected, rtol=0, atol=TOLERANCE)


def test_combines_more_than_one_chunk(random):
    rows = random.uniform(-1, 1, (3, 10_000)).astype(np.float32)
    coefficients = random.uniform(-1, 1, 3).astype(np.float32)
    expected = coefficients.astype(np.float64) @ rows

    combine(rows, coefficients, 1)

    np.testing.assert_allclose(rows[1], expected, rtol=0, atol=TOLERANCE)


def test_adds_in_place(target):
    x = target.asarray(np.arange(40, dtype=np.float32))

    add_scaled(x, 0.5, x, x)

    np.testing.assert_array_equal(target.to_host(x), 1.5 * np.arange(40))


def test_vectors_of_other_lengths_are_refused():
    x, longer = np.zeros(3, np.float32), np.zeros(4, np.float32)

    for vectors, told in (
        ((longer, x, x), r"direction is float32 \(3,\); it has to be float32 \(4,\)"),
        ((x, longer, x), r"direction is float32 \(4,\); it has to be float32 \(3,\)"),
        ((x, x, longer), r"out is float32 \(4,\); it has to be float32 \(3,\)"),
    ):
        a, direction, out = vectors
        with pytest.raises(ValueError, match=told):
            add_scaled(a, 1.0, direction, out)


@pytest.mark.parametrize(
    ("coefficients", "row", "told"),
    [
        ([1, 2], 0, "coefficients has 2 items"),
        ([1, 2, 3], 3, "row is 3"),
        ([1, 2, 3], -1, "row is -1"),
    ],
)
def test_coefficients_and_row_have_to_fit(coefficients, row, told):
    with pytest.raises(ValueError, match=told):
        combine(np.zeros((3, 4), np.float32), coefficients, row)
