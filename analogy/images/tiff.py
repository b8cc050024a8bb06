"""TIFF files: which library decodes which layout right, and the samples of those.

Pillow reads what it knows by way of libtiff; of planes, and of samples that are not 8-bit, it
takes some for what they are not. tifffile has all layouts but, without a further package, few
compressions. What neither is known to read right is refused by its name.
tests/analogy/images/test_tiff.py makes every layout.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import PIL
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from analogy.errors import AnalogyError
from analogy.images.colour_tags import rgb_of_ink
from analogy.images.png import both_halves

_WHITE_IS_0, _GREY, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 0, 1, 2, 3, 5, 6, 8
_COLOURS = {_WHITE_IS_0: 1, _GREY: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3, _LAB: 3}
_NAMES = {
    _WHITE_IS_0: "grey",
    _GREY: "grey",
    _RGB: "RGB",
    _PALETTE: "palette",
    _CMYK: "CMYK",
    _YCBCR: "YCbCr",
    _LAB: "Lab",
}
_KINDS = {1: "u", 2: "i", 3: "f"}
_KIND_NAMES = {"u": "", "i": "signed ", "f": "floating-point ", "?": "odd "}

_PROFILE = 34675

_NO_COMPRESSION = 1
_COMPRESSIONS = {1: "no", 5: "LZW", 6: "JPEG", 7: "JPEG", 8: "Deflate", 32773: "PackBits"}
_OF_TIFFFILE = {1, 8, 32946, 32773}

# By kind, the bits that tifffile unpacks by itself.
_BITS_OF_TIFFFILE = {"u": {1, 8, 16, 32}, "i": {16, 32}, "f": {16, 32, 64}}

# Photometric interpretation, kind and bits that Pillow has right with every compression.
_OF_PILLOW = (
    {(grey, "u", bits) for grey in (_WHITE_IS_0, _GREY, _PALETTE) for bits in (1, 2, 4, 8)}
    | {(colour, "u", bits) for colour in (_RGB, _CMYK) for bits in (8, 16)}
    | {(_GREY, "u", 16), (_GREY, "f", 32), (_YCBCR, "u", 8)}
)

# Older releases refuse samples beyond the colour of which a file does not say what they are.
_TAKES_UNKNOWN_SAMPLES = int(PIL.__version__.partition(".")[0]) >= 13

# Deflate makes at most so much of a byte.
_MOST_INFLATED = 1032

_MULTIPLIED, _ALPHA, _UNKNOWN = 1, 2, 0


@dataclass(frozen=True)
class TiffLayout:
    """How samples lie in the first image of a TIFF file.

    Attributes
    ----------
    shape : (int, int)
        Height and width in pixels, before any orientation is applied.
    photometric, compression, predictor : int
        As TIFF numbers them.
    kind : str
        "u", "i", "f", or "?" where samples differ.
    bits, samples : int
        Bits of a sample, samples of a pixel.
    extra : tuple of int
        What samples beyond the colour are.
    planes, reverses_bits, is_big_endian, is_subsampled : bool
    orientation : int
    profile : bytes or None
        An ICC profile.
    """

    shape: tuple[int, int]
    photometric: int
    compression: int
    predictor: int
    kind: str
    bits: int
    samples: int
    extra: tuple[int, ...]
    planes: bool
    reverses_bits: bool
    is_big_endian: bool
    is_subsampled: bool
    orientation: int
    profile: bytes | None = field(default=None, repr=False)

    @property
    def reader(self) -> str | None:
        """The library that decodes it right, "tifffile" or "Pillow"; None: none does."""
        colours = _COLOURS.get(self.photometric)
        if colours is None or self.samples < colours:
            return None
        if self._is_for_tifffile():
            return "tifffile"
        return "Pillow" if self._is_for_pillow(colours) else None

    def _is_for_tifffile(self):
        return (
            self.compression in _OF_TIFFFILE
            and self.predictor in (1, 2)
            and self.photometric != _YCBCR
            and self.bits in _BITS_OF_TIFFFILE.get(self.kind, ())
            and (self.photometric not in (_LAB, _PALETTE) or (self.kind, self.bits) == ("u", 8))
            and (self.photometric != _CMYK or self.bits > 1)
            # What these mean is their value, not their share of the largest.
            and (self.photometric in (_GREY, _RGB) or (self.kind != "i" and self.bits < 32))
        )

    def _is_for_pillow(self, colours):
        if (self.photometric, self.kind, self.bits) not in _OF_PILLOW:
            return False
        if self.photometric == _YCBCR:
            is_plain = self.compression == _NO_COMPRESSION
            return not (self.planes or self.samples > colours or (is_plain and self.is_subsampled))
        if self.samples > colours:
            has_room = self.samples == colours + 1 and self.photometric in (_GREY, _RGB)
            if not has_room or (colours == 1 and (self.bits != 8 or self.planes)):
                return False
            if colours == 1 and self.extra[:1] == (_MULTIPLIED,):
                return False
            if self.extra[:1] == (_UNKNOWN,) and not _TAKES_UNKNOWN_SAMPLES:
                return False
        if self.kind == "f" and self.is_big_endian:
            return False
        if self.planes and self.compression == _NO_COMPRESSION and self.bits != 8:
            return False
        return not self.reverses_bits or (
            self.bits in (1, 8) and self.photometric in (_WHITE_IS_0, _GREY, _RGB)
        )

    @property
    def is_halved(self) -> bool:
        """Whether Pillow reads it and gives only half of each sample."""
        is_rgb = self.photometric == _RGB and self.bits == 16 and self.reader == "Pillow"
        is_known = self.samples == 3 or self.extra[:1] == (_ALPHA,)
        return is_rgb and is_known and not self.planes and not self.reverses_bits

    @property
    def is_ink_or_lab(self) -> bool:
        return self.photometric in (_CMYK, _LAB)

    def __str__(self) -> str:
        compression = _COMPRESSIONS.get(self.compression, f"number {self.compression}")
        return (
            f"a TIFF of {self.bits}-bit {_KIND_NAMES[self.kind]}samples "
            f"({_NAMES.get(self.photometric, 'of other colours')}, {self.samples} a pixel"
            f"{', in planes' if self.planes else ''}, {compression} compression)"
        )


def tiff_layout(file: BinaryIO) -> TiffLayout | None:
    """Layout of a TIFF file; None where it is none. The file is left at its beginning."""
    head = file.read(16)
    file.seek(0)
    if head[:4] == b"MM\0+":
        raise ValueError("a BigTIFF whose bytes are in big-endian order")
    if head[:4] not in (b"II*\0", b"MM\0*", b"II+\0") or len(head) < 16:
        return None
    tags = ImageFileDirectory_v2(head if head[2] == 43 else head[:8])
    file.seek(tags.next)
    tags.load(file)
    file.seek(0)
    return _layout(tags, head[:2] == b"MM")


def read_tiff(file: BinaryIO, layout: TiffLayout, name: str) -> np.ndarray:
    """Samples of a TIFF whose `reader` is tifffile.

    Returns
    -------
    array, (height, width, channels), grey or RGB, alpha last

    Raises
    ------
    AnalogyError
        If the file holds less than its layout.
    """
    # It takes a tenth of a second to import, and other files do without.
    import tifffile

    height, width = layout.shape
    size = height * width * layout.samples * layout.bits // 8
    held = file.seek(0, os.SEEK_END) * (1 if layout.compression == 1 else _MOST_INFLATED)
    file.seek(0)
    if size > held:
        raise AnalogyError(f"{name}: damaged, it holds less than it declares; save it anew as PNG")
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        samples, palette = page.asarray(), page.colormap
    if layout.planes and layout.samples > 1:
        samples = np.moveaxis(samples, 0, -1)
    return _coloured(samples.reshape(height, width, layout.samples), palette, layout, name)


def whole_samples(file: BinaryIO) -> np.ndarray:
    """Samples of a TIFF that `is_halved`: uint16, (height, width, 3 or 4), upright."""
    # libtiff hands samples on in the order of the machine.
    high, low = both_halves(file, "LB" if sys.byteorder == "little" else "BL")
    return high << 8 | low


def _layout(tags, is_big_endian):
    def number(tag, default=None):
        value = tags.get(tag, default)
        value = value[0] if isinstance(value, tuple) and value else value
        if not isinstance(value, int):
            raise ValueError(f"TIFF tag {tag}")
        return value

    def numbers(tag, default):
        value = tags.get(tag, default)
        return value if isinstance(value, tuple) else (value,)

    photometric, compression = number(262, 0), number(259, 1)
    if compression == 6:
        photometric = _YCBCR
    samples = number(277, 3 if photometric in (_RGB, _YCBCR) and compression in (6, 7) else 1)
    bits, kinds = numbers(258, (1,)), set(numbers(339, (1,)))
    kind = _KINDS.get(kinds.pop(), "?") if len(kinds) == 1 and len(set(bits)) == 1 else "?"
    try:
        orientation = number(274, 1)
    except ValueError:
        orientation = 1
    return TiffLayout(
        shape=(number(257), number(256)),
        photometric=photometric,
        compression=compression,
        predictor=number(317, 1),
        kind=kind,
        bits=bits[0] if bits and isinstance(bits[0], int) else 0,
        samples=samples,
        extra=numbers(338, ()),
        planes=number(284, 1) == 2,
        reverses_bits=number(266, 1) == 2,
        is_big_endian=is_big_endian,
        is_subsampled=numbers(530, (2, 2)) != (1, 1),
        orientation=orientation,
        profile=tags.get(_PROFILE) if isinstance(tags.get(_PROFILE), bytes) else None,
    )


def _coloured(samples, palette, layout, name):
    """Grey or RGB samples, with their alpha."""
    count = _COLOURS[layout.photometric]
    colour, alpha = samples[..., :count], _alpha(samples, count, layout)
    if layout.photometric == _PALETTE:
        colour = np.moveaxis(palette[:, colour[..., 0]] >> 8, 0, -1).astype(np.uint8)
    if layout.photometric == _WHITE_IS_0:
        colour = ~colour if colour.dtype.kind in "ub" else _most(colour) - colour
    if layout.photometric == _CMYK:
        ink = Image.fromarray(np.ascontiguousarray(_bytes(colour)), "CMYK")
        colour, alpha = rgb_of_ink(ink, layout.profile, name), None
    if layout.photometric == _LAB:
        colour, alpha = _of_lab(colour), None
    if alpha is None:
        return colour
    if layout.extra[:1] == (_MULTIPLIED,):
        colour = _divided(colour, alpha)
    return np.concatenate([colour, alpha], axis=-1)


def _alpha(samples, count, layout):
    if samples.shape[-1] == count:
        return None
    # Without a word of what it is, a fourth sample is alpha, as other programs have it.
    meaning = layout.extra[0] if layout.extra else 2
    return None if meaning == _UNKNOWN else samples[..., count : count + 1]


def _most(samples):
    return 1 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max


def _divided(colour, alpha):
    """Colours that alpha was multiplied into, without it."""
    most = _most(colour)
    opacity = np.maximum(alpha / most, np.finfo(np.float32).tiny)
    whole = np.where(alpha > 0, np.minimum(colour / opacity, most), 0)
    return (whole if colour.dtype.kind == "f" else np.rint(whole)).astype(colour.dtype)


def _bytes(samples):
    most = _most(samples)
    return samples if most == 255 else np.rint(samples * (255 / most)).clip(0, 255).astype(np.uint8)


def _of_lab(colour):
    # Pillow takes a and b signed, as TIFF has them.
    image = Image.fromarray(np.ascontiguousarray(colour), "LAB")
    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return np.asarray(ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB"))
