import sys

from kernels.target import SIMULATED

if SIMULATED:
    # The simulator polls its threads without rest, so a barrier lasts several of Python's thread
    # switches: at the default of 5 ms each, kernels with barriers take six times as long.
    sys.setswitchinterval(1e-4)
