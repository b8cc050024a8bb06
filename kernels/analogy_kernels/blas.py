"""Control of the threads of the BLAS behind NumPy's products."""

from __future__ import annotations

from functools import cache

from threadpoolctl import ThreadpoolController


def one_thread():
    """Context in which a BLAS call uses the thread that makes it, and no others."""
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller():
    # Looking through the loaded libraries takes milliseconds; changing a limit, microseconds.
    return ThreadpoolController().select(user_api="blas")
