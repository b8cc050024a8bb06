import numpy as np
from scipy.ndimage import map_coordinates

from analogy_kernels.imaging.bilinear import bilinear
from tests import oracles


def test_interpolates_inside_and_continues_the_border_outside(random):
    source = random.standard_normal((5, 7, 2), np.float32)
    positions = random.uniform(-2, 8, (40, 2)).astype(np.float32)

    values = [bilinear(source, y, x, 1) for y, x in positions]

    expected = map_coordinates(source[..., 1].astype(float), positions.T, order=1, mode="nearest")
    np.testing.assert_allclose(values, expected, atol=1e-5)
    np.testing.assert_allclose([oracles.bilinear(source, *p)[1] for p in positions], expected)


def test_is_exact_on_pixels_of_bytes():
    source = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)

    for y, x in np.ndindex(3, 4):
        assert bilinear(source, np.float32(y), np.float32(x), 0) == source[y, x, 0]
