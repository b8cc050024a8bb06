"""NumPy archives (``.npz``)."""

from __future__ import annotations

import io
import zipfile
from contextlib import contextmanager

from numpy.lib import format as npy

from analogy.model.readers import Tensor, check_numbers

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}

# More than NumPy's own limit of 10,000 characters.
_MOST_HEADER_BYTES = 2**16


@contextmanager
def open_tensors(path):
    """Open the arrays of an archive; their headers are read first, so that none is a surprise."""
    with zipfile.ZipFile(path) as archive:
        yield {
            entry.filename.removesuffix(".npy"): _tensor(archive, entry)
            for entry in archive.infolist()
            if entry.filename.endswith(".npy")
        }


def _tensor(archive, entry):
    # Of other methods a few bytes can grow to gigabytes at once.
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{entry.filename} is compressed in a way that NumPy does not use")
    with archive.open(entry) as stream:
        shape, _, dtype = _header(stream)

    def load():
        check_numbers(dtype)
        with archive.open(entry) as stream:
            return npy.read_array(stream, allow_pickle=False)

    return Tensor(shape, load)


def _header(stream):
    # NumPy reads the whole of a header before it finds it too long.
    start = io.BytesIO(stream.read(_MOST_HEADER_BYTES))
    return _HEADERS[npy.read_magic(start)](start)
