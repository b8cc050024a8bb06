"""The filters of a layer, in the forms that the kernels of a target read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from analogy_kernels.arguments import aligned, checked, whole
from analogy_kernels.network import im2col, implicit_gemm, winograd
from analogy_kernels.target import CPU, as_target, on_target, target_of

# Below this many input channels Winograd's transforms cost more than they save.
_FEW_CHANNELS = 16


@dataclass(frozen=True)
class FilterBank:
    """The filters of one layer, in the forms that one target's kernels read.

    Attributes
    ----------
    channels_in, channels_out : int
    forward, backward : float32 arrays
        Filters of the layer, and of its transposed convolution; None for the latter in a bank that
        convolves forward alone.
    bias : float32 array, (channels out,)

    Notes
    -----
    The memory is that of the weights for either direction, on the CPU from 16 input channels on
    four times that, with the channels of the result filled up to a multiple of 16.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import filter_bank
    >>> bank = filter_bank(np.zeros((3, 3, 2, 5), np.float32), np.zeros(5, np.float32))
    >>> bank.channels_in, bank.channels_out, bank.is_thin
    (2, 5, True)
    """

    channels_in: int
    channels_out: int
    forward: Any
    backward: Any
    bias: Any

    def __post_init__(self):
        channels = (
            whole("channels_in", self.channels_in, least=1),
            whole("channels_out", self.channels_out, least=1),
        )
        on, forward, backward, bias = on_target(
            forward=self.forward, backward=self.backward, bias=self.bias
        )
        given = {"forward": forward} | ({} if backward is None else {"backward": backward})
        for name, filters in given.items():
            # Kept as kernels take them: of another library's array that is not the array itself.
            object.__setattr__(self, name, checked(name, filters, _form(on, channels, name)))
            if on.is_cuda:
                aligned(name, filters, implicit_gemm.FOUR)
        object.__setattr__(self, "bias", checked("bias", bias, channels[1:]))

    @property
    def is_thin(self):
        return self.channels_in < _FEW_CHANNELS


def filter_bank(
    weights: np.ndarray, bias: np.ndarray, target=CPU, *, backward: bool = True
) -> FilterBank:
    """Prepare a layer's filters for a target.

    Parameters
    ----------
    weights : NumPy array, (3, 3, channels in, channels out)
        Correlation filters indexed (y, x), as deep learning frameworks store them. Turned into
        float32, as is the bias, and copied.
    bias : NumPy array, (channels out,)
    target : CPU or CUDA from `analogy_kernels.target`
    backward : bool
        Have filters for the gradient, too, which are half of the memory.

    Returns
    -------
    FilterBank

    Raises
    ------
    TypeError
        If something is no array of numbers, or `target` no target.
    ValueError
        If the shapes do not belong to a 3x3 convolution.

    Notes
    -----
    Transforms every filter once, on the host: 36 x 9 multiply-adds each and direction for
    Winograd's method, a copy for the others. Allocates what :class:`FilterBank` holds; a device's
    copies may wait for work before them. Lavin and Gray (2016).

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import filter_bank
    >>> filter_bank(np.zeros((3, 3, 2, 5), np.float32), np.zeros(5, np.float32)).channels_out
    5
    """
    as_target(target)
    weights, bias = (_copied(name, array) for name, array in (("weights", weights), ("bias", bias)))
    if weights.shape[:2] != (3, 3) or weights.ndim != 4 or bias.shape != weights.shape[3:]:
        raise ValueError(f"not a 3x3 convolution: weights {weights.shape}, bias {bias.shape}")
    if not weights.size:
        raise ValueError(f"weights is {weights.shape}; it has to have channels")
    channels_in, channels_out = weights.shape[2:]
    forward = target.asarray(_forward_filters(weights, target))
    transposed = target.asarray(_backward_filters(weights, target)) if backward else None
    return FilterBank(channels_in, channels_out, forward, transposed, target.asarray(bias))


def _forward_filters(weights, target):
    if target.is_cuda:
        return implicit_gemm.pack(weights)
    if weights.shape[2] < _FEW_CHANNELS:
        return im2col.lay_out(weights.reshape(-1, weights.shape[3]))
    return winograd.transform_filter(weights)


def _backward_filters(weights, target):
    if weights.shape[2] < _FEW_CHANNELS and not target.is_cuda:
        return im2col.lay_out(weights.reshape(-1, weights.shape[3]).T)
    # The transposed convolution correlates with the filter turned by 180 degrees.
    turned = np.ascontiguousarray(weights[::-1, ::-1].transpose(0, 1, 3, 2))
    return implicit_gemm.pack(turned) if target.is_cuda else winograd.transform_filter(turned)


def _copied(name, array):
    """An array of numbers as float32, in memory that nobody else writes."""
    try:
        array = np.asarray(array)
    except ValueError:
        raise TypeError(f"{name} is no array; it has to be one of numbers") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} is {array.dtype} {array.shape}; it has to be of real numbers")
    return np.array(array, np.float32, order="C")


def _form(on, channels, direction):
    """Shape of filters as a target's kernels read them: "forward" or "backward" ones."""
    shape = channels if direction == "forward" else channels[::-1]
    if on.is_cuda:
        return implicit_gemm.packed_shape(*shape)
    if channels[0] < _FEW_CHANNELS:
        filters = im2col.TAPS * channels[0], channels[1]
        return im2col.filter_shape(*(filters if direction == "forward" else filters[::-1]))
    return winograd.filter_shape(*shape)


def checked_bank(bank, on=None):
    """A bank, on the target of the arrays where that is given."""
    if not isinstance(bank, FilterBank):
        raise TypeError(f"bank is a {type(bank).__name__}; it has to be a FilterBank")
    if on is not None and target_of(bank.bias).is_cuda != on.is_cuda:
        raise ValueError(
            f"bank is not on the target of the arrays, {on.name}; make one by filter_bank(..., "
            "target)"
        )
    return bank


def checked_backward_bank(bank, on):
    """A bank on the target of the arrays, with filters for the gradient."""
    if checked_bank(bank, on).backward is None:
        raise ValueError(
            "bank convolves forward alone; make one by filter_bank(..., backward=True)"
        )
    return bank
