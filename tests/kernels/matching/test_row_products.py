import numpy as np
import pytest
from numba import njit

from analogy_kernels.half import storage
from analogy_kernels.matching.row_products import row_products

# Of float32 sums of a few hundred products, against the sum of the products' sizes.
ROUNDING = 1e-6


@njit
def compiled(sources, others, channels, pixel, match_pixel, columns):
    return row_products(sources, others, channels, pixel, match_pixel, columns, 0)


# Vectors alone, some and what is left over, and what is left over alone; one pair to four.
@pytest.mark.parametrize("channels", [(64,), (33,), (3,), (64, 64), (48, 5, 16), (1, 2, 3, 128)])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("columns", [1, 3])
def test_products_of_all_pairs_add_up(random, channels, dtype, columns):
    maps = [[random.standard_normal((9, c)).astype(dtype) for c in channels] for _ in range(2)]
    pixel, match_pixel = 9 - columns, 2

    flat = [tuple(storage(one).reshape(-1) for one in side) for side in maps]
    found = compiled(*flat, channels, pixel, match_pixel, columns)
    plain = row_products(*flat, channels, pixel, match_pixel, columns, 0)

    products = np.concatenate(
        [
            np.float64(a[pixel : pixel + columns] * np.float64(b[match_pixel:][:columns])).ravel()
            for a, b in zip(*maps, strict=True)
        ]
    )
    tolerance = ROUNDING * np.abs(products).sum()
    assert found == pytest.approx(products.sum(), abs=tolerance)
    assert plain == pytest.approx(products.sum(), abs=tolerance)
