import numpy as np
import pytest

from analogy_kernels.imaging.interpolate import interpolate
from tests import oracles


# Finer, with an odd size cut off; coarser, with one beyond the last whole pixel.
@pytest.mark.parametrize(("shape", "scale"), [((5, 8), 2.0), ((2, 2), 0.5), ((3, 4), 1.0)])
def test_samples_lie_between_pixels(target, random, shape, scale):
    source = random.standard_normal((3, 4, 2), np.float32)

    found = target.to_host(interpolate(target.asarray(source), shape, scale))

    np.testing.assert_allclose(found, oracles.interpolate(source, shape, scale), atol=1e-6)


def test_half_the_resolution_is_the_mean_of_four(random):
    source = random.standard_normal((4, 6, 1), np.float32)

    found = interpolate(source, (2, 3), 0.5)

    np.testing.assert_allclose(found, source.reshape(2, 2, 3, 2, 1).mean(axis=(1, 3)), atol=1e-6)
