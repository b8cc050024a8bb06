"""A stateless random generator: the same numbers on every target, whatever the launch order.

A random number is a pure function of what it is for (seed, stream, pixel, try), so threads share
no state, and a seed gives the same result on the CPU, in the simulator and on a device. The
functions are compiled into the kernels that call them.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

# Every intermediate value is a uint64 that holds 32 bits, so that no product overflows: NumPy,
# which runs this code in the simulator, warns of overflow, and Numba turns a mix of signed and
# unsigned 64-bit integers into floating point.
_LOW_32 = np.uint64(0xFFFFFFFF)
_SHIFT_15 = np.uint64(15)
_SHIFT_16 = np.uint64(16)
_SHIFT_32 = np.uint64(32)
_START = np.uint64(0x9E3779B9)
_MULTIPLIER_1 = np.uint64(0x7FEB352D)
_MULTIPLIER_2 = np.uint64(0x846CA68B)


@register_jitable
def hash_random(seed, stream, y, x, k):
    """Uniform random bits for try `k` at pixel (y, x).

    Parameters
    ----------
    seed, stream, y, x, k : int
        None negative; the low 32 bits of each count. Give every independent use of one seed
        (level, pass, direction) a `stream` of its own.

    Returns
    -------
    uint32

    Notes
    -----
    Five rounds of two multiplications each, without memory. Wellons' "lowbias32" (2018).

    Examples
    --------
    >>> from analogy_kernels.device import hash_random
    >>> bits = [int(hash_random(1, 0, 2, 3, k)) for k in range(2)]
    >>> bits[0] == int(hash_random(1, 0, 2, 3, 0)), bits[0] == bits[1]
    (True, False)
    """
    # The start value keeps seed 0 away from the hash's fixed point at zero.
    bits = _mix(_START ^ (np.uint64(seed) & _LOW_32))
    bits = _mix(bits ^ (np.uint64(stream) & _LOW_32))
    bits = _mix(bits ^ (np.uint64(y) & _LOW_32))
    bits = _mix(bits ^ (np.uint64(x) & _LOW_32))
    return np.uint32(_mix(bits ^ (np.uint64(k) & _LOW_32)))


@register_jitable
def random_below(bits, n):
    """Map the uint32 `bits` to [0, n), as int32; 0 < n < 2**31.

    Parameters
    ----------
    bits : uint32
        As :func:`hash_random` gives them.
    n : int
        Number of values.

    Returns
    -------
    int32

    Notes
    -----
    Multiply and shift (Lemire, 2019): no division, and a bias under n / 2**32.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels.device import random_below
    >>> [int(random_below(np.uint32(bits), 10)) for bits in (0, 2**31, 2**32 - 1)]
    [0, 5, 9]
    """
    return np.int32((np.uint64(bits) * np.uint64(n)) >> _SHIFT_32)


@register_jitable
def _mix(bits):
    # Wellons' "lowbias32" (2018, public domain): a bijection of 32 bits in which every input bit
    # flips every output bit with a probability very near one half.
    bits ^= bits >> _SHIFT_16
    bits = (bits * _MULTIPLIER_1) & _LOW_32
    bits ^= bits >> _SHIFT_15
    bits = (bits * _MULTIPLIER_2) & _LOW_32
    return bits ^ (bits >> _SHIFT_16)
