"""Control of the BLAS threads behind ``np.dot`` in compiled CPU kernels."""

from __future__ import annotations

from functools import cache

import scipy.linalg.cython_blas  # noqa: F401  the library that Numba's np.dot calls
from threadpoolctl import ThreadpoolController


def one_thread_each():
    """Context in which a BLAS call uses the thread that makes it, and no others.

    For kernels whose parallel loop calls BLAS: its threads inside theirs would fight for the
    cores.
    """
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller():
    # Looking through the loaded libraries takes milliseconds; changing a limit, microseconds.
    return ThreadpoolController().select(user_api="blas")
