"""Middlebury's ``.flo`` files of optical flow (Baker et al., 2011; format by D. Scharstein)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from analogy.errors import AnalogyError

# "PIEH" as a little-endian float: the format's mark and its check of the byte order.
_MARK = struct.pack("<f", 202021.25)
_HEADER = struct.Struct("<4sii")
_SAMPLE = np.dtype("<f4")

# Displacements this large stand for unknown ones.
UNKNOWN = 1e9


def read_flow(path):
    """Read a flow file.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    float32 array, (height, width, 2)
        (dx, dy) in pixels; NaN where the flow is not known.

    Raises
    ------
    AnalogyError
        If the file is missing, unreadable, or not a whole ``.flo`` file.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise AnalogyError(f"{path}: {error.strerror or error}; give a .flo file") from error
    if len(data) < _HEADER.size or data[:4] != _MARK:
        raise AnalogyError(f"{path}: not a .flo file (it does not start with PIEH); check the path")
    _, width, height = _HEADER.unpack_from(data)
    expected = _HEADER.size + 2 * width * height * _SAMPLE.itemsize
    if min(width, height) < 1 or len(data) != expected:
        raise AnalogyError(
            f"{path}: has {len(data)} bytes where {width} x {height} px take {expected}; "
            "fetch the file anew"
        )
    samples = np.frombuffer(data, _SAMPLE, offset=_HEADER.size)
    flow = samples.reshape(height, width, 2).astype(np.float32)
    # NaN compares false: it counts as unknown, too.
    flow[~np.all(np.abs(flow) < UNKNOWN, axis=-1)] = np.nan
    return flow


def write_flow(path, flow):
    """Write a flow file.

    Parameters
    ----------
    path : path-like
    flow : array, (height, width, 2)
        (dx, dy) in pixels; NaN where the flow is not known.

    Raises
    ------
    AnalogyError
        If the file cannot be written.
    """
    height, width = flow.shape[:2]
    samples = np.where(np.isnan(flow), 10 * UNKNOWN, flow).astype(_SAMPLE)
    try:
        Path(path).write_bytes(_HEADER.pack(_MARK, width, height) + samples.tobytes())
    except OSError as error:
        raise AnalogyError(
            f"{path}: cannot be written ({error.strerror or error}); choose another folder"
        ) from error
