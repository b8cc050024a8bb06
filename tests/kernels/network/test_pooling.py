import numpy as np
import pytest

from analogy_kernels.network.pooling import maxpool2x2, maxpool2x2_backward
from tests import oracles

pytestmark = pytest.mark.smoke

SIZES = [(4, 6, 3), (5, 7, 2), (1, 1, 4), (2, 3, 5)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_forward(target, random, size):
    source = random.standard_normal(size, np.float32)
    out, _ = maxpool2x2(target.asarray(source))
    np.testing.assert_array_equal(target.to_host(out), oracles.maxpool2x2(source))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_backward_goes_to_the_first_maximum(target, random, size):
    source = random.integers(0, 3, size).astype(np.float32)  # few values, so many ties
    pooled, argmax = maxpool2x2(target.asarray(source))
    gradient = random.standard_normal(pooled.shape, np.float32)

    out = maxpool2x2_backward(target.asarray(gradient), argmax, size[:2])

    np.testing.assert_array_equal(
        target.to_host(out), oracles.maxpool2x2_backward(gradient, source)
    )
