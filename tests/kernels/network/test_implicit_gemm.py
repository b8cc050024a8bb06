import numpy as np
import pytest

from analogy_kernels.network.implicit_gemm import (
    CHUNK,
    LARGE,
    SMALL,
    THIN,
    convolve,
    pack,
    tile_for,
)
from analogy_kernels.target import CUDA, SIMULATED
from tests import oracles

# (height, width, channels in, channels out): channels in fours, so that memory is read and written
# four at a time, and others; more than one chunk and group; a tile's edge inside and at the border.
SIZES = [(5, 6, 8, 12), (4, 4, 4, 9), (7, 3, 5, 4), (6, 5, 8, 3)]

# Sums of at most 9 * 8 products of float32 in another order than the oracle's.
TOLERANCE = 9 * 8 * np.finfo(np.float32).eps


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_convolves_with_bias_and_relu(random, size):
    source, weights, bias = layer(random, size)
    out = CUDA.empty((*size[:2], size[3]))

    filters = CUDA.asarray(pack(weights))
    convolve(CUDA, CUDA.asarray(source), None, filters, CUDA.asarray(bias), np.float32(0), out)

    expected = np.maximum(oracles.conv3x3(source, weights, bias), 0)
    assert_close(out, expected)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_convolves_what_the_mask_lets_through(random, size):
    gradient, weights, _ = layer(random, size)
    activation = random.uniform(-1, 1, gradient.shape).astype(np.float32)
    out = CUDA.empty((*size[:2], size[3]))

    filters, source, mask = map(CUDA.asarray, (pack(weights), gradient, activation))
    convolve(CUDA, source, mask, filters, None, None, out)

    no_bias = np.zeros(size[3], np.float32)
    assert_close(out, oracles.conv3x3(np.where(activation > 0, gradient, 0), weights, no_bias))


def test_packed_filters_are_filled_up_with_zeros(random):
    weights = random.uniform(1, 2, (3, 3, CHUNK + 1, LARGE.group + 1)).astype(np.float32)

    packed = pack(weights)

    assert packed.shape == (2 * 2 * 9 * CHUNK * LARGE.group,)
    assert np.count_nonzero(packed) == weights.size
    assert packed.sum(dtype=np.float64) == weights.sum(dtype=np.float64)


def test_tile_is_chosen_by_what_there_is_to_do():
    assert tile_for((40, 40, 3)) is THIN
    assert tile_for((300, 300, 64)) is LARGE
    assert tile_for((2, 2, LARGE.group)) is SMALL


@pytest.mark.parametrize("tile", [LARGE, SMALL, THIN])
def test_tiles_can_be_run(tile):
    assert tile.per_thread % 4 == 0
    assert tile.group % tile.per_thread == 0
    assert tile.threads % 32 == 0 or SIMULATED


def layer(random, size):
    height, width, channels_in, channels_out = size
    source = random.uniform(-1, 1, (height, width, channels_in)).astype(np.float32)
    weights = random.uniform(-1, 1, (3, 3, channels_in, channels_out)).astype(np.float32)
    return source, weights, random.uniform(-1, 1, channels_out).astype(np.float32)


def assert_close(out, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(CUDA.to_host(out), expected, rtol=0, atol=TOLERANCE * scale)
