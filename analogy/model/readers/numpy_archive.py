"""NumPy archives (``.npz``)."""

from __future__ import annotations

import zipfile
from contextlib import contextmanager

from numpy.lib import format as npy

from analogy.model.readers import Tensor

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


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
    with archive.open(entry) as stream:
        shape, _, _ = _HEADERS[npy.read_magic(stream)](stream)

    def load():
        with archive.open(entry) as stream:
            return npy.read_array(stream, allow_pickle=False)

    return Tensor(shape, load)
