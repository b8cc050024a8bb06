"""What the network sees of an image at each level (figure 3 of the paper).

Shown by the three principal components of a level's features as colours, and by the image that
deconvolution makes of these features alone, which shows what they have kept.
"""

from __future__ import annotations

import math

import numpy as np

from analogy.evaluation.trials import read_shrunk
from analogy.method.deconvolution import deconvolve, prepare
from analogy.model import bundled_path
from analogy.network.features import FeatureExtractor
from analogy.network.layers import Network
from analogy.system.device import resolve
from analogy.system.outputs import staged
from analogy.system.tables import Table, write_sheet, write_tables
from analogy.visualization.levels import picture_at_full_size
from analogy_kernels.matching.initialize import random_map
from analogy_kernels.reduction import inner_product

_LEVELS = (1, 2, 3, 4, 5)

# In per cent of a component's values: the few beyond take the darkest and brightest shade.
_SHADES = (1, 99)

_COLUMNS = ("level", "height", "width", "channels", "variance shown", "residual")
_NOTES = (
    "Variance shown: share of the features' variance in their three principal components.",
    "Residual: `|CNN(x) - features|^2 / |features|^2` of the image x that was made of them.",
)


def show_features(path, out, model=None, device="auto", max_side=224, iterations=50):
    """Show the features of each level of an image; write ``features.png``, ``.md`` and ``.json``.

    Parameters
    ----------
    path : path-like
    out : path-like
        Folder for the results.
    model : path-like, optional
        ONNX weights, by default the bundled ones.
    device : "auto", "cuda" or "cpu"
    max_side : int
        Longest side to which the image is shrunk.
    iterations : int
        Iterations of L-BFGS, when images are made of features; 0 leaves that out.

    Returns
    -------
    Table

    Raises
    ------
    AnalogyError
        If the image or the model cannot be used.
    """
    model = bundled_path() if model is None else model
    image = read_shrunk(path, max_side)
    with staged(out) as staging:
        network, target = Network.load(model), resolve(device)
        features = FeatureExtractor(model, device)(image)
        rows, components, reconstructions = [], [("image", image)], [("image", image)]
        for level in _LEVELS:
            picture, share = principal_colours(target.to_host(features[level]))
            components.append(
                (f"level {level}", picture_at_full_size(picture, level, image.shape[:2]))
            )
            residual = None
            if iterations:
                picture, residual = reconstruct_image(features, network, level, iterations, target)
                reconstructions.append((f"from level {level}", picture))
            rows.append([level, *features[level].shape, share, residual])
        write_sheet(
            staging / "features.png", [components, reconstructions] if iterations else [components]
        )
        table = Table(f"Features, image of {max_side} pixels", _COLUMNS, rows, _NOTES, decimals=3)
        write_tables(staging, "features", [table], image=path, model=model, iterations=iterations)
    return table


def principal_colours(features):
    """Three principal components of a map's channel vectors as red, green and blue.

    Parameters
    ----------
    features : float32 array, (height, width, channels)
        At least three channels.

    Returns
    -------
    colours : uint8 array, (height, width, 3)
    share : float
        Share of the variance that lies in these components.
    """
    vectors = features.reshape(-1, features.shape[2]).astype(np.float64)
    vectors -= vectors.mean(axis=0)
    variances, axes = np.linalg.eigh(vectors.T @ vectors)
    # Ascending; and of an axis and its reverse, the one that points to more.
    axes = axes[:, :-4:-1]
    axes *= np.where(axes.sum(axis=0) < 0, -1, 1)
    components = vectors @ axes
    low, high = np.percentile(components, _SHADES, axis=0)
    shades = np.clip((components - low) / np.maximum(high - low, 1e-12), 0, 1)
    colours = np.rint(255 * shades).astype(np.uint8).reshape(*features.shape[:2], 3)
    return colours, float(variances[-3:].sum() / max(variances.sum(), 1e-12))


def reconstruct_image(features, network, level, iterations, target):
    """Image whose features at a level are those given, from noise of the image's strength.

    Parameters
    ----------
    features : sequence of float32 arrays, (height, width, channels)
        Features by level; level 0 is the image less the mean, of which only the strength is used.
    network : Network
    level : int
    iterations : int
    target : CPU or CUDA

    Returns
    -------
    image : uint8 array, (height, width, 3)
    residual : float
    """
    values = features[0].reshape(features[0].size)
    strength = math.sqrt(inner_product(values, values) / values.size)
    found = deconvolve(
        prepare(network.layers(0, level), 0, target),
        features[level],
        random_map(features[0].shape, strength, 0, target),
        iterations=iterations,
        tolerance=0.0,
    )
    image = target.to_host(found.features) + network.mean
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8), found.residuals[-1]
