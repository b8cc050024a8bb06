"""Numba kernels of deep image analogy: arrays in, arrays out, on the CPU or on a CUDA device.

Three layers:

- this package: functions on whole arrays, which allocate, launch and return;
- :mod:`analogy_kernels.launches`: the kernels behind them, each with its launch geometry;
- :mod:`analogy_kernels.device`: the device functions that those are made of, for one's own
  ``@cuda.jit`` and ``@njit`` code.

Arrays are NumPy's, or anything with the CUDA array interface, or on the host with DLPack; they are
C-contiguous, images and maps (height, width, channels), fields (height, width, 2) with y before x.
What does not fit is refused, in one line of TypeError or ValueError that names the argument.
Functions compute where their arguments lie, copy nothing between host and device but what they
say, and wait for a device only where they return a number to the host. What is called `stream` is
the stream that a device queues the work on, the default one when absent. Importing this package
imports nothing else; what is asked for is imported then. No import touches a device.
"""

import lazy_loader as _lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = _lazy_loader.attach_stub(__name__, __file__)
