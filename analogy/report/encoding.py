"""Images and flows as text that a page can hold, none larger than it is allowed to be."""

from __future__ import annotations

import base64
import io
import zlib

import numpy as np
from PIL import Image

_QUALITIES = (90, 82, 72, 60, 45, 30)

# Finest step of a displacement, as a share of a pixel; coarser only where 16 bits ask for it.
_FINEST = 8
_LARGEST = np.iinfo(np.int16).max


def data_uri(kind, content):
    """Bytes of a media type as a ``data:`` address."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def picture_uri(image, side, limit):
    """An image as JPEG in a ``data:`` address.

    Parameters
    ----------
    image : uint8 array, (height, width, 3)
    side : int
        Longest side that it is shrunk to, in pixels.
    limit : int
        Bytes that the JPEG must stay under: by a lower quality, and then by a smaller size.

    Returns
    -------
    str
    """
    while True:
        small = Image.fromarray(image)
        small.thumbnail((side, side), Image.Resampling.BICUBIC)
        for quality in _QUALITIES:
            stream = io.BytesIO()
            # Colours that mean something must not bleed, so they are not subsampled.
            small.save(stream, "JPEG", quality=quality, subsampling=0)
            if stream.tell() < limit:
                return data_uri("image/jpeg", stream.getvalue())
        side //= 2


def pack_flow(flow, samples):
    """Take samples of a flow on a grid and pack them for the page's script.

    Every sample is that pixel's own displacement, not a mean, so that what the page shows is what
    the file of the flow holds.

    Parameters
    ----------
    flow : float32 array, (height, width, 2)
        (dx, dy).
    samples : int
        Most of them along a side.

    Returns
    -------
    dict
        ``first`` and ``step`` of the grid in pixels, its ``rows`` and ``columns``, ``unit``: steps
        in a pixel's displacement, and ``values``: base64 of the deflated int16 planes of dx and
        dy, each sample less the one to its left.
    """
    step = -(-max(flow.shape[:2]) // samples)
    first = step // 2 if min(flow.shape[:2]) > step // 2 else 0
    grid = np.moveaxis(flow[first::step, first::step], -1, 0)
    unit = min(_FINEST, _LARGEST / max(float(np.abs(grid).max()), 1.0))
    steps = np.rint(grid * unit).astype("<i2")
    # Differences wrap, as the script's sums do.
    differences = np.diff(steps, axis=-1, prepend=np.zeros_like(steps[..., :1]))
    packed = zlib.compress(differences.tobytes(), level=9)
    return {
        "first": first,
        "step": step,
        "rows": grid.shape[1],
        "columns": grid.shape[2],
        "unit": unit,
        "values": base64.b64encode(packed).decode("ascii"),
    }
