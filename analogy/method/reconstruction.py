"""Latent image reconstruction (section 4.3): the content of one image, the details of another.

Written for A', from A's content and the details of B'; B is the same with the roles exchanged.
"""

from __future__ import annotations

import math

from analogy.method.deconvolution import deconvolve
from analogy_kernels.imaging.blend import (
    blend,
    hard_weight,
    keep_content,
    response,
    sigmoid_weight,
    weight_map,
)
from analogy_kernels.imaging.vote import vote
from analogy_kernels.imaging.warp import warp
from analogy_kernels.matching.initialize import random_map
from analogy_kernels.matching.upsample import upsample_nnf
from analogy_kernels.reduction import inner_product
from analogy_kernels.target import target_of

_WEIGHTS = {"sigmoid": sigmoid_weight, "hard": hard_weight}


def blend_with_content(content, detail, level, parameters, keep=None):
    """Features of A' at a level: content where it responds, detail elsewhere (eqs. 4 and 6).

    Nothing but content is where `keep`, a float32 array (height, width), is 1.
    """
    weights = weight_map(
        response(content), parameters.alpha(level), _WEIGHTS[parameters.weight_map]
    )
    if keep is not None:
        keep_content(weights, keep)
    return blend(content, detail, weights)


def resample_detail(content, features, nnf, level):
    """Carry B's features to the level below `level` through the upsampled matches (figure 5d)."""
    return warp(features[level - 1], _upsampled(nnf, content, features, level, level - 1))


def vote_detail(features, nnf, level, parameters):
    """Carry B's features of a level into A's place by the patches that `nnf` points at."""
    return vote(features[level], nnf, parameters.patch_side(level))


def deconvolve_detail(content, features, nnf, level, subnet, parameters, tick):
    """Carry B's features to the level below `level` by deconvolution (eq. 5).

    Parameters
    ----------
    content, features : sequences of float32 arrays, (height, width, channels)
        Features of A and of B', by level; level 0 is the images themselves.
    nnf : int32 array, (height, width, 2)
        Matches from A to B' at `level`.
    level : int
    subnet : PreparedLayers
        Layers between `level` and the one that the solver works at.
    parameters : Parameters
    tick : callable
        See :func:`analogy.method.deconvolution.deconvolve`.

    Returns
    -------
    Deconvolution
    """
    lowest = level - parameters.deconv_depth
    if parameters.deconv_target == "vote":
        wanted = vote(features[level], nnf, parameters.patch_side(level))
    else:
        wanted = warp(features[level], nnf)
    return deconvolve(
        subnet,
        wanted,
        _START[parameters.deconv_start](content, features, nnf, level, lowest, parameters),
        iterations=parameters.deconv_iterations,
        tolerance=parameters.deconv_tolerance,
        tick=tick,
    )


def _voted_start(content, features, nnf, level, lowest, parameters):
    """Features of B' in A's place, as far as the matches are known yet (authors' program)."""
    nnf = _upsampled(nnf, content, features, level, lowest)
    return vote(features[lowest], nnf, parameters.patch_side(max(lowest, 1)))


def _random_start(content, features, nnf, level, lowest, parameters):
    """Noise of the features' own strength (section 4.3)."""
    values = features[lowest].reshape(features[lowest].size)
    strength = math.sqrt(inner_product(values, values) / values.size)
    shape = (*content[lowest].shape[:2], features[lowest].shape[2])
    return random_map(shape, strength, parameters.seed, target_of(values))


_START = {"vote": _voted_start, "random": _random_start}


def _upsampled(nnf, content, features, level, lowest):
    """Matches at a finer level; level 0, the image, has the size of level 1."""
    for finer in range(level - 1, max(lowest, 1) - 1, -1):
        nnf = upsample_nnf(nnf, content[finer].shape[:2], features[finer].shape[:2])
    return nnf
