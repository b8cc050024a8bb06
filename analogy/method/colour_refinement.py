"""Refinement of photo-to-photo results: their colours, the photograph's detail (section 6.4)."""

from __future__ import annotations

import numpy as np

from analogy_kernels.solvers.wls import wls

# Of RGB as in ITU-R BT.601, which the weighted-least-squares filter's authors take.
_LUMA = np.array([0.299, 0.587, 0.114])

# Added to the luminance before its logarithm: half of the smallest step, so that black is finite.
_HALF_STEP = 0.5 / 255


def refine(stylised, photo, parameters, target):
    """Give a result the detail of the photograph that it was made from (eq. 7).

    ``WLS(stylised, photo) + photo - WLS(photo, photo)``, where WLS(f, g) smooths f but not across
    the edges of g. For a fixed g that is linear in f, so it is one filtering of the difference:
    ``photo + WLS(stylised - photo, photo)``.

    Parameters
    ----------
    stylised : uint8 or float32 array, (height, width, 3)
        A' (or B), from 0 to 255.
    photo : uint8 or float32 array, (height, width, 3)
        A (or B').
    parameters : Parameters
        Its `wls_lambda`, `wls_alpha` and `wls_epsilon`.
    target : CPU or CUDA
        Where to compute; the images are in host memory.

    Returns
    -------
    array of the dtype of both, (height, width, 3)
        Float32 where only one is uint8; only uint8 is rounded.

    Raises
    ------
    ValueError
        If the images differ in shape.
    """
    if stylised.shape != photo.shape:
        raise ValueError(f"images of shapes {stylised.shape} and {photo.shape}; give equal ones")
    change = (stylised.astype(np.float32) - photo) / np.float32(255)
    smooth_change = wls(
        target.asarray(change),
        target.asarray(log_luminance(photo)),
        smoothness=parameters.wls_lambda,
        sensitivity=parameters.wls_alpha,
        epsilon=parameters.wls_epsilon,
    )
    refined = np.clip(photo + np.float32(255) * target.to_host(smooth_change), 0, 255)
    if stylised.dtype == photo.dtype == np.uint8:
        return np.rint(refined).astype(np.uint8)
    return refined.astype(np.float32)


def refine_picture(stylised, photo, parameters, target):
    """As :func:`refine`, of `Picture`, which has the photograph's detail at 16 bits as well."""
    return photo.with_values(refine(stylised.values(), photo.values(), parameters, target))


def log_luminance(image):
    """Logarithm of the luminance of an RGB image.

    Parameters
    ----------
    image : uint8 or float32 array, (height, width, 3)
        From 0 to 255.

    Returns
    -------
    float32 array, (height, width)
    """
    return np.log(image @ _LUMA / 255 + _HALF_STEP).astype(np.float32)
