"""State dicts of PyTorch (``.pth``), read without it and without running what a pickle asks for.

Both forms are in use: the zip archive of PyTorch 1.6 and later, and the older row of pickles with
the storages after them, in which torchvision published ``vgg19-dcbb9e9d.pth``.
"""

from __future__ import annotations

import io
import zipfile
from contextlib import contextmanager
from functools import partial

import numpy as np

from analogy.model.readers import Tensor, array_in, mapped, plain_pickle

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_LENGTH_BYTES = 8

_PARAMETER = "_rebuild_parameter"
_REBUILDERS = ("_rebuild_tensor_v2", _PARAMETER)

_STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}


@contextmanager
def open_tensors(path):
    """Open the tensors of a state dict."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield _tensors(*_read_archive(archive))
    else:
        yield _tensors(*_read_row_of_pickles(path))


def _rebuilt(name, *arguments):
    """Stands for a tensor or a parameter: what it would be rebuilt from."""
    return name, *arguments


def _ordered_dict(items=()):
    """A dict from pairs, as Python 2 wrote them."""
    if any(type(key) is not str for key, _ in items):
        raise ValueError("a state dict has keys that are no text")
    return dict(items)


# All that a state dict may name.
_FUNCTIONS = {
    ("collections", "OrderedDict"): _ordered_dict,
    **{("torch", name): dtype for name, dtype in _STORAGES.items()},
    **{("torch._utils", name): partial(_rebuilt, name) for name in _REBUILDERS},
}


def _read_archive(archive):
    """State dict, and a function from a storage's key to its bytes."""
    entries = {entry.filename: entry for entry in archive.infolist()}
    (pickled,) = (name for name in entries if name.split("/")[-1] == "data.pkl")
    folder = pickled.removesuffix("data.pkl")

    def content(name):
        entry = entries[folder + name]
        # PyTorch stores without compression; what is compressed may grow to any size.
        if entry.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{entry.filename} is compressed")
        return archive.read(entry)

    if f"{folder}byteorder" in entries and content("byteorder") != b"little":
        raise ValueError("it was written on a big-endian machine")
    state = plain_pickle.load(io.BytesIO(content("data.pkl")), _FUNCTIONS)
    return state, lambda key: content(f"data/{key}")


def _read_row_of_pickles(path):
    """The same of a file from before PyTorch 1.6."""
    content = mapped(path)
    # A map gives no more than the file has, whatever a pickle claims.
    stream = content.obj
    read = partial(plain_pickle.load, stream, _FUNCTIONS)
    if read() != _MAGIC or read() != _PROTOCOL:
        raise ValueError("it is no state dict of PyTorch")
    read()  # The sizes of the writer's C types.
    state, keys = read(), read()
    position = stream.tell()
    dtypes = {}
    for value in filter(_is_tensor, state.values()):
        _, dtype, key, *_ = _storage(value)
        dtypes[key] = dtype
    storages = {}
    for key in map(_checked_key, keys):
        start = position + _LENGTH_BYTES
        length = int.from_bytes(content[position:start], "little")
        position = start + length * np.dtype(dtypes[key]).itemsize
        storages[key] = content[start:position]
    return state, storages.__getitem__


def _tensors(state, storage_bytes):
    return {
        name: _tensor(value, storage_bytes) for name, value in state.items() if _is_tensor(value)
    }


def _tensor(value, storage_bytes):
    _, _, offset, shape, strides, *_ = _unwrapped(value)
    _, dtype, key, _, length, *_ = _storage(value)
    if any(type(number) is not int for number in (offset, length, *strides)):
        raise ValueError("a tensor's place is not given in whole numbers")

    def load():
        storage = array_in(storage_bytes(key), dtype, (length,))
        last = sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if min(offset, *shape, *strides) < 0 or offset + last >= length:
            raise ValueError("a tensor reaches out of its storage")
        byte_strides = [stride * storage.itemsize for stride in strides]
        return np.lib.stride_tricks.as_strided(storage[offset:], shape, byte_strides)

    return Tensor(tuple(shape), load)


def _is_tensor(value):
    return isinstance(value, tuple) and value[0] in _REBUILDERS


def _unwrapped(value):
    """What a parameter holds: a tensor, as the arguments it is rebuilt from."""
    return value[1] if value[0] == _PARAMETER else value


def _storage(value):
    """Reference to a tensor's storage: "storage", type, key, location, length, view or None."""
    reference = _unwrapped(value)[1]
    if reference[5:] not in ((), (None,)):
        raise ValueError("a storage is a view of another")
    if reference[1] not in _STORAGES.values():
        raise ValueError("a storage is of no known type")
    _checked_key(reference[2])
    return reference


def _checked_key(key):
    # Of anything nested, neither hash nor text need ever come to an end.
    if type(key) not in (str, int):
        raise ValueError("a storage's key is neither text nor a number")
    return key
