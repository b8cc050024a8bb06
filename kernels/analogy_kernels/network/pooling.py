"""2x2 max-pooling with stride 2, forward and backward.

Odd sizes are rounded up, as Caffe does and so the authors' program: a window that the border cuts
takes the maximum of what is inside.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import MAP, UINT8, checked, extents
from analogy_kernels.geometry import place_in_row
from analogy_kernels.target import (
    UNCOUNTED,
    Array,
    Kernel,
    Result,
    Stream,
    cuda,
    element_launch,
    on_target,
)


def maxpool2x2(
    source: Array,
    out: Array | None = None,
    argmax: Array | None = None,
    *,
    stream: Stream = None,
) -> tuple[Result, Result]:
    """Maximum of each 2x2 window, and where it was.

    Parameters
    ----------
    source : float32 array, (height, width, channels)
    out : float32 array, (ceil(height / 2), ceil(width / 2), channels), optional
    argmax : uint8 array, shape of `out`, optional
        Both written and returned; made anew when absent. Apart from `source`.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    out : float32 array
    argmax : uint8 array
        Position in the window, ``2 * y + x``; the first one where several are equal.

    Raises
    ------
    TypeError
        If something is no array.
    ValueError
        If the arrays do not fit each other.

    Notes
    -----
    Three comparisons a pooled value; reads the map once and writes 5 bytes a pooled value.
    Allocates nothing but the results and does not wait for a device. Pooling of VGG (Simonyan and
    Zisserman, 2014).

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import maxpool2x2
    >>> out, argmax = maxpool2x2(np.array([[[1], [2], [0]], [[4], [3], [7]]], np.float32))
    >>> out.tolist(), argmax.tolist()
    ([[[4.0], [7.0]]], [[[2], [2]]])
    """
    on, source, out, argmax = on_target(source=source, out=out, argmax=argmax, stream=stream)
    source = checked("source", source, MAP)
    height, width, channels = source.shape
    shape, lies = ((height + 1) // 2, (width + 1) // 2, channels), {"source": source}
    out = on.out(out, shape, apart_from=lies)
    argmax = on.out(argmax, shape, UINT8, name="argmax", apart_from=lies | {"out": out})
    on.run(maxpool2x2_kernel, (shape[0], shape[1] * channels), source, out, argmax)
    return out, argmax


def maxpool2x2_backward(
    gradient: Array,
    argmax: Array,
    shape: tuple[int, int],
    out: Array | None = None,
    *,
    stream: Stream = None,
) -> Result:
    """Gradient with respect to the input of :func:`maxpool2x2`.

    Parameters
    ----------
    gradient : float32 array, (pooled height, pooled width, channels)
    argmax : uint8 array, shape of `gradient`
    shape : (int, int)
        Height and width of the input.
    out : float32 array, (height, width, channels), optional
        Written and returned; made anew when absent. Apart from the others.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, (height, width, channels)

    Raises
    ------
    TypeError
        If something is no array, or `shape` not of whole numbers.
    ValueError
        If the arrays do not fit each other, or a map of `shape`.

    Notes
    -----
    One comparison a value; reads the pooled maps once and writes the result once. Allocates nothing
    but the result and does not wait for a device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import maxpool2x2_backward
    >>> gradient, argmax = np.array([[[5]]], np.float32), np.array([[[2]]], np.uint8)
    >>> maxpool2x2_backward(gradient, argmax, (2, 2)).tolist()
    [[[0.0], [0.0]], [[5.0], [0.0]]]
    """
    on, gradient, argmax, out = on_target(gradient=gradient, argmax=argmax, out=out, stream=stream)
    height, width = extents("shape", shape)
    pooled = (height + 1) // 2, (width + 1) // 2
    gradient = checked("gradient", gradient, (*pooled, "channels"))
    argmax = checked("argmax", argmax, gradient.shape, UINT8)
    channels, lies = gradient.shape[2], {"gradient": gradient, "argmax": argmax}
    out = on.out(out, (height, width, channels), apart_from=lies)
    on.run(maxpool2x2_backward_kernel, (height, width * channels), gradient, argmax, out)
    return out


@njit(parallel=True, **UNCOUNTED)
def _maxpool_cpu(source, out, argmax):
    height, width, channels = out.shape
    for y in prange(height):
        for x in range(width):
            for c in range(channels):
                out[y, x, c], argmax[y, x, c] = _window_maximum(source, y, x, c)


@cuda.jit(cache=True)
def _maxpool_cuda(source, out, argmax):
    index, y = cuda.grid(2)
    height, width, channels = out.shape
    if y < height and index < width * channels:
        x, c = place_in_row(index, channels)
        out[y, x, c], argmax[y, x, c] = _window_maximum(source, y, x, c)


@njit(parallel=True, **UNCOUNTED)
def _maxpool_backward_cpu(gradient, argmax, out):
    height, width, channels = out.shape
    for y in prange(height):
        for x in range(width):
            for c in range(channels):
                out[y, x, c] = _unpooled(gradient, argmax, y, x, c)


@cuda.jit(cache=True)
def _maxpool_backward_cuda(gradient, argmax, out):
    index, y = cuda.grid(2)
    height, width, channels = out.shape
    if y < height and index < width * channels:
        x, c = place_in_row(index, channels)
        out[y, x, c] = _unpooled(gradient, argmax, y, x, c)


@njit(parallel=True, **UNCOUNTED)
def _relu_maxpool_backward_cpu(gradient, pooled, argmax, out):
    height, width, channels = out.shape
    for y in prange(height):
        for x in range(width):
            for c in range(channels):
                out[y, x, c] = _unpooled_where_positive(gradient, pooled, argmax, y, x, c)


@cuda.jit(cache=True)
def _relu_maxpool_backward_cuda(gradient, pooled, argmax, out):
    index, y = cuda.grid(2)
    height, width, channels = out.shape
    if y < height and index < width * channels:
        x, c = place_in_row(index, channels)
        out[y, x, c] = _unpooled_where_positive(gradient, pooled, argmax, y, x, c)


@register_jitable
def _window_maximum(source, y, x, c):
    height, width = source.shape[0], source.shape[1]
    top, left = 2 * y, 2 * x
    right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
    maximum, position = source[top, left, c], 0
    if source[top, right, c] > maximum:
        maximum, position = source[top, right, c], 1
    if source[bottom, left, c] > maximum:
        maximum, position = source[bottom, left, c], 2
    if source[bottom, right, c] > maximum:
        maximum, position = source[bottom, right, c], 3
    return maximum, np.uint8(position)


@register_jitable
def _unpooled(gradient, argmax, y, x, c):
    position = 2 * (y % 2) + x % 2
    chosen = argmax[y // 2, x // 2, c] == position
    return gradient[y // 2, x // 2, c] if chosen else np.float32(0)


@register_jitable
def _unpooled_where_positive(gradient, pooled, argmax, y, x, c):
    is_positive = pooled[y // 2, x // 2, c] > np.float32(0)
    return _unpooled(gradient, argmax, y, x, c) if is_positive else np.float32(0)


#: Kernel of :func:`analogy_kernels.maxpool2x2`. Extents: pooled height, pooled width * channels.
maxpool2x2_kernel = Kernel(_maxpool_cpu, _maxpool_cuda, element_launch)
#: Kernel of :func:`analogy_kernels.maxpool2x2_backward`. Extents: height, width * channels.
maxpool2x2_backward_kernel = Kernel(_maxpool_backward_cpu, _maxpool_backward_cuda, element_launch)
#: Kernel of :func:`analogy_kernels.conv3x3_relu_maxpool_backward` before it convolves. Extents:
#: height, width * channels.
relu_maxpool2x2_backward_kernel = Kernel(
    _relu_maxpool_backward_cpu, _relu_maxpool_backward_cuda, element_launch
)
