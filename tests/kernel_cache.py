"""Compile some CUDA kernels for a device of capability 9.0 that is not here.

``python -m tests.kernel_cache`` prints how many of them Numba found compiled by an earlier process
and how many it had to compile. It has to run without the simulator, so the tests start it as a
process.
"""

import itertools

from numba.cuda import dispatcher
from numba.cuda.cudadrv import devices

from tests.launches import LAUNCHES, name

# A plain kernel, and those made of a tile, of device functions, and of a cost of one's own.
_EACH_ONCE = ("_warp_cuda", "_convolution", "_combine_cuda", "cuda_search")


class _Device:
    id = 0
    compute_capability = (9, 0)


class _Context:
    device = _Device


def main():
    # The cache asks for the device, and a kernel is loaded onto it once it is compiled.
    dispatcher.get_current_device = lambda: _Device
    devices.get_context = lambda: _Context
    dispatcher._Kernel.bind = lambda kernel: kernel._codelibrary.get_cubin()
    found = compiled = 0
    for part, launches in itertools.groupby(LAUNCHES, _part):
        if part is None:
            continue
        # The last of the search's kernels have costs of their own.
        kernel, signature = list(launches)[-1]
        kernel.compile(signature)
        found += sum(kernel.stats.cache_hits.values())
        compiled += sum(kernel.stats.cache_misses.values())
    print(found, compiled)


def _part(launch):
    kernel, _ = launch
    return next((part for part in _EACH_ONCE if part in name(kernel)), None)


if __name__ == "__main__":
    main()
