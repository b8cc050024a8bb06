import numpy as np
import pytest
from numba import njit

from analogy_kernels import simd
from analogy_kernels.simd import WIDTH


@njit
def arithmetic(left, right, out):
    for at in range(0, left.size, WIDTH):
        i = np.uintp(at)
        a, b = simd.load(left, i), simd.load(right, i)
        simd.store(np.float32(3) * a + b * a - b, out, i)


@njit
def compared(left, right, larger, equal):
    a, b = simd.load(left, 0), simd.load(right, 0)
    simd.store(simd.where_larger(a, b, a, simd.repeated(7)), larger, 0)
    simd.store(simd.where_equal(a, b, simd.repeated(1), simd.repeated(0)), equal, 0)


@njit
def copied(values, count, out):
    simd.store_first(simd.load_first(values, np.uintp(0), count), out, np.uintp(0), count)


@njit
def loaded(values, count, out):
    simd.store(simd.load_first(values, np.uintp(0), count), out, 0)


@njit
def replaced(values, index, value, out):
    vector = simd.replaced(simd.load(values, 0), index, value)
    out[WIDTH] = simd.lane(vector, index)
    simd.store(vector, out, 0)


def as_python(kernel):
    return getattr(kernel, "py_func", kernel)


# Compiled, and as the coverage of the tests runs them.
both = pytest.mark.parametrize("way", [lambda kernel: kernel, as_python])


@both
def test_operators(random, way):
    left, right = random.integers(-9, 9, (2, 3 * WIDTH)).astype(np.float32)
    out = np.empty_like(left)

    way(arithmetic)(left, right, out)

    # Whole numbers: nothing is rounded.
    assert np.array_equal(out, 3 * left + right * left - right)


@both
def test_comparisons(random, way):
    left, right = random.integers(0, 3, (2, WIDTH)).astype(np.float32)
    larger, equal = np.empty((2, WIDTH), np.float32)

    way(compared)(left, right, larger, equal)

    assert np.array_equal(larger, np.where(left > right, left, 7))
    assert np.array_equal(equal, left == right)


@both
@pytest.mark.parametrize("count", [0, 1, WIDTH - 1, WIDTH, WIDTH + 5])
def test_of_the_first_values_no_other_is_read_or_written(random, way, count):
    lie_there = min(count, WIDTH)
    values = random.standard_normal(lie_there, np.float32)
    out, vector = np.full((2, WIDTH), 7, np.float32)

    way(copied)(values, count, out)
    way(loaded)(values, count, vector)

    assert np.array_equal(out[:lie_there], values)
    assert (out[lie_there:] == 7).all()
    assert np.array_equal(vector[:lie_there], values)
    assert not vector[lie_there:].any()


@both
@pytest.mark.parametrize("count", [0, 1, WIDTH - 1, WIDTH, WIDTH + 5])
def test_bytes(random, way, count):
    lie_there = min(count, WIDTH)
    values = random.integers(0, 256, lie_there, np.uint8)
    out = np.full(WIDTH, 7, np.uint8)

    way(copied)(values, count, out)

    assert np.array_equal(out[:lie_there], values)
    assert (out[lie_there:] == 7).all()


@both
def test_one_value_is_replaced(random, way):
    values, out = random.standard_normal(WIDTH, np.float32), np.empty(WIDTH + 1, np.float32)

    way(replaced)(values, 3, np.float32(5), out)

    expected = values.copy()
    expected[3] = 5
    assert np.array_equal(out[:WIDTH], expected)
    assert out[WIDTH] == 5


def test_whole():
    assert [simd.whole(count) for count in (0, 1, WIDTH, WIDTH + 1)] == [0, WIDTH, WIDTH, 2 * WIDTH]
