"""3x3 convolution, with or without ReLU, forward and backward to its input.

The layers of VGG (Simonyan and Zisserman, 2014): stride 1, one pixel of zeros around the map.
Their gradients to the input are all that feature deconvolution needs (eq. 5 of the paper); the
weights are fixed.
"""

from __future__ import annotations

import numpy as np

from analogy_kernels.arguments import PLANE, VECTOR, checked, whole, written
from analogy_kernels.network import im2col, implicit_gemm, winograd
from analogy_kernels.network.filters import FilterBank, checked_backward_bank, checked_bank
from analogy_kernels.target import Array, Result, Stream, on_target


def scratch_elements(bank: FilterBank, height: int, width: int) -> int:
    """Float32 elements of scratch that `bank` needs for maps of a size, in either direction.

    Parameters
    ----------
    bank : FilterBank
    height, width : int
        Size of the maps, in pixels.

    Returns
    -------
    int
        More with more of Numba's threads; does not depend on the size for Winograd's method.

    Raises
    ------
    TypeError
        If `bank` is no FilterBank, or a size no whole number.
    ValueError
        If a size is not above 0.

    Notes
    -----
    Allocates nothing and asks no device, which needs no scratch.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import filter_bank, scratch_elements
    >>> bank = filter_bank(np.zeros((3, 3, 2, 5), np.float32), np.zeros(5, np.float32))
    >>> scratch_elements(bank, 4, 6) >= 4 * 6 * 9 * 2
    True
    """
    height, width = whole("height", height, 1), whole("width", width, 1)
    return _scratch_elements(checked_bank(bank), height, width)


def _scratch_elements(bank, height, width):
    if bank.is_thin:
        return im2col.scratch_elements(width, bank.channels_in, bank.channels_out)
    return winograd.scratch_elements(bank.channels_in, bank.channels_out)


def conv3x3(
    source: Array,
    bank: FilterBank,
    scratch: Array | None = None,
    out: Array | None = None,
    *,
    stream: Stream = None,
) -> Result:
    """``conv(source) + bias``.

    Parameters
    ----------
    source : float32 array, (height, width, channels in)
    bank : FilterBank
        On the target of `source`.
    scratch : float32 array, (at least `scratch_elements` of the same bank and size,), optional
        CPU only; reused from call to call by callers that iterate. Apart from the others, as `out`.
    out : float32 array, (height, width, channels out), optional
        Written and returned; made anew when absent.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, (height, width, channels out)

    Raises
    ------
    TypeError
        If something is no array, or `bank` no FilterBank.
    ValueError
        If the arrays do not fit each other and the bank.

    Notes
    -----
    height * width * 9 * channels in * channels out multiply-adds by the direct method, which a
    device and layers of under 16 input channels take; a quarter of them by Winograd's, and the
    transforms. Maps and filters go through memory about once. Allocates the result and, on the CPU,
    `scratch` where it is absent; does not wait for a device. Simonyan and Zisserman (2014), Lavin
    and Gray (2016).

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import conv3x3, filter_bank
    >>> bank = filter_bank(np.ones((3, 3, 1, 1), np.float32), np.float32([-5]))
    >>> conv3x3(np.ones((2, 3, 1), np.float32), bank).tolist()
    [[[-1.0], [1.0], [-1.0]], [[-1.0], [1.0], [-1.0]]]
    """
    return _forward(source, bank, None, scratch, out, stream)


def conv3x3_relu(
    source: Array,
    bank: FilterBank,
    scratch: Array | None = None,
    out: Array | None = None,
    *,
    stream: Stream = None,
) -> Result:
    """``max(conv(source) + bias, 0)``.

    Parameters
    ----------
    source, bank, scratch, out, stream
        As for :func:`conv3x3`.

    Returns
    -------
    float32 array, (height, width, channels out)

    Raises
    ------
    TypeError
        If something is no array, or `bank` no FilterBank.
    ValueError
        If the arrays do not fit each other and the bank.

    Notes
    -----
    As for :func:`conv3x3`: the comparison is part of its last step.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import conv3x3_relu, filter_bank
    >>> bank = filter_bank(np.ones((3, 3, 1, 1), np.float32), np.float32([-5]))
    >>> conv3x3_relu(np.ones((2, 3, 1), np.float32), bank).tolist()
    [[[0.0], [1.0], [0.0]], [[0.0], [1.0], [0.0]]]
    """
    return _forward(source, bank, np.float32(0), scratch, out, stream)


def conv3x3_backward(
    gradient: Array,
    bank: FilterBank,
    scratch: Array | None = None,
    out: Array | None = None,
    *,
    stream: Stream = None,
) -> Result:
    """Gradient with respect to the input of :func:`conv3x3`.

    Parameters
    ----------
    gradient : float32 array, (height, width, channels out)
        Gradient with respect to the layer's output.
    bank, scratch, stream
        As for :func:`conv3x3`.
    out : float32 array, (height, width, channels in), optional
        Written and returned; made anew when absent.

    Returns
    -------
    float32 array, (height, width, channels in)

    Raises
    ------
    TypeError
        If something is no array, or `bank` no FilterBank.
    ValueError
        If the arrays do not fit each other and the bank.

    Notes
    -----
    As for :func:`conv3x3`, with the filters turned and transposed; on the CPU a value for each of
    the channels in is allocated beside. What equation 5 of the paper is minimised by.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import conv3x3_backward, filter_bank
    >>> bank = filter_bank(np.ones((3, 3, 1, 1), np.float32), np.float32([-5]))
    >>> conv3x3_backward(np.ones((2, 3, 1), np.float32), bank).tolist()
    [[[4.0], [6.0], [4.0]], [[4.0], [6.0], [4.0]]]
    """
    return _backward(gradient, None, bank, scratch, out, stream)


def conv3x3_relu_backward(
    gradient: Array,
    activation: Array,
    bank: FilterBank,
    scratch: Array | None = None,
    out: Array | None = None,
    *,
    stream: Stream = None,
) -> Result:
    """Gradient with respect to the input of :func:`conv3x3_relu`.

    Parameters
    ----------
    gradient : float32 array, (height, width, channels out)
        Gradient with respect to the layer's output.
    activation : float32 array, (height, width, channels out)
        The layer's output; the gradient passes where it is positive.
    bank, scratch, stream
        As for :func:`conv3x3`.
    out : float32 array, (height, width, channels in), optional
        Written and returned; made anew when absent.

    Returns
    -------
    float32 array, (height, width, channels in)

    Raises
    ------
    TypeError
        If something is no array, or `bank` no FilterBank.
    ValueError
        If the arrays do not fit each other and the bank.

    Notes
    -----
    As for :func:`conv3x3_backward`, and the activation is read once.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import conv3x3_relu_backward, filter_bank
    >>> bank = filter_bank(np.ones((3, 3, 1, 1), np.float32), np.float32([-5]))
    >>> activation = np.array([[[0], [1], [0]], [[0], [1], [0]]], np.float32)
    >>> conv3x3_relu_backward(np.ones((2, 3, 1), np.float32), activation, bank).tolist()
    [[[2.0], [2.0], [2.0]], [[2.0], [2.0], [2.0]]]
    """
    return _backward(gradient, activation, bank, scratch, out, stream)


def _forward(source, bank, floor, scratch, out, stream):
    on, source, scratch, out = on_target(source=source, scratch=scratch, out=out, stream=stream)
    channels = checked_bank(bank, on).channels_in
    source = checked("source", source, (*PLANE, channels))
    out, scratch = _results(on, bank, bank.channels_out, scratch, out, {"source": source})
    if on.is_cuda:
        implicit_gemm.convolve(on, source, None, bank.forward, bank.bias, floor, out)
        return out
    if bank.is_thin:
        im2col.convolve(source, bank.forward, bank.bias, floor, scratch, out)
    else:
        winograd.convolve(source, None, bank.forward, bank.bias, floor, scratch, out)
    return out


def _backward(gradient, activation, bank, scratch, out, stream):
    on, gradient, activation, scratch, out = on_target(
        gradient=gradient, activation=activation, scratch=scratch, out=out, stream=stream
    )
    channels = checked_backward_bank(bank, on).channels_out
    gradient = checked("gradient", gradient, (*PLANE, channels))
    if activation is not None:
        activation = checked("activation", activation, gradient.shape)
    read = {"gradient": gradient, "activation": activation}
    out, scratch = _results(on, bank, bank.channels_in, scratch, out, read)
    if on.is_cuda:
        implicit_gemm.convolve(on, gradient, activation, bank.backward, None, None, out)
        return out
    if bank.is_thin:
        im2col.convolve_transposed(gradient, activation, bank.backward, scratch, out)
    else:
        winograd.convolve(gradient, activation, bank.backward, None, None, scratch, out)
    return out


def _results(on, bank, channels, scratch, out, read):
    """Map and scratch that a convolution writes, given or new; a device needs no scratch."""
    height, width, _ = next(iter(read.values())).shape
    out = on.out(out, (height, width, channels), apart_from=read)
    if on.is_cuda:
        return out, None
    elements = _scratch_elements(bank, height, width)
    return out, checked_scratch(on, scratch, elements, read | {"out": out})


def checked_scratch(on, scratch, elements, apart_from):
    """Scratch of at least so many elements, given or new."""
    if scratch is None:
        return on.empty(elements)
    written("scratch", scratch, VECTOR, apart_from=apart_from)
    if scratch.size < elements:
        raise ValueError(f"scratch has {scratch.size} elements; it has to have {elements} or more")
    return scratch
