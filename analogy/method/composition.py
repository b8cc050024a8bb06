"""One image out of several: every pixel from the one whose matches cost least around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Standard deviation, in pixels of the finest level, of the surroundings whose costs a choice goes
# by: single pixels change their minds from one to the next.
_SURROUNDINGS = 2.0


def choose(costs: Sequence[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Choose the map that costs least, for every pixel.

    Parameters
    ----------
    costs : sequence of float arrays, (height, width)
        At most 255, all of one size; infinite where there is nothing to choose.
    shape : (int, int)
        Height and width of the result.

    Returns
    -------
    uint8 array of `shape`
        Indices.
    """
    # These take longer to import than most runs, which choose nothing, have to spare.
    from scipy.ndimage import gaussian_filter
    from skimage.transform import resize

    smoothed = [gaussian_filter(cost, _SURROUNDINGS) for cost in costs]
    return np.argmin([resize(cost, shape, order=1) for cost in smoothed], axis=0).astype(np.uint8)


def compose(images: Sequence[np.ndarray], choice: np.ndarray, side: int) -> np.ndarray:
    """Mean of images by how many pixels of the patch around each chose them.

    Parameters
    ----------
    images : sequence of uint8 or float32 arrays, (height, width, 3)
        From 0 to 255.
    choice : uint8 array, (height, width)
        As :func:`choose` makes it.
    side : int
        Of the patches, in pixels.

    Returns
    -------
    array, (height, width, 3)
        Uint8 where all images are, else float32.
    """
    from scipy.ndimage import uniform_filter

    total = np.zeros((*choice.shape, 3), np.float32)
    for index, image in enumerate(images):
        weight = uniform_filter((choice == index).astype(np.float32), side)
        total += weight[..., None] * image
    total = np.clip(total, 0, 255)
    are_bytes = all(image.dtype == np.uint8 for image in images)
    return np.rint(total).astype(np.uint8) if are_bytes else total


def picked(maps: Sequence[np.ndarray], choice: np.ndarray) -> np.ndarray:
    """Of each pixel what the map has that the choice says."""
    found = maps[0].copy()
    for index, one in enumerate(maps):
        found[choice == index] = one[choice == index]
    return found
