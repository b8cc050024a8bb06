import numpy as np
import pytest

from analogy_kernels.imaging.warp import warp
from tests import oracles


@pytest.mark.parametrize(
    ("shape", "source_shape", "channels"), [((5, 7), (4, 9), 3), ((3, 2), (6, 5), 10)]
)
def test_fetches_the_matched_pixels(target, random, shape, source_shape, channels):
    source = random.standard_normal((*source_shape, channels), dtype=np.float32)
    nnf = random.integers(0, source_shape, (*shape, 2)).astype(np.int32)

    out = target.to_host(warp(target.asarray(source), target.asarray(nnf)))

    np.testing.assert_array_equal(out, oracles.warp(source, nnf))
