"""What of a PNG file makes its pixels: metadata is left out, and a transparent colour is exact.

Pillow refuses a whole picture for a text that is long or a remark that is damaged, and compares a
transparent colour with samples that it has scaled.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2

# What may say which side is up, as Pillow finds it; more than so many bytes of it say nothing.
_EXIF_KEYWORDS = b"XML:com.adobe.xmp\0", b"Raw profile type exif\0", b"Raw profile type APP1\0"
_LONGEST_TEXT = 2**20


@dataclass(frozen=True)
class PngContent:
    """A PNG file without what its pixels do without.

    Attributes
    ----------
    file : binary file
        A PNG, its transparent colour left out.
    bits : int
        Per sample.
    transparent : tuple of int, or None
        The grey value or the RGB colour that is transparent, in samples of `bits`.
    """

    file: BinaryIO
    bits: int = 8
    transparent: tuple[int, ...] | None = None


def png_content(file: BinaryIO) -> PngContent | None:
    """Take a PNG apart; None where a file is no PNG. The file is left at its beginning."""
    begins = file.read(len(_SIGNATURE))
    if begins != _SIGNATURE:
        file.seek(0)
        return None
    content = file.read()
    file.seek(0)
    kept, bits, kind, transparent = [begins], 8, None, None
    for name, chunk in _chunks(content):
        data = chunk[8:-4]
        if name == b"IHDR" and len(data) == 13:
            bits, kind = data[8], data[9]
        if name == b"tRNS" and kind in (_GREY, _RGB):
            transparent = _colour(data, kind)
        elif _is_needed(name, chunk):
            kept.append(chunk)
    return PngContent(io.BytesIO(b"".join(kept)), bits, transparent)


def transparent_pixels(content: PngContent, image: Image.Image) -> np.ndarray:
    """Pixels of the transparent colour: bool, (height, width); `image` is `content` decoded."""
    if image.mode == "RGB" and content.bits == 16:
        samples = _samples_of_16_bits(content.file)
    else:
        samples = np.atleast_3d(np.asarray(image.convert("L") if image.mode == "1" else image))
    scale = 255 // (2**content.bits - 1) if content.bits < 8 else 1
    return (samples == np.array(content.transparent) * scale).all(axis=-1)


def _samples_of_16_bits(file):
    """RGB samples of 16 bits, which Pillow gives the high or the low bytes of."""
    halves = []
    for order in "BL":
        file.seek(0)
        with Image.open(file) as image:
            image.tile = [tile._replace(args=f"RGB;16{order}") for tile in image.tile]
            halves.append(np.asarray(image).astype(np.uint16))
    high, low = halves
    return high << 8 | low


def _chunks(content):
    """Name and bytes of every chunk; where the file ends within one, the last has what is left."""
    position = 0
    while position < len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        yield content[position + 4 : position + 8], content[position : position + 12 + length]
        position += 12 + length


def _is_needed(name, chunk):
    is_critical = name[:1].isupper() or not name.isalpha()
    if is_critical or name == b"tRNS":
        return True
    if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
        return False
    data = chunk[8:-4]
    is_exif = name == b"eXIf" or (
        name in (b"tEXt", b"zTXt", b"iTXt") and data.startswith(_EXIF_KEYWORDS)
    )
    return is_exif and len(data) <= _LONGEST_TEXT and _inflates_little(name, data)


def _inflates_little(name, data):
    _, _, rest = data.partition(b"\0")
    if name == b"zTXt":
        packed = rest[1:]
    elif name == b"iTXt" and rest[:1] == b"\1":
        packed = rest[2:].split(b"\0", 2)[-1]
    else:
        return True
    inflate = zlib.decompressobj()
    try:
        inflate.decompress(packed, _LONGEST_TEXT - 1)
    except zlib.error:
        return False
    return not inflate.unconsumed_tail


def _colour(data, kind):
    count = 1 if kind == _GREY else 3
    if len(data) < 2 * count:
        return None
    return tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, 2 * count, 2))
