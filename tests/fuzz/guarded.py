"""Arrays between pages of memory that nobody may touch.

Who reads or writes beyond the page that an array ends or begins with is ended by a signal; who
writes beyond the array, but on its page, changes what stands there.
"""

import ctypes
import mmap

import numpy as np

_CANARY = 0xA5
_NOTHING, _READ = 0, 1


class Guarded:
    """Bytes at the end of their pages, or at the beginning, with forbidden pages around them.

    Attributes
    ----------
    bytes : uint8 array, (size,)
    """

    def __init__(self, size, at_end=True):
        page = mmap.PAGESIZE
        inner = max(-(-size // page), 1) * page
        # Mapped memory goes when the last array that looks at it does.
        self._pages = np.frombuffer(mmap.mmap(-1, inner + 2 * page), np.uint8)
        self._inner = self._pages[page : page + inner]
        self._inner[:] = _CANARY
        start = inner - size if at_end else 0
        self.bytes = self._inner[start : start + size]
        self._around = self._inner[:start], self._inner[start + size :]
        _protect(self._pages[:page], _NOTHING)
        _protect(self._pages[page + inner :], _NOTHING)

    def forbid_writing(self):
        _protect(self._inner, _READ)

    def is_intact(self):
        """Tell whether nothing was written around the bytes."""
        return all((part == _CANARY).all() for part in self._around)


def _protect(pages, rights):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(pages.ctypes.data), ctypes.c_size_t(pages.size), rights):
        raise OSError(ctypes.get_errno(), "mprotect")
