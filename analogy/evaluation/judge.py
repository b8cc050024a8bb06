"""How far a picture is from one image in structure and from another in style.

Structure is what lies where: how alike the positions of a picture are among themselves, at relu3_1
and relu4_1 (Kolkin, Salavon and Shakhnarovich, "Style transfer by relaxed optimal transport and
self-similarity", CVPR 2019). Style is what a picture is made of, wherever it lies: the features of
relu1_1 to relu4_1 without their places, by the sliced Wasserstein distance (Heitz et al., "A sliced
Wasserstein loss for neural texture synthesis", CVPR 2021).

Lower is better in both, and neither says anything by itself: the image that gives the structure has
structure 0 as it is, and the one that gives the style has style 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from analogy.images import resize
from analogy_kernels.target import target_of

STRUCTURE_LEVELS = (3, 4)
STYLE_LEVELS = (1, 2, 3, 4)

# Drawn once for all pictures: positions of a map to compare, directions to look at features from.
_POSITIONS, _POSITIONS_SEED = 1000, 0
_DIRECTIONS, _DIRECTIONS_SEED = 128, 1

_SHARES = np.linspace(0, 1, 257)

# Of features' lengths and of sums of distances, so that nothing is divided by zero.
_LEAST = 1e-6

# Features take a kilobyte of memory a pixel: larger pictures are judged at so many pixels a side.
_LONGEST_SIDE = 1000


@dataclass(frozen=True)
class Figures:
    """How a picture was judged; lower is better.

    Attributes
    ----------
    structure : float
        From 0, as in the image that gives the structure, to 2.
    style : float or None
        From 0, as in the image that gives the style; 1 is as far from it as the other image. None
        where the two are alike, so that there is nothing to measure by.
    """

    structure: float
    style: float | None


class Judge:
    """Judges pictures that have the structure of one image and the style of another.

    All are brought to one height, the pictures and the first image to one size, by Lanczos'
    filter: a blur between would be taken for style.

    Parameters
    ----------
    structure, style : uint8 arrays, (height, width, 3)
        The two images, in their own sizes.
    shape : (int, int)
        Height and width at which to judge; shrunk where the longer side has over 1000 pixels.
    extractor : FeatureExtractor
    """

    def __init__(self, structure, style, shape, extractor):
        self._extractor, self._shape = extractor, _bounded(shape)
        height = self._shape[0]
        width = style.shape[1] * height / style.shape[0]
        of_style = self._features(style, _bounded((height, width)))
        of_structure = self._features(structure, self._shape)
        self._positions = _draw_positions(of_structure)
        self._directions = _draw_directions(of_structure)
        self._structure = self._structure_of(of_structure)
        self._style = self._style_of(of_style)
        self._unlike = self._style_distances(self._style_of(of_structure))

    def __call__(self, picture):
        """Judge a picture: a uint8 array, (height, width, 3), of any size; returns `Figures`."""
        features = self._features(picture, self._shape)
        distances = map(structure_distance, self._structure_of(features), self._structure)
        structure = float(np.mean(list(distances)))
        if not self._unlike.all():
            return Figures(structure, None)
        style = self._style_distances(self._style_of(features)) / self._unlike
        return Figures(structure, float(style.mean()))

    def _features(self, image, shape):
        """Features by level, each as rows, (positions, channels), in host memory."""
        maps = self._extractor(resize(image, shape, Image.Resampling.LANCZOS))
        return [target_of(map_).to_host(map_).reshape(-1, map_.shape[2]) for map_ in maps]

    def _structure_of(self, features):
        return [
            self_distances(features[level][positions])
            for level, positions in zip(STRUCTURE_LEVELS, self._positions, strict=True)
        ]

    def _style_of(self, features):
        return [
            projected_quantiles(features[level], directions)
            for level, directions in zip(STYLE_LEVELS, self._directions, strict=True)
        ]

    def _style_distances(self, style):
        return np.array(list(map(style_distance, style, self._style)))


def self_distances(features):
    """How unlike each of some features each other one is, as a share of all its distances.

    Parameters
    ----------
    features : float32 array, (count, channels)

    Returns
    -------
    float64 array, (count, count)
        Cosine distances, every row divided by its sum.
    """
    features = features.astype(np.float64)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    features = features / np.maximum(lengths, _LEAST)
    distances = np.maximum(1 - features @ features.T, 0)
    return distances / np.maximum(distances.sum(axis=1, keepdims=True), _LEAST)


def structure_distance(distances, other):
    """Mean L1 distance of the rows of two results of :func:`self_distances`: from 0 to 2."""
    return float(np.abs(distances - other).sum(axis=1).mean())


def projected_quantiles(features, directions):
    """How features spread along directions.

    Parameters
    ----------
    features : float32 array, (count, channels)
    directions : float32 array, (channels, directions)
        Columns of unit length.

    Returns
    -------
    float64 array, (directions, 257)
        Quantiles of the features' components along each direction, evenly spaced from the least
        to the greatest.
    """
    components = directions.T @ features.T
    # As NumPy's quantiles, which take several times as long where there are so many of them.
    components.sort(axis=1)
    ranks = np.arange(len(features), dtype=np.float64)
    places = _SHARES * ranks[-1]
    return np.array([np.interp(places, ranks, values) for values in components])


def style_distance(quantiles, other):
    """Mean distance of two results of :func:`projected_quantiles`, of any numbers of features."""
    return float(np.abs(quantiles - other).mean())


def _bounded(shape):
    scale = min(1, _LONGEST_SIDE / max(shape))
    return tuple(max(32, round(side * scale)) for side in shape)


def _draw_positions(features):
    """Positions to compare, by level of the structure."""
    random = np.random.default_rng(_POSITIONS_SEED)
    counts = [len(features[level]) for level in STRUCTURE_LEVELS]
    return [random.choice(count, min(_POSITIONS, count), replace=False) for count in counts]


def _draw_directions(features):
    """Directions to look from, by level of the style: unit vectors as columns."""
    random = np.random.default_rng(_DIRECTIONS_SEED)
    found = []
    for level in STYLE_LEVELS:
        size = features[level].shape[1], _DIRECTIONS
        directions = random.normal(size=size).astype(np.float32)
        found.append(directions / np.linalg.norm(directions, axis=0))
    return found
