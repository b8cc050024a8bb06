"""Image files of every layout, put together byte by byte: no library writes all of them."""

import struct
import zlib
from dataclasses import dataclass, field

import numpy as np

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

# Number of PNG's colour type by what a pixel has.
PNG_TYPES = {"grey": 0, "RGB": 2, "palette": 3, "grey and alpha": 4, "RGBA": 6}


def png_chunk(kind, data):
    """A chunk of a PNG, with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(samples, kind, bits=8, *, before=b"", palette=None, after=b""):
    """A PNG file of samples.

    Parameters
    ----------
    samples : integer array, (height, width, channels)
    kind : str
        One of `PNG_TYPES`.
    bits : int
    before, after : bytes
        Whole chunks, before the image's data and after it.
    palette : uint8 array, (colours, 3), optional

    Returns
    -------
    bytes
    """
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, PNG_TYPES[kind], 0, 0, 0)
    rows = b"".join(b"\0" + packed(row, bits, ">") for row in samples)
    return (
        PNG_SIGNATURE
        + png_chunk(b"IHDR", header)
        + (b"" if palette is None else png_chunk(b"PLTE", palette.tobytes()))
        + before
        + png_chunk(b"IDAT", zlib.compress(rows))
        + after
        + png_chunk(b"IEND", b"")
    )


def packed(row, bits, order):
    """A row of samples as bytes, the first one in the highest bits."""
    if row.dtype.kind == "f" or bits >= 8:
        kind = "f" if row.dtype.kind == "f" else "i" if row.dtype.kind == "i" else "u"
        return np.ascontiguousarray(row).astype(f"{order}{kind}{bits // 8}").tobytes()
    digits = row.reshape(-1, 1) >> np.arange(bits)[::-1] & 1
    return np.packbits(digits.astype(np.uint8)).tobytes()


def icc_profile(colours, entries, *, pcs="XYZ ", kind="mntr"):
    """An ICC profile of version 2: its colours as "RGB ", and its tags by name."""
    table, data = b"", b""
    start = 132 + 12 * len(entries)
    for name, entry in entries.items():
        table += struct.pack(">4sII", name.encode(), start + len(data), len(entry))
        data += entry + bytes(-len(entry) % 4)
    head = bytearray(128)
    head[8:12] = b"\x02\x40\0\0"
    head[12:24] = f"{kind}{colours}{pcs}".encode()
    head[36:40] = b"acsp"
    head[68:80] = struct.pack(">3i", *(round(one * 65536) for one in (0.9642, 1, 0.8249)))
    whole = head + struct.pack(">I", len(entries)) + table + data
    whole[:4] = len(whole).to_bytes(4, "big")
    return bytes(whole)


def icc_matrix(columns, curve):
    """A profile of RGB by the XYZ of its primaries under D50, and the entry of its curves."""
    fixed = {
        f"{letter}XYZ": b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(x * 65536) for x in column))
        for letter, column in zip("rgb", columns, strict=True)
    }
    return icc_profile("RGB ", fixed | {f"{letter}TRC": curve for letter in "rgb"})


def icc_gamma(gamma):
    """Entry of a curve that is a power."""
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def icc_curve(light):
    """Entry of a curve by its light at equal steps, from 0 to 1."""
    table = np.rint(np.asarray(light) * 65535).astype(">u2").tobytes()
    return b"curv\0\0\0\0" + struct.pack(">I", len(light)) + table


def icc_formula(number, *values):
    """Entry of a curve by one of the formulas of ICC.1."""
    head = b"para\0\0\0\0" + struct.pack(">HH", number, 0)
    return head + struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def icc_table(corners):
    """Entry of a table of Lab in 8 bits at the corners of colours in 8 bits."""
    corners = np.asarray(corners, np.uint8)
    channels = corners.ndim - 1
    identity = struct.pack(">9i", *(65536 * one for one in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    ramp = bytes(range(256))
    head = b"mft1\0\0\0\0" + bytes([channels, 3, 2, 0]) + identity
    return head + channels * ramp + corners.tobytes() + 3 * ramp


# XYZ of their primaries under D50.
DISPLAY_P3 = (0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)
ADOBE_RGB = (0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)
SRGB = (0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)
SRGB_CURVE = 3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045


PHOTOMETRIC = {"white is 0": 0, "grey": 1, "RGB": 2, "palette": 3, "CMYK": 5, "YCbCr": 6, "LAB": 8}
COMPRESSION = {"none": 1, "LZW": 5, "deflate": 8, "PackBits": 32773}
SAMPLE_FORMAT = {"u": 1, "i": 2, "f": 3}

_SHORT, _LONG, _LONG8 = 3, 4, 16


@dataclass(frozen=True)
class Tiff:
    """How samples lie in a TIFF file.

    Attributes
    ----------
    photometric, compression : str
        Keys of `PHOTOMETRIC` and `COMPRESSION`.
    bits : int
    order : str
        "<" or ">".
    planes : bool
        Whether each channel lies by itself.
    tile : int or None
        Side of the tiles; None has strips of 16 rows.
    extra : tuple of int
        What the further channels are: 0 unknown, 1 alpha that is multiplied in, 2 alpha.
    predictor, big, reversed_bits : bool
    tags : dict
        Further ones, or others: number -> (type, count, bytes).
    """

    photometric: str = "RGB"
    compression: str = "none"
    bits: int = 8
    order: str = "<"
    planes: bool = False
    tile: int | None = None
    extra: tuple = ()
    predictor: bool = False
    big: bool = False
    reversed_bits: bool = False
    tags: dict = field(default_factory=dict)


def tiff(samples, layout):
    """A TIFF file of samples: unsigned, signed or floating, (height, width, channels)."""
    height, width, channels = samples.shape
    pieces = [
        _piece(part, layout)
        for plane in (np.moveaxis(samples, -1, 0)[..., None] if layout.planes else [samples])
        for part in _parts(plane, layout)
    ]
    tags = {
        256: (_LONG, [width]),
        257: (_LONG, [height]),
        258: (_SHORT, [layout.bits] * channels),
        259: (_SHORT, [COMPRESSION[layout.compression]]),
        262: (_SHORT, [PHOTOMETRIC[layout.photometric]]),
        277: (_SHORT, [channels]),
        284: (_SHORT, [2 if layout.planes else 1]),
        339: (_SHORT, [SAMPLE_FORMAT[samples.dtype.kind]] * channels),
    }
    if layout.extra:
        tags[338] = _SHORT, list(layout.extra)
    if layout.predictor:
        tags[317] = _SHORT, [2]
    if layout.reversed_bits:
        tags[266] = _SHORT, [2]
    if layout.tile:
        tags[322], tags[323] = (_LONG, [layout.tile]), (_LONG, [layout.tile])
    else:
        tags[278] = _LONG, [16]
    head = 16 if layout.big else 8
    starts = head + np.cumsum([0] + [len(piece) for piece in pieces[:-1]])
    tags[324 if layout.tile else 273] = _LONG, starts.tolist()
    tags[325 if layout.tile else 279] = _LONG, [len(piece) for piece in pieces]
    return _assembled(b"".join(pieces), tags, layout)


def colour_map(palette, bits):
    """Tag of a TIFF palette: a dict for `Tiff.tags`, of colours (2 ** bits, 3) in uint16."""
    return {320: (_SHORT, palette.T.ravel().tolist())}


def _parts(plane, layout):
    if not layout.tile:
        return [plane[top : top + 16] for top in range(0, len(plane), 16)]
    side = layout.tile
    down, right = (-size % side for size in plane.shape[:2])
    whole = np.pad(plane, ((0, down), (0, right), (0, 0)))
    return [
        whole[top : top + side, left : left + side]
        for top in range(0, len(whole), side)
        for left in range(0, whole.shape[1], side)
    ]


def _piece(part, layout):
    if layout.predictor:
        part = np.diff(part, axis=1, prepend=np.zeros_like(part[:, :1]))
    rows = [packed(row, layout.bits, layout.order) for row in part]
    content = b"".join(rows)
    if layout.compression == "deflate":
        content = zlib.compress(content)
    if layout.compression == "PackBits":
        content = b"".join(_pack_bits(row) for row in rows)
    if layout.compression == "LZW":
        content = _lzw(content)
    if layout.reversed_bits:
        content = np.packbits(
            np.unpackbits(np.frombuffer(content, np.uint8)), bitorder="little"
        ).tobytes()
    return content


def _pack_bits(row):
    runs = (row[start : start + 128] for start in range(0, len(row), 128))
    return b"".join(bytes([len(run) - 1]) + run for run in runs)


def _lzw(content):
    """LZW that starts anew before its codes get longer: every code is a byte, in 9 bits."""
    clear, end = 256, 257
    codes = []
    for start in range(0, len(content), 200):
        codes += [clear, *content[start : start + 200]]
    codes.append(end)
    digits = np.array(codes)[:, None] >> np.arange(9)[::-1] & 1
    return np.packbits(digits.astype(np.uint8)).tobytes()


def _assembled(data, tags, layout):
    order, big = layout.order, layout.big
    sizes = {_SHORT: "H", _LONG: "I", _LONG8: "Q"}
    tags = {
        number: (kind, len(values), struct.pack(f"{order}{len(values)}{sizes[kind]}", *values))
        if isinstance(values, list)
        else (kind, values, *rest)
        for number, (kind, values, *rest) in (tags | layout.tags).items()
    }
    head, room, count, offset = (16, 8, "Q", "Q") if big else (8, 4, "H", "I")
    data += b"\0" * (len(data) % 2)
    start = head + len(data)
    end = start + struct.calcsize(order + count) + len(tags) * (12 + 8 * big) + room
    entries, beyond = b"", b""
    for number, (kind, length, content) in sorted(tags.items()):
        if len(content) > room:
            content, more = struct.pack(order + offset, end + len(beyond)), content
            beyond += more + b"\0" * (len(more) % 2)
        entries += struct.pack(f"{order}HH{offset}", number, kind, length)
        entries += content.ljust(room, b"\0")
    mark = b"II" if order == "<" else b"MM"
    first = (
        struct.pack(order + "HHHQ", 43, 8, 0, start)
        if big
        else struct.pack(order + "HI", 42, start)
    )
    return (
        mark
        + first
        + data
        + struct.pack(order + count, len(tags))
        + entries
        + b"\0" * room
        + beyond
    )
