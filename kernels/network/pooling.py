"""2x2 max-pooling with stride 2, forward and backward.

Odd sizes are rounded up, as Caffe does and so the authors' program: a window that the border cuts
takes the maximum of what is inside.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from kernels.target import Array, Kernel, Result, Stream, cuda, element_launch, on_target


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
    stream : Numba stream, optional
        That a device queues the work on.

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
        If the arrays live on different targets, one on the host is not C-contiguous, or `out`
        or `argmax` has another shape or dtype.

    Notes
    -----
    Three comparisons a pooled value; reads the map once and writes 5 bytes a pooled value.
    Allocates nothing but the results and does not wait for a device. Pooling of VGG (Simonyan and
    Zisserman, 2014).

    Examples
    --------
    >>> import numpy as np
    >>> from kernels import maxpool2x2
    >>> out, argmax = maxpool2x2(np.array([[[1], [2], [0]], [[4], [3], [7]]], np.float32))
    >>> out.tolist(), argmax.tolist()
    ([[[4.0], [7.0]]], [[[2], [2]]])
    """
    on, source, out, argmax = on_target(source, out, argmax, stream=stream)
    height, width, channels = source.shape
    shape = (height + 1) // 2, (width + 1) // 2, channels
    out, argmax = on.out(out, shape), on.out(argmax, shape, np.uint8)
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
    shape : (height, width) of the input
    out : float32 array, (height, width, channels), optional
    stream : Numba stream, optional
        That a device queues the work on.

    Returns
    -------
    float32 array, (height, width, channels)

    Raises
    ------
    TypeError
        If something is no array.
    ValueError
        If the arrays live on different targets, one on the host is not C-contiguous, or `out`
        has another shape or dtype.

    Notes
    -----
    One comparison a value; reads the pooled maps once and writes the result once. Allocates nothing
    but the result and does not wait for a device.

    Examples
    --------
    >>> import numpy as np
    >>> from kernels import maxpool2x2_backward
    >>> gradient, argmax = np.array([[[5]]], np.float32), np.array([[[2]]], np.uint8)
    >>> maxpool2x2_backward(gradient, argmax, (2, 2)).tolist()
    [[[0.0], [0.0]], [[5.0], [0.0]]]
    """
    on, gradient, argmax, out = on_target(gradient, argmax, out, stream=stream)
    (height, width), channels = shape, gradient.shape[2]
    out = on.out(out, (height, width, channels))
    on.run(maxpool2x2_backward_kernel, (height, width * channels), gradient, argmax, out)
    return out


@njit(parallel=True, cache=True)
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
        x, c = index // channels, index % channels
        out[y, x, c], argmax[y, x, c] = _window_maximum(source, y, x, c)


@njit(parallel=True, cache=True)
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
        x, c = index // channels, index % channels
        out[y, x, c] = _unpooled(gradient, argmax, y, x, c)


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


#: Kernel of :func:`kernels.maxpool2x2`. Extents: pooled height, pooled width * channels.
maxpool2x2_kernel = Kernel(_maxpool_cpu, _maxpool_cuda, element_launch)
#: Kernel of :func:`kernels.maxpool2x2_backward`. Extents: height, width * channels.
maxpool2x2_backward_kernel = Kernel(_maxpool_backward_cpu, _maxpool_backward_cuda, element_launch)
