"""Colours as maps that this project's PatchMatch compares by squared distance."""

from __future__ import annotations

import numpy as np

from analogy_kernels.matching.colour import COLOUR_CHANNELS, append_colour


def as_features(first, second):
    """Maps of two images of which minus the inner product is the colours' squared distance."""
    maps = []
    for image, is_source in ((first, True), (second, False)):
        centred = image.astype(np.float32) - np.float32(127.5)
        features = np.empty((*image.shape[:2], COLOUR_CHANNELS), np.float32)
        maps.append(append_colour(centred, 1.0, is_source, features, 0))
    return maps
