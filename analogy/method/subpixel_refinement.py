"""Matches between pictures of one scene, smoothed and taken to fractions of a pixel.

What the search leaves to chance is decided here: matches where the images are flat, and what lies
between pixels. Both rely on the images' colours, so they suit no other pairs.
"""

from __future__ import annotations

import numpy as np

from analogy_kernels.matching.smooth import reliability, smooth
from analogy_kernels.matching.subpixel import as_field, keep_better, refine_field
from analogy_kernels.target import target_of

# A smooth field gives way to the match where its patch is one and a half times as far from the
# source's, and by more than 2.5 grey levels' noise in each of three channels.
_RATIO, _SLACK = 1.5, 3 * (2.5 / 255) ** 2


def refine_matches(a, b_prime, nnf_ab, nnf_ba, parameters):
    """Turn matches in whole pixels into fields with fractions.

    Parameters
    ----------
    a, b_prime : uint8 arrays, (height, width, 3)
        The images, on the host.
    nnf_ab, nnf_ba : int32 arrays, (height, width, 2)
        Matches at the images' size, (y, x).
    parameters : Parameters

    Returns
    -------
    field_ab, field_ba : float32 arrays, (height, width, 2)
        Positions (y, x); they may lie outside the other image, where the motion leaves it.
    """
    on = target_of(nnf_ab, nnf_ba)
    a, b_prime = (on.asarray(image.astype(np.float32) / np.float32(255)) for image in (a, b_prime))
    return (
        _refine(a, b_prime, nnf_ab, nnf_ba, parameters, on),
        _refine(b_prime, a, nnf_ba, nnf_ab, parameters, on),
    )


def _refine(source, target, nnf, reverse, parameters, on):
    field = as_field(nnf)
    if parameters.smoothing:
        weights = reliability(nnf, reverse)
    for _ in range(parameters.smoothing):
        field = smooth(field, weights, source)
    field = refine_field(source, target, field, parameters.subpixel)
    return keep_better(source, target, field, nnf, parameters.vote_side, _RATIO, _SLACK)
