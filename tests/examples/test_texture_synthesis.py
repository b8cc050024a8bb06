import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.spatial import cKDTree

from examples.texture_synthesis import random_tiles, synthesize


def patches(image, side=3):
    windows = sliding_window_view(image, (side, side), axis=(0, 1))
    return windows.reshape(-1, image.shape[2] * side * side)


def distances(result, sample):
    """Root mean squares of each patch's difference from the sample's most similar one."""
    nearest, _ = cKDTree(patches(sample)).query(patches(result))
    return nearest / np.sqrt(patches(sample).shape[1])


def test_every_patch_is_close_to_one_of_the_sample(random):
    y, x = np.indices((24, 24))
    stripes = 0.5 + 0.4 * np.sin(2 * np.pi * (x + y) / 8)
    sample = np.stack([stripes, 1 - stripes, stripes**2], axis=2).astype(np.float32)

    result = synthesize(sample, (40, 44), patch_sides=(7, 5), iterations=8)

    assert result.shape == (40, 44, 3)
    assert distances(result, sample).max() < 0.1
    # Tiles that nothing was done about have seams.
    tiles = random_tiles((40, 44), (24, 24), 6, 0)
    assert distances(sample[tiles[..., 0], tiles[..., 1]], sample).max() > 0.3
    # It is no flat colour, which a mean over unlike patches would come to.
    assert result.std() > 0.8 * sample.std()
