import numpy as np
import pytest

from analogy_kernels.matching.sketch import LENGTH, sketches_of
from analogy_kernels.target import CPU, CUDA

# Sums of 128 float32 products of at most 1, in different orders.
ROUNDING = 1e-5


def maps(random, channels, rank):
    """Unit vectors that lie near a few directions."""
    directions = random.standard_normal((rank, channels))
    for shape in ((9, 7), (6, 11)):
        values = random.standard_normal((*shape, rank)) @ directions
        values += 0.3 * random.standard_normal((*shape, channels))
        yield (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("rank", [3, 20, 128])
def test_sketches_bound_every_inner_product(random, rank):
    pair = list(maps(random, 128, rank))

    first, second = (sketch.reshape(-1, LENGTH) for sketch in sketches_of(*pair))

    products = np.float64(pair[0].reshape(-1, 128)) @ pair[1].reshape(-1, 128).T
    assert (first @ second.T >= products - ROUNDING).all()


def test_bounds_are_close_where_few_directions_matter(random):
    pair = list(maps(random, 128, 3))

    first, second = (sketch.reshape(-1, LENGTH) for sketch in sketches_of(*pair))

    products = pair[0].reshape(-1, 128) @ pair[1].reshape(-1, 128).T
    # What lies off the directions bounds it to the product of its two lengths, each about 1/6 of
    # the vector's (0.3 * sqrt(128) against sqrt(3 * 128)).
    assert (first @ second.T - products).mean() < 1 / 36


def test_a_zero_vector_has_a_zero_sketch(random):
    first, second = maps(random, 128, 5)
    first[2, 3] = 0
    assert not sketches_of(first, second)[0][2, 3].any()


@pytest.mark.parametrize(("target", "channels"), [(CPU, 16), (CPU, 512), (CUDA, 128)])
def test_no_sketches_where_they_save_nothing(random, target, channels):
    pair = [target.asarray(features) for features in maps(random, channels, 3)]
    assert [sketch.shape for sketch in sketches_of(*pair)] == [(9, 1, 0), (6, 1, 0)]


# Uncompiled, a BLAS multiplies, which sums one row of a product in another order than the next.
@pytest.mark.compiled
@pytest.mark.parametrize("width", [1, 5, 6, 7, 200])
def test_maps_of_any_number_of_pixels(random, width):
    first, second = (next(maps(random, 128, 20))[:1, :1].repeat(width, axis=1) for _ in range(2))

    sketches = sketches_of(first, second)

    assert all(sketch.shape[2] == (LENGTH if width > 5 else 0) for sketch in sketches)
    # All pixels of a map are alike, and so are their sketches.
    assert all((sketch == sketch[:, :1]).all() for sketch in sketches)
