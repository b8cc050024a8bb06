import numpy as np
import pytest

from analogy.errors import AnalogyError
from analogy.images import matching_shape, resize


@pytest.mark.parametrize(
    ("shape", "ratio", "max_side", "expected"),
    [
        ((100, 200), 1.0, None, (100, 200)),
        ((101, 200), 0.5, None, (50, 100)),
        ((100, 200), 1.0, 100, (50, 100)),
        ((100, 200), 0.4, 100, (40, 80)),
        ((100, 200), 0.8, 400, (80, 160)),
    ],
)
def test_matching_shape_obeys_ratio_and_max_side(shape, ratio, max_side, expected):
    assert matching_shape(shape, ratio, max_side, "a") == expected


def test_matching_too_small_is_refused():
    with pytest.raises(AnalogyError, match=r"^a.png: shrunk to 100 x 30 px .* raise --ratio"):
        matching_shape((60, 200), 0.5, None, "a.png")


def test_resizing_averages_what_a_pixel_covers(random):
    noise = random.integers(0, 256, (256, 512, 3), dtype=np.uint8)

    small = resize(noise, (16, 32))

    assert small.shape == (16, 32, 3)
    # 16 x 16 independent pixels of standard deviation 74 average to 74 / 16, and the bicubic
    # kernel's negative lobes raise that by under a half; sampling without averaging keeps 74.
    assert 2 < small.std() < 8
    assert abs(small.mean() - noise.mean()) < 1
