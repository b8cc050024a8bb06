import numpy as np
import pytest
from numba import njit
from scipy import stats

from analogy_kernels.hashing import hash_random, random_below
from analogy_kernels.target import cuda
from tests import oracles


@njit
def _fill_cpu(seed, stream, k, bits):
    for y in range(bits.shape[0]):
        for x in range(bits.shape[1]):
            bits[y, x] = hash_random(seed, stream, y, x, k)


@cuda.jit
def _fill_cuda(seed, stream, k, bits):
    x, y = cuda.grid(2)
    if y < bits.shape[0] and x < bits.shape[1]:
        bits[y, x] = hash_random(seed, stream, y, x, k)


def fill(target, seed, stream, k, shape):
    bits = target.asarray(np.zeros(shape, np.uint32))
    if target.is_cuda:
        height, width = shape
        _fill_cuda[(-(-width // 8), -(-height // 8)), (8, 8)](seed, stream, k, bits)
    else:
        _fill_cpu(seed, stream, k, bits)
    return target.to_host(bits)


@njit
def _below(bits, n, out):
    for i in range(bits.size):
        out[i] = random_below(bits[i], n)


def below(bits, n):
    out = np.empty(bits.size, np.int32)
    _below(bits.ravel(), n, out)
    return out.reshape(bits.shape)


@pytest.mark.parametrize(
    ("seed", "stream", "k"), [(0, 0, 0), (1, 2, 3), (2**31, 5, 1), (2**32 - 1, 2**20, 2**31)]
)
def test_is_the_same_on_every_target(target, seed, stream, k):
    bits = fill(target, seed, stream, k, (5, 7))

    expected = [[oracles.hash_random(seed, stream, y, x, k) for x in range(7)] for y in range(5)]
    np.testing.assert_array_equal(bits, np.array(expected, np.uint32))


def test_takes_the_integer_types_that_kernels_have():
    expected = hash_random(1, 2, 3, 4, 5)

    assert hash_random(*np.arange(1, 6, dtype=np.int32)) == expected
    assert hash_random(*np.arange(1, 6, dtype=np.int64)) == expected


@pytest.mark.parametrize("argument", range(5))
def test_every_argument_counts(argument):
    arguments = np.zeros((2, 5), int)
    arguments[1, argument] = 1

    assert hash_random(*arguments[0]) != hash_random(*arguments[1])


@pytest.mark.parametrize("n", [7, 64, 1000])
def test_is_uniform(n):
    shape = (600, 800)
    numbers = below(fill_on_cpu(0, 0, 0, shape), n)

    assert numbers.min() == 0
    assert numbers.max() == n - 1
    # One test in a thousand would fail by chance; the seed is fixed, so this one never does.
    assert stats.chisquare(np.bincount(numbers.ravel())).pvalue > 1e-3


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("distance", [1, 2, 64])
def test_neighbouring_pixels_are_independent(axis, distance):
    bits = fill_on_cpu(0, 0, 0, (512, 512)) / 2**32
    first = np.take(bits, range(512 - distance), axis)
    second = np.take(bits, range(distance, 512), axis)

    assert abs(_correlation(first, second)) < 4 / np.sqrt(first.size)


@pytest.mark.parametrize(("seed", "stream", "k"), [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_draws_are_independent_of_one_another(seed, stream, k):
    first = fill_on_cpu(0, 0, 0, (512, 512)) / 2**32
    second = fill_on_cpu(seed, stream, k, (512, 512)) / 2**32

    assert abs(_correlation(first, second)) < 4 / np.sqrt(first.size)


def test_no_row_or_column_repeats_another():
    bits = fill_on_cpu(0, 0, 0, (256, 256))

    assert len(np.unique(bits, axis=0)) == 256
    assert len(np.unique(bits, axis=1)) == 256


@pytest.mark.parametrize("n", [1, 2, 3, 1000, 2**31 - 1])
def test_random_below_stays_below(n):
    bits = np.array([0, 1, 2**31, 2**32 - 1], np.uint32)

    numbers = [random_below(b, n) for b in bits]

    assert all(type(number) is np.int32 for number in numbers)
    assert numbers[0] == 0
    assert numbers[-1] == n - 1
    np.testing.assert_array_equal(below(bits, n), numbers)


def fill_on_cpu(seed, stream, k, shape):
    bits = np.empty(shape, np.uint32)
    _fill_cpu(seed, stream, k, bits)
    return bits


def _correlation(first, second):
    return np.corrcoef(first.ravel(), second.ravel())[0, 1]
