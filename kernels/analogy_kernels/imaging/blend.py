"""Blending of content and reconstructed detail, weighted by response (section 4.3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import (
    ANY_MAP,
    FLOATS,
    PLANE,
    as_map,
    checked,
    device_function,
    number,
    written,
)
from analogy_kernels.half import as_float32, storage, store
from analogy_kernels.reduction import minmax, squared_norm
from analogy_kernels.target import (
    COUNTED,
    LANES,
    UNCOUNTED,
    Array,
    Kernel,
    Result,
    Stream,
    cuda,
    element_launch,
    on_target,
    pixel_index,
    pixel_launch,
)
from analogy_kernels.thread_sums import lane_squared_norm

_KAPPA = np.float32(300)
_TAU = np.float32(0.05)

# What a weight is a function of.
_TAKES = "level alpha"


def response(features: Array, out: Array | None = None, *, stream: Stream = None) -> Result:
    """Squared length of each pixel's channel vector: how much there is at the pixel.

    Parameters
    ----------
    features : float32 array, (height, width[, channels])
        Not normalised.
    out : float32 array, (height, width), optional
        Written and returned; made anew when absent. Apart from `features`.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, (height, width)

    Raises
    ------
    TypeError
        If something is no array.
    ValueError
        If the arrays do not fit each other.

    Notes
    -----
    height * width * channels multiply-adds; reads the features once and writes one number a pixel.
    Allocates nothing but the result and does not wait for a device. Section 4.3 of the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import response
    >>> response(np.array([[[3, 4], [0, 2]]], np.float32)).tolist()
    [[25.0, 4.0]]
    """
    on, features, out = on_target(features=features, out=out, stream=stream)
    features = checked("features", features, ANY_MAP)
    out = on.out(out, features.shape[:2], apart_from={"features": features})
    on.run(response_kernel, out.shape, as_map(features), out)
    return out


@register_jitable
def sigmoid_weight(level, alpha):
    """Give alpha where `level`, in [0, 1], is above 0.05, with a soft edge: equation 6.

    Parameters
    ----------
    level : float32
        Scaled response, in [0, 1].
    alpha : float32
        Largest weight, in [0, 1].

    Returns
    -------
    float32
        In [0, alpha]; half of alpha at 0.05.

    Notes
    -----
    One exponential. Equation 6 of the paper, with kappa 300 and tau 0.05.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels.device import sigmoid_weight
    >>> levels = np.float32([0, 0.05, 1])
    >>> [round(float(sigmoid_weight(level, np.float32(0.5))), 4) for level in levels]
    [0.0, 0.25, 0.5]
    """
    return alpha / (np.float32(1) + np.float32(math.exp(-_KAPPA * (level - _TAU))))


@register_jitable
def hard_weight(level, alpha):
    """Give alpha where `level`, in [0, 1], is at least 0.05: what the authors' program does.

    Parameters
    ----------
    level : float32
        Scaled response, in [0, 1].
    alpha : float32
        Largest weight, in [0, 1].

    Returns
    -------
    float32
        `alpha` or 0.

    Notes
    -----
    One comparison. What equation 6 of the paper becomes without its soft edge.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels.device import hard_weight
    >>> [float(hard_weight(np.float32(level), np.float32(0.5))) for level in (0.04, 0.06)]
    [0.0, 0.5]
    """
    if level < _TAU:
        return np.float32(0)
    return alpha


def weight_map(
    response: Array,
    alpha: float,
    weight: Callable = sigmoid_weight,
    out: Array | None = None,
    *,
    stream: Stream = None,
) -> Result:
    """Weight of the content at each pixel, by its response.

    Parameters
    ----------
    response : float32 array, (height, width)
        As :func:`response` gives it; here it is scaled so that its extremes are 0 and 1. If it is
        the same everywhere it counts as 0 everywhere.
    alpha : float
        Largest weight, in [0, 1].
    weight : sigmoid_weight, hard_weight or a device function of one's own
        Weight of a scaled response, ``(level, alpha) -> float32``.
    out : float32 array, (height, width), optional
        Written and returned; made anew when absent. May be `response` itself.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, (height, width), in [0, alpha]

    Raises
    ------
    TypeError
        If something is no array, `alpha` no number, or `weight` no device function.
    ValueError
        If the arrays do not fit each other, or `alpha` is not in [0, 1].

    Notes
    -----
    About ten operations a pixel, one of them an exponential for `sigmoid_weight`; reads the
    response twice, once for its extremes, and writes the result once. Allocates the result and, on
    a device, 4 KB of partial extremes; does not wait for a device. Equation 6 of the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import weight_map
    >>> from analogy_kernels.device import hard_weight
    >>> weight_map(np.array([[7, 8, 107]], np.float32), 0.5, hard_weight).tolist()
    [[0.0, 0.0, 0.5]]
    """
    on, response, out = on_target(response=response, out=out, stream=stream)
    response = checked("response", response, PLANE)
    alpha = np.float32(number("alpha", alpha, 0, 1))
    device_function("weight", weight, _TAKES)
    out = on.out(out, response.shape, in_place_of={"response": response})
    extremes = minmax(response, stream=stream)
    on.run(weight_map_kernel(weight), out.shape, response, extremes, alpha, out)
    return out


def keep_content(weights: Array, keep: Array, *, stream: Stream = None) -> Result:
    """Give the content all the weight where it is to be kept.

    Parameters
    ----------
    weights : float32 array, (height, width)
        As :func:`weight_map` gives it. Changed.
    keep : float32 array, (height, width)
        1 where the content is kept, 0 elsewhere.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, (height, width)
        `weights`.

    Raises
    ------
    TypeError
        If something is no array.
    ValueError
        If the arrays do not fit each other.

    Notes
    -----
    One comparison a pixel; reads both maps once and writes one. Allocates nothing and does not wait
    for a device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import keep_content
    >>> weights, keep = np.array([[0.25, 0.5]], np.float32), np.array([[1, 0]], np.float32)
    >>> keep_content(weights, keep).tolist()
    [[1.0, 0.5]]
    """
    on, weights, keep = on_target(weights=weights, keep=keep, stream=stream)
    keep = checked("keep", keep, PLANE)
    written("weights", weights, keep.shape, in_place_of={"keep": keep})
    on.run(keep_content_kernel, weights.shape, keep, weights)
    return weights


def blend(
    content: Array,
    detail: Array,
    weights: Array,
    out: Array | None = None,
    *,
    stream: Stream = None,
) -> Result:
    """Mix two maps (equation 4 of the paper): ``content * w + detail * (1 - w)``.

    Parameters
    ----------
    content, detail : float32 or float16 arrays, (height, width[, channels])
        Maps of one dtype.
    weights : float32 array, (height, width)
        w, as :func:`weight_map` gives it.
    out : array of the same dtype and shape, optional
        Written and returned; made anew when absent. May be `content` or `detail`.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    array of the same dtype and shape

    Raises
    ------
    TypeError
        If something is no array.
    ValueError
        If the arrays do not fit each other.

    Notes
    -----
    Four operations a value, in float32; reads two maps and the weights once and writes one map.
    Allocates nothing but the result and does not wait for a device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import blend
    >>> content, detail = np.ones((1, 2, 1), np.float32), np.zeros((1, 2, 1), np.float32)
    >>> blend(content, detail, np.array([[0.25, 1]], np.float32)).tolist()
    [[[0.25], [1.0]]]
    """
    on, content, detail, weights, out = on_target(
        content=content, detail=detail, weights=weights, out=out, stream=stream
    )
    content = checked("content", content, ANY_MAP, FLOATS)
    detail = checked("detail", detail, content.shape, content.dtype)
    weights = checked("weights", weights, content.shape[:2])
    mixed = {"content": content, "detail": detail}
    out = on.out(
        out, content.shape, content.dtype, apart_from={"weights": weights}, in_place_of=mixed
    )
    first, second, result = (storage(as_map(array)) for array in (content, detail, out))
    on.run(blend_kernel, weights.shape, first, second, weights, result)
    return out


@njit(parallel=True, **UNCOUNTED)
def _response_cpu(features, out):
    for y in prange(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = squared_norm(features[y, x])


@cuda.jit(cache=True)
def _response_cuda(features, out):
    y, x, lane = pixel_index(out.shape[1])
    square = lane_squared_norm(features, y, x, lane)
    if y < out.shape[0] and lane == 0:
        out[y, x] = square


@lru_cache
def weight_map_kernel(weight):
    """Kernel of :func:`weight_map` for a function of a scaled response; extents: height, width.

    Parameters
    ----------
    weight : device function, (level, alpha) -> float32
        :func:`sigmoid_weight`, :func:`hard_weight` or one's own.

    Returns
    -------
    Kernel
        A kernel of the arguments ``(response, extremes, alpha, out)``: `extremes` as
        :func:`analogy_kernels.minmax` gives them, `alpha` float32.

    Raises
    ------
    TypeError
        If it is no device function, or takes other arguments.

    Notes
    -----
    Made once for a function, and compiled when it is first run. Complexity is that
    of :func:`weight_map` without the extremes.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels.device import hard_weight
    >>> from analogy_kernels.launches import weight_map_kernel
    >>> response, extremes = np.array([[7, 8, 107]], np.float32), np.array([7, 107], np.float32)
    >>> out = np.empty_like(response)
    >>> weight_map_kernel(hard_weight).cpu(response, extremes, np.float32(0.5), out)
    >>> out.tolist()
    [[0.0, 0.0, 0.5]]
    """
    device_function("weight", weight, _TAKES)
    return Kernel(_weight_map_cpu(weight), _weight_map_cuda(weight), element_launch)


def _weight_map_cpu(weight):
    @njit(parallel=True, **COUNTED)
    def kernel(response, extremes, alpha, out):
        for y in prange(out.shape[0]):
            for x in range(out.shape[1]):
                out[y, x] = weight(_scaled(response[y, x], extremes[0], extremes[1]), alpha)

    return kernel


def _weight_map_cuda(weight):
    @cuda.jit(cache=True)
    def kernel(response, extremes, alpha, out):
        x, y = cuda.grid(2)
        if y < out.shape[0] and x < out.shape[1]:
            out[y, x] = weight(_scaled(response[y, x], extremes[0], extremes[1]), alpha)

    return kernel


@njit(parallel=True, **UNCOUNTED)
def _keep_content_cpu(keep, weights):
    for y in prange(weights.shape[0]):
        for x in range(weights.shape[1]):
            weights[y, x] = max(weights[y, x], keep[y, x])


@cuda.jit(cache=True)
def _keep_content_cuda(keep, weights):
    x, y = cuda.grid(2)
    if y < weights.shape[0] and x < weights.shape[1]:
        weights[y, x] = max(weights[y, x], keep[y, x])


@njit(parallel=True, **UNCOUNTED)
def _blend_cpu(content, detail, weights, out):
    height, width, channels = out.shape
    for y in prange(height):
        for x in range(width):
            weight = weights[y, x]
            for c in range(channels):
                store(out, y, x, c, _mix(content[y, x, c], detail[y, x, c], weight))


@cuda.jit(cache=True)
def _blend_cuda(content, detail, weights, out):
    height, width, channels = out.shape
    y, x, lane = pixel_index(width)
    if y < height:
        weight = weights[y, x]
        c = np.uint64(lane)
        while c < np.uint64(channels):
            store(out, y, x, c, _mix(content[y, x, c], detail[y, x, c], weight))
            c += np.uint64(LANES)


@register_jitable
def _scaled(value, low, high):
    if low == high:
        return np.float32(0)
    return (value - low) / (high - low)


@register_jitable
def _mix(content, detail, weight):
    return as_float32(content) * weight + as_float32(detail) * (np.float32(1) - weight)


#: Kernel of :func:`analogy_kernels.response`. Extents: height, width.
response_kernel = Kernel(_response_cpu, _response_cuda, pixel_launch)
#: Kernel of :func:`analogy_kernels.keep_content`. Extents: height, width.
keep_content_kernel = Kernel(_keep_content_cpu, _keep_content_cuda, element_launch)
#: Kernel of :func:`analogy_kernels.blend`. Extents: height, width.
blend_kernel = Kernel(_blend_cpu, _blend_cuda, pixel_launch)
