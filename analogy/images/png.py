"""What of a PNG file makes its pixels: metadata is left out, and a transparent colour is exact.

Pillow refuses a whole picture for a text that is long or a remark that is damaged, and compares a
transparent colour with samples that it has scaled.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from PIL import Image

from analogy.images.colour_tags import ColourTags

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _GREY_AND_ALPHA, _RGBA = 0, 2, 4, 6

# What says of colours what they mean.
_OF_COLOURS = b"cICP", b"sRGB", b"gAMA", b"cHRM"
_LONGEST_PROFILE = 2**24

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
    bits, kind : int
        Bits of a sample, and the number of what a pixel has.
    tags : ColourTags
    transparent : tuple of int, or None
        The grey value or the RGB colour that is transparent, in samples of `bits`.
    """

    file: BinaryIO
    bits: int = 8
    kind: int | None = None
    tags: ColourTags = field(default_factory=ColourTags)
    transparent: tuple[int, ...] | None = None


def png_content(file: BinaryIO) -> PngContent | None:
    """Take a PNG apart; None where a file is no PNG. The file is left at its beginning."""
    begins = file.read(len(SIGNATURE))
    if begins != SIGNATURE:
        file.seek(0)
        return None
    content = file.read()
    file.seek(0)
    kept, bits, kind, transparent, profile = [begins], 8, None, None, None
    colours: dict[bytes, bytes] = {}
    for name, whole in _chunks(content):
        data = whole[8:-4]
        if name == b"IHDR" and len(data) == 13:
            bits, kind = data[8], data[9]
        if name == b"tRNS" and kind in (_GREY, _RGB):
            transparent = _colour(data, kind)
        elif name in _OF_COLOURS and _is_sound(whole):
            colours.setdefault(name, data)
        elif name == b"iCCP" and _is_sound(whole):
            profile = profile or _profile(data)
        elif _is_needed(name, whole):
            kept.append(whole)
    tags = ColourTags(profile, colours)
    return PngContent(io.BytesIO(b"".join(kept)), bits, kind, tags, transparent)


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk with its length and its checksum."""
    checksum = zlib.crc32(name + data).to_bytes(4, "big")
    return len(data).to_bytes(4, "big") + name + data + checksum


def has_16_bits(content: PngContent) -> bool:
    """Whether Pillow gives only half of each sample."""
    return content.bits == 16 and content.kind != _GREY


def samples_of_16_bits(content: PngContent) -> np.ndarray:
    """Samples of a PNG that `has_16_bits`: uint16, (height, width, channels)."""
    if content.kind == _GREY_AND_ALPHA:
        # Four bytes a pixel are filtered alike, whatever they mean.
        halves = _as_bytes_of_rgba(content.file)
        high, low = halves[..., ::2], halves[..., 1::2]
    else:
        high, low = both_halves(content.file, "BL")
    return high << 8 | low


def both_halves(file: BinaryIO, orders: str) -> list[np.ndarray]:
    """What Pillow takes for the upper byte of 16-bit samples in each of two orders, as uint16."""
    halves = []
    for order in orders:
        file.seek(0)
        with Image.open(file) as image:
            raw = f"{image.mode};16{order}"
            image.tile = [_tile_in(tile, raw) for tile in image.tile]
            halves.append(np.asarray(image).astype(np.uint16))
    return halves


def _tile_in(tile, raw):
    return tile._replace(args=raw if isinstance(tile.args, str) else (raw, *tile.args[1:]))


def _as_bytes_of_rgba(file):
    content = bytearray(file.getbuffer())
    header = bytes(content[16:29])
    # Bits and kind: four samples of 8 bits instead of two of 16.
    content[8 : 8 + 25] = chunk(b"IHDR", header[:8] + bytes([8, _RGBA]) + header[10:])
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image).astype(np.uint16)


def transparent_pixels(content: PngContent, samples: np.ndarray) -> np.ndarray:
    """Pixels of the transparent colour: bool, (height, width); `samples` as Pillow gives them."""
    scale = 255 // (2**content.bits - 1) if content.bits < 8 else 1
    return (samples == np.array(content.transparent) * scale).all(axis=-1)


def _chunks(content):
    """Name and bytes of every chunk; where the file ends within one, the last has what is left."""
    position = 0
    while position < len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        yield content[position + 4 : position + 8], content[position : position + 12 + length]
        position += 12 + length


def _is_needed(name, whole):
    is_critical = name[:1].isupper() or not name.isalpha()
    if is_critical or name == b"tRNS":
        return True
    if not _is_sound(whole):
        return False
    data = whole[8:-4]
    is_exif = name == b"eXIf" or (
        name in (b"tEXt", b"zTXt", b"iTXt") and data.startswith(_EXIF_KEYWORDS)
    )
    return is_exif and len(data) <= _LONGEST_TEXT and _inflates_little(name, data)


def _is_sound(whole):
    return zlib.crc32(whole[4:-4]) == int.from_bytes(whole[-4:], "big")


def _profile(data):
    """The ICC profile of an iCCP chunk; what is damaged gives what littlecms refuses."""
    _, _, rest = data.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(rest[1:], _LONGEST_PROFILE)
    except zlib.error:
        return b"damaged"


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
