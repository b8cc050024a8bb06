import numpy as np
import pytest
from numba import njit

from analogy_kernels.network.products import COLUMNS, ROWS, multiply, pack, panels_of

# Half an ulp of float32.
ROUNDING = 2.0**-24


@njit
def product(rows, packed, out):
    multiply(rows, packed, out)


@pytest.mark.parametrize("columns", [1, COLUMNS - 1, COLUMNS, 2 * COLUMNS + 3])
@pytest.mark.parametrize("depth", [1, 2, 37])
@pytest.mark.parametrize("tiles", [1, 3])
def test_product(random, tiles, depth, columns):
    rows = random.standard_normal((tiles * ROWS, depth), np.float32)
    matrices = random.standard_normal((2, depth, columns), np.float32)
    packed = pack(matrices)

    for matrix, panels in zip(matrices, packed, strict=True):
        out = np.full((len(rows), panels_of(columns) * COLUMNS), np.nan, np.float32)
        product(rows, panels, out)

        exact = rows.astype(np.float64) @ matrix
        # A sum of so many products, each rounded, and rounded after each.
        bound = (depth + 1) * ROUNDING * (np.abs(rows).astype(np.float64) @ np.abs(matrix))
        assert (np.abs(out[:, :columns] - exact) <= bound).all()
        assert not out[:, columns:].any()


def test_rows_that_are_no_numbers_leave_the_others_alone(random):
    rows = random.standard_normal((ROWS, 5), np.float32)
    packed = pack(random.standard_normal((1, 5, COLUMNS), np.float32))[0]
    expected, out = (np.empty((ROWS, COLUMNS), np.float32) for _ in range(2))
    product(rows, packed, expected)

    rows[-1] = np.nan
    product(rows, packed, out)

    assert np.array_equal(out[:-1], expected[:-1])


def test_packed_matrices_start_with_a_line_of_the_cache(random):
    for columns in (3, 16, 50):
        assert pack(random.standard_normal((3, 7, columns), np.float32)).ctypes.data % 64 == 0
