import numpy as np
import pytest

from analogy_kernels.imaging.blend import blend
from analogy_kernels.imaging.vote import vote
from analogy_kernels.imaging.warp import warp
from analogy_kernels.matching.patchmatch import patchmatch

# Half a unit in the last place of numbers below 2, of eleven bits.
ROUNDING = 2.0**-11


@pytest.fixture
def maps(random):
    return random.random((2, 6, 7, 5), np.float32).astype(np.float16)


@pytest.fixture
def nnf(random):
    return random.integers(0, (6, 7), (6, 7, 2)).astype(np.int32)


def both(on, call, *arrays):
    """What a call makes of arrays in half the size, and of the same values as float32."""
    half = call(*map(on.asarray, arrays))
    full = call(*(on.asarray(a.astype(np.float32) if a.dtype == np.float16 else a) for a in arrays))
    return on.to_host(half), on.to_host(full)


def test_warped_values_are_the_same(target, maps, nnf):
    half, full = both(target, warp, maps[0], nnf)
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, full)


def test_votes_are_rounded_once(target, maps, nnf):
    half, full = both(target, lambda source, nnf: vote(source, nnf, 3), maps[0], nnf)
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, full.astype(np.float16))


def test_blends_are_rounded_once(target, random, maps):
    weights = random.random((6, 7), np.float32)
    half, full = both(target, blend, *maps, weights)
    assert half.dtype == np.float16
    # A device may fuse the product with the sum, and then round to the neighbour.
    np.testing.assert_allclose(half, full, rtol=0, atol=2 * ROUNDING)


def test_matches_are_those_of_the_same_values_in_float32(target, maps, nnf):
    sides = maps, maps.astype(np.float32)
    half, full = (
        patchmatch(*map(target.asarray, side), 3, start=target.asarray(nnf), radius=4, iterations=2)
        for side in sides
    )
    np.testing.assert_array_equal(*(target.to_host(found) for found, _ in (half, full)))
    np.testing.assert_allclose(*(target.to_host(cost) for _, cost in (half, full)), rtol=1e-6)
