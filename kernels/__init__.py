"""Numba kernels of deep image analogy: arrays in, arrays out, on the CPU or on a CUDA device."""
