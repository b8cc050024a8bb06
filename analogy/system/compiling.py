"""When kernels are compiled: the first time, and not when they come out of a cache."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def told_of_compiling(tell: Callable[[], None]) -> Iterator[None]:
    """Have a function called whenever Numba begins to compile for the CPU while the block runs.

    Of what is compiled for a device Numba tells nothing.

    Parameters
    ----------
    tell : callable, () -> None
    """
    # Numba takes a second to import.
    from numba.core import event

    class Listener(event.Listener):
        def on_start(self, event):
            tell()

        def on_end(self, event):
            pass

    with event.install_listener("numba:compile", Listener()):
        yield
