"""3x3 convolution with ReLU and the 2x2 max-pooling after it in one, forward and backward.

The map between the two is by far the largest of a network: written, pooled, and on the way back
unpooled and read again by its mask, it takes more time than the arithmetic. Here a tile of it is
pooled as soon as it is there, and what is kept are the maxima and where they were. Those suffice
for the gradient: it passes at each window's maximum, where that is positive.

Where nothing is won, on a device and for layers of few channels, the map is put into scratch.
"""

from __future__ import annotations

import numpy as np

from analogy_kernels.arguments import MAP, UINT8, checked, extents, whole
from analogy_kernels.network import winograd
from analogy_kernels.network.convolution import (
    checked_scratch,
    conv3x3_backward,
    conv3x3_relu,
    scratch_elements,
)
from analogy_kernels.network.filters import FilterBank, checked_backward_bank, checked_bank
from analogy_kernels.network.pooling import maxpool2x2_kernel, relu_maxpool2x2_backward_kernel
from analogy_kernels.target import Array, Result, Stream, on_target, target_of


def pooled_scratch_elements(bank: FilterBank, height: int, width: int) -> int:
    """Float32 elements of scratch that `bank` needs for maps of a size that are pooled.

    Parameters
    ----------
    bank : FilterBank
    height, width : int
        Size of the maps before they are pooled, in pixels.

    Returns
    -------
    int
        As :func:`analogy_kernels.scratch_elements` and, on a device and for layers of under 16
        input channels, the map itself.

    Raises
    ------
    TypeError
        If `bank` is no FilterBank, or a size no whole number.
    ValueError
        If a size is not above 0.

    Notes
    -----
    Allocates nothing and asks no device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import filter_bank, pooled_scratch_elements
    >>> bank = filter_bank(np.zeros((3, 3, 2, 5), np.float32), np.zeros(5, np.float32))
    >>> pooled_scratch_elements(bank, 4, 6) >= 4 * 6 * 5
    True
    """
    checked_bank(bank)
    height, width = whole("height", height, 1), whole("width", width, 1)
    of_convolution = 0 if _is_on_device(bank) else scratch_elements(bank, height, width)
    return of_convolution + (0 if _is_fused(bank) else height * width * bank.channels_out)


def conv3x3_relu_maxpool(
    source: Array,
    bank: FilterBank,
    scratch: Array | None = None,
    out: Array | None = None,
    argmax: Array | None = None,
    *,
    stream: Stream = None,
) -> tuple[Result, Result]:
    """``maxpool2x2(conv3x3_relu(source))``: the maxima of its windows, and where they were.

    Parameters
    ----------
    source : float32 array, (height, width, channels in)
    bank : FilterBank
        On the target of `source`.
    scratch : float32 array, (at least `pooled_scratch_elements` of the bank and size,), optional
        Reused from call to call by callers that iterate. Apart from the others, as `out` and
        `argmax`.
    out : float32 array, (ceil(height / 2), ceil(width / 2), channels out), optional
    argmax : uint8 array, shape of `out`, optional
        Both written and returned; made anew when absent.
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
        If something is no array, or `bank` no FilterBank.
    ValueError
        If the arrays do not fit each other and the bank.

    Notes
    -----
    The operations of :func:`analogy_kernels.conv3x3_relu` and three comparisons a pooled value; the
    map before pooling does not go through memory, but on a device and for layers of under 16 input
    channels. Allocates the results and `scratch` where they are absent; does not wait for a device.
    Simonyan and Zisserman (2014), Lavin and Gray (2016).

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import conv3x3_relu_maxpool, filter_bank
    >>> bank = filter_bank(np.ones((3, 3, 1, 1), np.float32), np.float32([-5]))
    >>> out, argmax = conv3x3_relu_maxpool(np.ones((2, 3, 1), np.float32), bank)
    >>> out.tolist(), argmax.tolist()
    ([[[1.0], [0.0]]], [[[1], [0]]])
    """
    on, source, scratch, out, argmax = on_target(
        source=source, scratch=scratch, out=out, argmax=argmax, stream=stream
    )
    source = checked("source", source, (*MAP[:2], checked_bank(bank, on).channels_in))
    height, width, _ = source.shape
    pooled = (height + 1) // 2, (width + 1) // 2, bank.channels_out
    lies = {"source": source}
    out = on.out(out, pooled, apart_from=lies)
    argmax = on.out(argmax, pooled, UINT8, name="argmax", apart_from=lies | {"out": out})
    scratch = _scratch(on, scratch, bank, (height, width), lies | {"out": out, "argmax": argmax})
    if _is_fused(bank):
        floor = np.float32(0)
        winograd.convolve_and_pool(source, bank.forward, bank.bias, floor, scratch, out, argmax)
        return out, argmax
    full, scratch = _apart(on, scratch, (height, width, bank.channels_out))
    conv3x3_relu(source, bank, scratch, full, stream=stream)
    on.run(maxpool2x2_kernel, (pooled[0], pooled[1] * pooled[2]), full, out, argmax)
    return out, argmax


def conv3x3_relu_maxpool_backward(
    gradient: Array,
    pooled: Array,
    argmax: Array,
    bank: FilterBank,
    shape: tuple[int, int],
    scratch: Array | None = None,
    out: Array | None = None,
    *,
    stream: Stream = None,
) -> Result:
    """Gradient with respect to the input of :func:`conv3x3_relu_maxpool`.

    Parameters
    ----------
    gradient : float32 array, (pooled height, pooled width, channels out)
        Gradient with respect to the maxima.
    pooled, argmax : float32 and uint8 arrays, shape of `gradient`
        What :func:`conv3x3_relu_maxpool` gave; the gradient passes where the maxima are positive.
    bank : FilterBank
        On the target of `gradient`.
    shape : (int, int)
        Height and width of the input.
    scratch, stream
        As for :func:`conv3x3_relu_maxpool`.
    out : float32 array, (height, width, channels in), optional
        Written and returned; made anew when absent.

    Returns
    -------
    float32 array, (height, width, channels in)

    Raises
    ------
    TypeError
        If something is no array, `bank` no FilterBank, or `shape` not of whole numbers.
    ValueError
        If the arrays do not fit each other, the bank, or a map of `shape`.

    Notes
    -----
    As for :func:`conv3x3_relu_maxpool`, with the filters turned and transposed; on the CPU a value
    for each of the channels in is allocated beside.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import conv3x3_relu_maxpool_backward, filter_bank
    >>> bank = filter_bank(np.ones((3, 3, 1, 1), np.float32), np.float32([-5]))
    >>> pooled, argmax = np.array([[[1]]], np.float32), np.array([[[1]]], np.uint8)
    >>> conv3x3_relu_maxpool_backward(pooled, pooled, argmax, bank, (1, 2)).tolist()
    [[[1.0], [1.0]]]
    """
    on, gradient, pooled, argmax, scratch, out = on_target(
        gradient=gradient, pooled=pooled, argmax=argmax, scratch=scratch, out=out, stream=stream
    )
    channels = checked_backward_bank(bank, on).channels_out
    height, width = extents("shape", shape)
    gradient = checked("gradient", gradient, ((height + 1) // 2, (width + 1) // 2, channels))
    pooled = checked("pooled", pooled, gradient.shape)
    argmax = checked("argmax", argmax, gradient.shape, UINT8)
    lies = {"gradient": gradient, "pooled": pooled, "argmax": argmax}
    out = on.out(out, (height, width, bank.channels_in), apart_from=lies)
    scratch = _scratch(on, scratch, bank, (height, width), lies | {"out": out})
    if _is_fused(bank):
        winograd.convolve_unpooled(gradient, pooled, argmax, bank.backward, scratch, out)
        return out
    full, scratch = _apart(on, scratch, (height, width, channels))
    extent = height, width * channels
    on.run(relu_maxpool2x2_backward_kernel, extent, gradient, pooled, argmax, full)
    return conv3x3_backward(full, bank, scratch, out, stream=stream)


def _is_on_device(bank):
    return target_of(bank.bias).is_cuda


def _is_fused(bank):
    return not (bank.is_thin or _is_on_device(bank))


def _scratch(on, scratch, bank, shape, others):
    return checked_scratch(on, scratch, pooled_scratch_elements(bank, *shape), others)


def _apart(on, scratch, shape):
    """A map of a shape in the scratch, and the rest of it, which a device has no use for."""
    size = int(np.prod(shape))
    return scratch[:size].reshape(shape), None if on.is_cuda else scratch[size:]
