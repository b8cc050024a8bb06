"""The scale to match at where faces are to be told from other things: ``--ratio auto``.

The features of level 5 see a few hundred pixels. A face that fills the picture is larger than
that, so that eyes are told apart better at half the scale (the authors advise 0.5 for faces and 1
for everything else).
"""

from __future__ import annotations

import numpy as np

from analogy.images import MINIMUM_SIDE, resize

FACE_RATIO = 0.5

# The smallest share of a picture that a face fills "much" of it with.
FACE_SHARE = 0.08

# Longest side, in pixels, at which faces are looked for: enough for those of that share.
_SEARCH_SIDE = 240

# The detector's own box, and how much larger it is from one scale to the next.
_BOX, _SCALE_STEP = 24, 1.1


def choose_ratio(a, b_prime):
    """Choose the scale at which two images are matched.

    It is 0.5 where the largest face found in either image fills 8 % of it or more, and 1 otherwise
    or where half the size would be too small to match.

    Parameters
    ----------
    a, b_prime : uint8 arrays, (height, width, 3)

    Returns
    -------
    ratio : float
        0.5 or 1.
    shares : dict
        By "a" and "b_prime": that of the image which the largest face fills, see
        :func:`face_share`.
    """
    shares = {"a": face_share(a), "b_prime": face_share(b_prime)}
    smallest_side = min(*a.shape[:2], *b_prime.shape[:2])
    has_face = max(shares.values()) >= FACE_SHARE
    halve = has_face and smallest_side * FACE_RATIO >= MINIMUM_SIDE
    return (FACE_RATIO if halve else 1.0), shares


def face_share(image):
    """Share of a picture's area that the box around its largest face covers.

    Found by scikit-image's cascade of local binary patterns, which was trained on photographs of
    upright faces seen from the front. It finds painted ones too where they are drawn true to life;
    it does not find those of animals, nor heads tilted by 30 degrees.

    Parameters
    ----------
    image : uint8 array, (height, width, 3)

    Returns
    -------
    float
        0 where there is no face of 8 % or more.
    """
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    scale = min(1.0, _SEARCH_SIDE / max(image.shape[:2]))
    height, width = (max(round(side * scale), 1) for side in image.shape[:2])
    small = resize(image, (height, width))
    shortest = max(int(np.sqrt(FACE_SHARE * height * width)), _BOX)
    if shortest > min(height, width):
        return 0.0
    found = Cascade(lbp_frontal_face_cascade_filename()).detect_multi_scale(
        img=small,
        scale_factor=_SCALE_STEP,
        step_ratio=1,
        min_size=(shortest, shortest),
        max_size=(height, width),
    )
    return max((box["width"] * box["height"] / (height * width) for box in found), default=0.0)
