"""A few numbers of a device that the host waits for again and again."""

from __future__ import annotations

import numpy as np

from analogy_kernels.simulation import cuda


class Mailbox:
    """Numbers that kernels write and the host reads, all by one copy.

    Parameters
    ----------
    on : Device of `analogy_kernels.target`
    count : int

    Attributes
    ----------
    numbers : float64 device array, (count,)
        For kernels to write.
    """

    def __init__(self, on, count):
        self._on, self.numbers = on, on.empty((count,), np.float64)
        # Pinned, so that the device writes there itself, and made once: it takes as long as a copy.
        self._received = cuda.pinned_array((count,), np.float64)

    def read(self):
        """The numbers as a NumPy array of its own; waits for the device."""
        self._on.receive(self.numbers, self._received)
        return self._received.copy()
