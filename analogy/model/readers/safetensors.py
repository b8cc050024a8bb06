"""Safetensors: a JSON header with names, types, shapes and offsets, then the data."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial

from analogy.model.readers import Tensor, array_in, mapped

_LENGTH_BYTES = 8

# Those of this network take a few kilobytes; parsed, one grows to twenty times its size.
_MOST_HEADER_BYTES = 2**24

_DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}


@contextmanager
def open_tensors(path):
    """Open the floating-point tensors of a file; others are passed over."""
    content = mapped(path)
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    if length > _MOST_HEADER_BYTES:
        raise ValueError(f"a header of {length} bytes")
    data = content[_LENGTH_BYTES + length :]
    header = json.loads(bytes(content[_LENGTH_BYTES : _LENGTH_BYTES + length]))
    header.pop("__metadata__", None)
    yield {
        name: _tensor(data, entry) for name, entry in header.items() if entry["dtype"] in _DTYPES
    }


def _tensor(data, entry):
    start, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    return Tensor(shape, partial(array_in, data[start:end], _DTYPES[entry["dtype"]], shape))
