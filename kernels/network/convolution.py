"""3x3 convolution, with or without ReLU, forward and backward to its input.

The layers of VGG (Simonyan and Zisserman, 2014): stride 1, one pixel of zeros around the map.
Their gradients to the input are all that feature deconvolution needs (eq. 5 of the paper); the
weights are fixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.blas import one_thread_each
from kernels.network import im2col, implicit_gemm, winograd
from kernels.target import CPU, Array, Result, Stream, on_target

# Below this many input channels Winograd's transforms cost more than they save.
_FEW_CHANNELS = 16


@dataclass(frozen=True)
class FilterBank:
    """The filters of one layer, in the forms that one target's kernels read.

    Attributes
    ----------
    channels_in, channels_out : int
    forward, backward : float32 arrays
        Filters of the layer, and of its transposed convolution.
    bias : float32 array, (channels out,)
    """

    channels_in: int
    channels_out: int
    forward: Any
    backward: Any
    bias: Any

    @property
    def is_thin(self):
        return self.channels_in < _FEW_CHANNELS


def filter_bank(weights: np.ndarray, bias: np.ndarray, target=CPU) -> FilterBank:
    """Prepare a layer's filters for a target.

    Parameters
    ----------
    weights : float32 NumPy array, (3, 3, channels in, channels out)
        Correlation filters indexed (y, x), as deep learning frameworks store them.
    bias : float32 NumPy array, (channels out,)
    target : CPU or CUDA from `kernels.target`

    Returns
    -------
    FilterBank

    Raises
    ------
    ValueError
        If the shapes do not belong to a 3x3 convolution.
    """
    if weights.shape[:2] != (3, 3) or weights.ndim != 4 or bias.shape != weights.shape[3:]:
        raise ValueError(f"not a 3x3 convolution: weights {weights.shape}, bias {bias.shape}")
    channels_in, channels_out = weights.shape[2:]
    weights = np.ascontiguousarray(weights, np.float32)
    # The transposed convolution correlates with the filter turned by 180 degrees.
    turned = np.ascontiguousarray(weights[::-1, ::-1].transpose(0, 1, 3, 2))
    if target.is_cuda:
        forward, backward = implicit_gemm.pack(weights), implicit_gemm.pack(turned)
    elif channels_in < _FEW_CHANNELS:
        forward = weights.reshape(-1, channels_out)
        backward = np.ascontiguousarray(forward.T)
    else:
        forward, backward = winograd.transform_filter(weights), winograd.transform_filter(turned)
    put = target.asarray
    bias = put(np.asarray(bias, np.float32))
    return FilterBank(channels_in, channels_out, put(forward), put(backward), bias)


def scratch_elements(bank: FilterBank, height: int, width: int) -> int:
    """Float32 elements of scratch that `bank` needs for maps of a size, in either direction."""
    if bank.is_thin:
        return im2col.scratch_elements(height, width, bank.channels_in, bank.channels_out)
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
        CPU only; reused from call to call by callers that iterate.
    out : float32 array, (height, width, channels out), optional
        Written and returned; made anew when absent.
    stream : Numba stream, optional
        That a device queues the work on.

    Returns
    -------
    float32 array, (height, width, channels out)
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
    """``max(conv(source) + bias, 0)``; parameters and result are those of :func:`conv3x3`."""
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
    """
    return _backward(gradient, activation, bank, scratch, out, stream)


def _forward(source, bank, floor, scratch, out, stream):
    on, source, scratch, out = on_target(source, scratch, out, stream=stream)
    height, width = source.shape[:2]
    out = on.out(out, (height, width, bank.channels_out))
    if on.is_cuda:
        implicit_gemm.convolve(on, source, None, bank.forward, bank.bias, floor, out)
        return out
    if scratch is None:
        scratch = np.empty(scratch_elements(bank, height, width), np.float32)
    with one_thread_each():
        if bank.is_thin:
            im2col.convolve(source, bank.forward, bank.bias, floor, scratch, out)
        else:
            winograd.convolve(source, None, bank.forward, bank.bias, floor, scratch, out)
    return out


def _backward(gradient, activation, bank, scratch, out, stream):
    on, gradient, activation, scratch, out = on_target(
        gradient, activation, scratch, out, stream=stream
    )
    height, width = gradient.shape[:2]
    out = on.out(out, (height, width, bank.channels_in))
    if on.is_cuda:
        implicit_gemm.convolve(on, gradient, activation, bank.backward, None, None, out)
        return out
    if scratch is None:
        scratch = np.empty(scratch_elements(bank, height, width), np.float32)
    with one_thread_each():
        if bank.is_thin:
            im2col.convolve_transposed(gradient, activation, bank.backward, scratch, out)
        else:
            winograd.convolve(gradient, activation, bank.backward, None, None, scratch, out)
    return out
