"""Displacements as colours."""

from __future__ import annotations

import numpy as np
from skimage.color import hsv2rgb


def flow_image(flow, largest):
    """Colour of displacements: hue the direction, depth the length.

    Parameters
    ----------
    flow : float32 array, (height, width, 2)
        (dx, dy).
    largest : float
        Length that has full colour, as all longer ones have; none has white.

    Returns
    -------
    uint8 array, (height, width, 3)
    """
    hue = np.arctan2(flow[..., 1], flow[..., 0]) / (2 * np.pi) % 1
    saturation = np.minimum(np.linalg.norm(flow, axis=-1) / largest, 1)
    rgb = hsv2rgb(np.stack([hue, saturation, np.ones_like(hue)], axis=-1))
    return np.rint(255 * rgb).astype(np.uint8)
