import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import float64

from analogy_kernels.reduction import (
    inner_product,
    inner_products,
    inner_products_scratch,
    minmax,
    partial_sums,
    queue_difference,
    queue_sums,
)
from analogy_kernels.target import CUDA, LANES, PIXELS_PER_BLOCK, cuda
from analogy_kernels.thread_sums import THREADS, block_sum, lane_sum
from tests import oracles
from tests.strategies import generators, property_test

pytestmark = pytest.mark.smoke


@property_test
@given(generators, st.integers(1, 9), st.integers(1, 3), st.integers(1, 90))
def test_inner_products_of_every_pair(target, generator, k, m, length):
    rows = generator.standard_normal((k, length), dtype=np.float32)
    vectors = generator.standard_normal((m, length), dtype=np.float32)

    products = inner_products(target.asarray(rows), target.asarray(vectors))

    _assert_precise(products, rows, vectors)


def test_more_products_than_a_block_adds_up_at_once(target, random):
    """Thread 0 reads the sums of some before others write those of the next."""
    for _ in range(6):
        rows = random.standard_normal((9, 90), dtype=np.float32)
        vectors = random.standard_normal((3, 90), dtype=np.float32)

        _assert_precise(
            inner_products(target.asarray(rows), target.asarray(vectors)), rows, vectors
        )


@pytest.mark.parametrize("length", [2047, 2048, 2049, 32768, 100_001])
def test_inner_products_across_chunks(random, length):
    rows = random.standard_normal((3, length), dtype=np.float32)
    vectors = random.standard_normal((2, length), dtype=np.float32)

    _assert_precise(inner_products(rows, vectors), rows, vectors)


def test_inner_products_of_rows_with_one_another(target, random):
    rows = target.asarray(random.standard_normal((4, 50), dtype=np.float32))

    gram = inner_products(rows, rows[1:3])

    np.testing.assert_array_equal(gram[1:3], gram[1:3].T)
    assert gram[1, 0] > 0


def test_scratch_serves_call_after_call(target, random):
    rows, vectors = random.standard_normal((2, 4, 50), dtype=np.float32)
    scratch = inner_products_scratch(4, 4, target)
    on_target = target.asarray(rows), target.asarray(vectors)

    first = inner_products(*on_target, scratch)
    inner_product(target.asarray(rows[0]), target.asarray(rows[0]), scratch)

    np.testing.assert_array_equal(inner_products(*on_target, scratch), first)
    np.testing.assert_array_equal(inner_products(*on_target), first)


def test_inner_product_of_two_vectors(target):
    a, b = np.float32([1, 2, 3]), np.float32([4, -5, 6])

    product = inner_product(target.asarray(a), target.asarray(b))

    assert product == 12.0
    assert type(product) is float


@pytest.mark.compiled
def test_long_sums_lose_nothing():
    # The worst case for a running float32 sum: all terms alike, so that all errors are alike.
    rows = np.full((1, 5_000_000), 0.1, np.float32)

    product = inner_products(rows, rows)

    np.testing.assert_allclose(product, rows.size * np.float64(np.float32(0.1)) ** 2, rtol=1e-6)


@pytest.mark.compiled
def test_small_terms_are_not_lost(target):
    # In the simulator each of eight threads adds 1 and 63 times 2**-25: a plain float32 sum stays
    # at 1, an error of 1.9e-6.
    rows = np.full((1, 8 * 64), 2**-25, np.float32)
    rows[0, :8] = 1

    product = inner_products(target.asarray(rows), target.asarray(np.ones_like(rows)))

    np.testing.assert_allclose(product, [[rows.sum(dtype=np.float64)]], rtol=1e-6)


def test_inner_products_repeat_bit_for_bit(target, random):
    length = 500 if target.is_cuda else 200_000
    rows = target.asarray(random.standard_normal((2, length), dtype=np.float32))

    np.testing.assert_array_equal(inner_products(rows, rows), inner_products(rows, rows))


@property_test
@given(generators, st.integers(1, 20), st.integers(1, 20))
def test_minmax(target, generator, height, width):
    array = generator.standard_normal((height, width), dtype=np.float32)

    out = target.to_host(minmax(target.asarray(array)))

    np.testing.assert_array_equal(out, [array.min(), array.max()])
    assert out.dtype == np.float32


@cuda.jit
def _lane_sums(values, out):
    lane, pixel = cuda.threadIdx.x, cuda.threadIdx.y
    first = lane_sum(values[pixel, lane])
    second = lane_sum(first + values[pixel, lane])
    out[0, pixel, lane] = first
    out[1, pixel, lane] = second


def test_lane_sum_reaches_every_lane():
    values = np.arange(PIXELS_PER_BLOCK * LANES, dtype=np.float32).reshape(-1, LANES)
    out = np.zeros((2, *values.shape), np.float32)

    _lane_sums[1, (LANES, PIXELS_PER_BLOCK)](values, out)

    total = values.sum(axis=1, keepdims=True) + np.zeros_like(values)
    # Small whole numbers: every sum is exact.
    np.testing.assert_array_equal(out, [total, (LANES + 1) * total])


def _assert_precise(products, rows, vectors):
    # Relative to the sum of the terms' sizes, which is what rounding is relative to.
    terms = oracles.inner_products(np.abs(rows), np.abs(vectors))
    assert products.dtype == np.float64
    assert products.shape == terms.shape
    assert (np.abs(products - oracles.inner_products(rows, vectors)) < 1e-6 * terms).all()


@pytest.mark.parametrize("length", [1, 3, 90])
def test_difference_with_the_square_of_its_length(random, length):
    a, b = random.standard_normal((2, length), dtype=np.float32)
    difference, partial = CUDA.empty((length,)), partial_sums(1, CUDA)
    square = CUDA.empty((1,), np.float64)

    queue_difference(CUDA, *map(CUDA.asarray, (a, b)), difference, partial)
    queue_sums(CUDA, partial, square)

    np.testing.assert_array_equal(CUDA.to_host(difference), a - b)
    # Each term has one rounding, and so has what a thread's compensated sum adds up to.
    expected = np.square((a - b).astype(np.float64)).sum()
    np.testing.assert_allclose(CUDA.to_host(square), [expected], rtol=3 * 2**-24)


def test_sum_of_a_block_over_each_row(random):
    terms = random.integers(-9, 9, (2, THREADS)).astype(np.float64)
    out = CUDA.zeros((2,), np.float64)

    _block_sums[1, THREADS](CUDA.asarray(terms), out)

    np.testing.assert_array_equal(CUDA.to_host(out), terms.sum(axis=1))


@cuda.jit
def _block_sums(terms, out):
    scratch = cuda.shared.array((2, THREADS), float64)
    thread = cuda.threadIdx.x
    for row in range(2):
        scratch[row, thread] = terms[row, thread]
    block_sum(scratch)
    if thread == 0:
        for row in range(2):
            out[row] = scratch[row, 0]
