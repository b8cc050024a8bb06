"""Caffe models: the few fields of ``NetParameter`` that hold weights, off the protobuf wire.

Field numbers are those of Caffe's ``caffe.proto``; the old ``layers`` and the new ``layer``, and
blobs with ``num`` ... ``width`` or with ``shape``, are all in use in published VGG files.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from itertools import islice

from analogy.model.readers import MOST_AXES, Tensor, array_in, mapped

# Wire types: what follows a field's key.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# In NetParameter: the field of a layer, and in it the fields of its name and its blobs.
_V1_LAYERS, _V1_NAME, _V1_BLOBS = 2, 4, 6
_LAYER, _LAYER_NAME, _LAYER_BLOBS = 100, 1, 7
_LAYER_FIELDS = {_V1_LAYERS: (_V1_NAME, _V1_BLOBS), _LAYER: (_LAYER_NAME, _LAYER_BLOBS)}

_PARTS = ("weight", "bias")

# In BlobProto.
_LEGACY_SIDES = (1, 2, 3, 4)
_DATA = 5
_SHAPE = 7
_DOUBLE_DATA = 8

# In BlobShape.
_DIM = 1


@contextmanager
def open_tensors(path):
    """Open the weights and biases of a model as ``<layer>.weight`` and ``<layer>.bias``."""
    tensors = {}
    for number, _, layer in _fields(mapped(path)):
        if number in _LAYER_FIELDS:
            tensors |= _layer(layer, *_LAYER_FIELDS[number])
    yield tensors


def _layer(message, name_field, blobs_field):
    name, blobs = "", []
    for number, wire_type, value in _fields(message):
        if number in (name_field, blobs_field) and wire_type != _BYTES:
            raise ValueError(f"field {number} of a layer is of wire type {wire_type}")
        if number == name_field:
            name = bytes(value).decode()
        elif number == blobs_field and len(blobs) < len(_PARTS):
            blobs.append(_blob(value))
    return {f"{name}.{part}": blob for part, blob in zip(_PARTS, blobs, strict=False)}


def _blob(message):
    shape, legacy_shape = None, {}
    values = dict.fromkeys((_DATA, _DOUBLE_DATA), b"")
    for number, wire_type, value in _fields(message):
        if number == _SHAPE:
            # One more than is allowed is refused without reading millions of others.
            shape = tuple(islice(_dimensions(value), MOST_AXES + 1))
        elif number in _LEGACY_SIDES:
            legacy_shape[number] = value
        elif number in values and wire_type != _VARINT:
            values[number] = _appended(values[number], value)
    if shape is None:
        shape = tuple(legacy_shape.get(side, 1) for side in _LEGACY_SIDES)
    number, dtype = (_DOUBLE_DATA, "<f8") if values[_DOUBLE_DATA] else (_DATA, "<f4")
    # Biases are (1, 1, 1, n) in old files.
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return Tensor(shape, partial(array_in, values[number], dtype, shape))


def _appended(content, piece):
    """One piece, as it lies in the file, where numbers are packed; one each where they are not."""
    if not len(content):
        return piece
    if not isinstance(content, bytearray):
        content = bytearray(content)
    content += piece
    return content


def _dimensions(message):
    for number, wire_type, value in _fields(message):
        if number == _DIM and wire_type == _BYTES:
            position = 0
            while position < len(value):
                dimension, position = _varint(value, position)
                yield dimension
        elif number == _DIM:
            yield value


def _fields(message):
    """Field number, wire type and value of every field; values of several bytes are views."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, position = _varint(message, position)
        else:
            size, position = _size(message, position, wire_type)
            value, position = message[position : position + size], position + size
            if len(value) != size:
                raise ValueError("it ends in the middle of a field")
        yield number, wire_type, value


def _size(message, position, wire_type):
    if wire_type == _BYTES:
        return _varint(message, position)
    sizes = {_FIXED32: 4, _FIXED64: 8}
    if wire_type not in sizes:
        raise ValueError(f"wire type {wire_type} is not in use")
    return sizes[wire_type], position


def _varint(message, position):
    value = 0
    for shift in range(0, 64, 7):
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number is too long")
