"""Pictures written as PNG with all that they have: alpha, what their colours mean, 16 bits."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np

from analogy.images.colour_tags import ColourTags
from analogy.images.picture import Picture
from analogy.images.png import SIGNATURE, chunk, png_content
from analogy.images.reading import read_picture
from analogy.system.outputs import write_bytes, write_image

_RGB, _RGBA = 2, 6

# Filtered at a time.
_STRIP_BYTES = 2**20

# Numbers of the filters: as they are, less the left, less the upper, less Paeth's neighbour.
_FILTERS = np.array([0, 1, 2, 4], np.uint8)


def write_picture(path: Path, picture: Picture) -> None:
    """Write a picture as PNG.

    Parameters
    ----------
    path : pathlib.Path
    picture : Picture

    Raises
    ------
    AnalogyError
        If it cannot be written.
    """
    if picture.is_plain:
        write_image(path, picture.samples)
    else:
        write_bytes(path, png_of(picture))


def shown_png(path: Path) -> bytes:
    """A file as what shows pictures by themselves takes it: an 8-bit PNG in sRGB, over white.

    Such a file as it is.
    """
    content = path.read_bytes()
    png = png_content(io.BytesIO(content))
    if png and (png.kind, png.bits, png.tags, png.transparent) == (_RGB, 8, ColourTags(), None):
        return content
    return png_of(Picture(read_picture(path).shown))


def png_of(picture: Picture) -> bytes:
    """A PNG file of a picture."""
    samples = picture.samples
    if picture.alpha is not None:
        samples = np.concatenate([samples, picture.alpha[..., None]], axis=-1)
    height, width, channels = samples.shape
    kind = _RGB if channels == 3 else _RGBA
    header = struct.pack(">IIBBBBB", width, height, 16 if picture.has_16_bits else 8, kind, 0, 0, 0)
    tag = () if picture.space is None else picture.space.tag
    return b"".join(
        [
            SIGNATURE,
            chunk(b"IHDR", header),
            *(chunk(name, _content(name, data)) for name, data in tag),
            chunk(b"IDAT", _deflated(samples)),
            chunk(b"IEND", b""),
        ]
    )


def _content(name, data):
    return b"ICC profile\0\0" + zlib.compress(data) if name == b"iCCP" else data


def _deflated(samples):
    """What a PNG has of samples: Pillow writes 16 bits of grey alone."""
    height, width, channels = samples.shape
    step = channels * samples.dtype.itemsize
    rows = np.ascontiguousarray(samples, samples.dtype.newbyteorder(">"))
    rows = rows.view(np.uint8).reshape(height, width * step)
    deflate = zlib.compressobj()
    strip = max(1, _STRIP_BYTES // rows.shape[1])
    parts = []
    for top in range(0, height, strip):
        before = rows[top - 1] if top else np.zeros_like(rows[0])
        parts.append(deflate.compress(_filtered(rows[top : top + strip], before, step)))
    return b"".join([*parts, deflate.flush()])


def _filtered(rows, before, step):
    """Rows, each as the filter leaves it that leaves the least, after that one's number."""
    left, corner = np.zeros_like(rows), np.zeros_like(rows)
    above = np.concatenate([before[None], rows[:-1]])
    left[:, step:], corner[:, step:] = rows[:, :-step], above[:, :-step]
    filtered = np.stack([rows, rows - left, rows - above, rows - _paeth(left, above, corner)])
    sums = np.abs(filtered.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64)
    best = sums.argmin(axis=0)
    chosen = filtered[best, np.arange(len(rows))]
    return np.concatenate([_FILTERS[best][:, None], chosen], axis=1).tobytes()


def _paeth(left, above, corner):
    """Of three neighbours the one next to ``left + above - corner``."""
    a, b, c = (one.astype(np.int16) for one in (left, above, corner))
    to_a, to_b, to_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    return np.where((to_a <= to_b) & (to_a <= to_c), left, np.where(to_b <= to_c, above, corner))
