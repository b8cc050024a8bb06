import numpy as np
import pytest

from analogy.method.coarse import coarse_matches
from tests import oracles


def features(random, height, width, channels=16):
    """Levels 4 and 5 of an image whose pixels are all unlike, of which 5 sees four at a time."""
    # Sparse, as features after a ReLU are.
    fine = np.maximum(random.standard_normal((height, width, channels), np.float32), 0)
    return {
        4: fine,
        5: oracles.interpolate(fine, (height // 2, width // 2), 0.5).astype(np.float32),
    }


def on(target, maps):
    return {level: target.asarray(one) for level, one in maps.items()}


def test_an_image_is_matched_with_itself(target, random):
    maps = features(random, 2, 4)

    found = coarse_matches(on(target, maps), on(target, maps))

    for level, shape in ((4, (2, 4)), (5, (1, 2))):
        identity = np.stack(np.mgrid[: shape[0], : shape[1]], axis=-1)
        np.testing.assert_array_equal(target.to_host(found[level].ab), identity)
        np.testing.assert_array_equal(target.to_host(found[level].ba), identity)


@pytest.mark.parametrize("level", [4, 5])
def test_both_levels_say_what_is_alike(random, level):
    a, b_prime = features(random, 8, 8), features(random, 8, 8)
    before = coarse_matches(a, b_prime)[4].ab
    a[level] = a[level][::-1, ::-1].copy()

    assert (coarse_matches(a, b_prime)[4].ab != before).any()


def test_a_shifted_thing_is_found_among_noise(random):
    a, b_prime = features(random, 16, 16), features(random, 16, 16)
    for level, size in ((4, 8), (5, 4)):
        b_prime[level][size:, size:] = a[level][:size, :size]

    ab = coarse_matches(a, b_prime)[4].ab[:8, :8]

    place = np.stack(np.mgrid[:8, :8], axis=-1) + 8
    assert (ab == place).all(axis=-1).mean() > 0.9


@pytest.mark.parametrize("width", [50, 98])
def test_large_maps_are_halved_first(random, width):
    maps = features(random, 2, width)

    found = coarse_matches(maps, maps)

    # Within a cell that was compared as one, matches stay side by side.
    for level, shape in ((4, (2, width)), (5, (1, width // 2))):
        identity = np.stack(np.mgrid[: shape[0], : shape[1]], axis=-1)
        assert np.abs(found[level].ab - identity).max() <= 1
