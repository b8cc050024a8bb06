"""What files say of their colours: ICC profiles, and the chunks of a PNG."""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from analogy.errors import AnalogyError, brief
from analogy.images.colour import (
    D65,
    GRID,
    SRGB_PRIMARIES,
    ColourSpace,
    by_profiles,
    checked_space,
    is_srgb,
    space_of_curves,
    srgb,
    srgb_curve,
)

_log = logging.getLogger(__name__)

_C = (0.3101, 0.3162)
_DCI_WHITE = (0.314, 0.351)

# By their numbers in ITU-T H.273: primaries with their whites.
_PRIMARIES = {
    1: (SRGB_PRIMARIES, D65),
    4: (((0.67, 0.33), (0.21, 0.71), (0.14, 0.08)), _C),
    5: (((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)), D65),
    6: (((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)), D65),
    7: (((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)), D65),
    9: (((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), D65),
    11: (((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), _DCI_WHITE),
    12: (((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), D65),
}

_UNSPECIFIED = 2

# Transfer functions for light beyond that of paper.
_HDR = {16: "PQ", 18: "HLG"}

# What libpng takes for no difference of gammas, and that of sRGB as old programs write it.
_SAME_GAMMA, _GAMMA_OF_SRGB = 0.05, 1 / 2.2

_PARAMETERS = (1, 3, 4, 5, 7)


@dataclass(frozen=True)
class ColourTags:
    """What a file says of its colours.

    Attributes
    ----------
    profile : bytes or None
        An ICC profile.
    chunks : dict, bytes -> bytes
        ``cICP``, ``sRGB``, ``gAMA`` and ``cHRM`` of a PNG.
    """

    profile: bytes | None = None
    chunks: dict[bytes, bytes] = field(default_factory=dict)


def space_of(tags: ColourTags, is_grey: bool, name: str) -> ColourSpace | None:
    """Space that a file's grey or RGB samples are in; None for sRGB.

    What is damaged, or not of such samples, is left out with a line in the log.

    Parameters
    ----------
    tags : ColourTags
    is_grey : bool
        Whether the samples are grey.
    name : str
        What messages call the file.

    Raises
    ------
    AnalogyError
        If the colours are of a kind that cannot be shown.
    """
    cicp, space = tags.chunks.get(b"cICP"), None
    if cicp is not None:
        space = _read(_of_cicp, cicp, name, "cICP chunk")
    if space is None and tags.profile is not None:
        of_profile = _of_grey_profile if is_grey else _of_profile
        space = _read(of_profile, tags.profile, name, "ICC profile")
    if space is None and tags.profile is None and cicp is None and b"sRGB" not in tags.chunks:
        space = _read(_of_gamma, tags.chunks, name, "gAMA or cHRM chunk")
    return None if space is None or is_srgb(space) else space


def rgb_of_ink(ink: Image.Image, profile: bytes | None, name: str) -> np.ndarray:
    """A CMYK image as sRGB by its profile; without one, or by a broken one, as Pillow has it."""
    found = None
    if profile is not None:
        found = _read(lambda told, _: by_profiles(ink, told, None), profile, name, "ICC profile")
    return np.asarray(ink.convert("RGB")) if found is None else found


def _read(read, told, name, called) -> Any:
    """What a reader makes of something that a file tells; None where it is damaged."""
    try:
        return read(told, name)
    except (AnalogyError, MemoryError):
        raise
    # Of damaged content littlecms and NumPy say so in as many ways.
    except Exception as error:
        reason = brief(str(error) or type(error).__name__, 60)
        _log.warning("%s: its %s cannot be used (%s), left out", name, called, reason)
        return None


def _of_cicp(data, name):
    primaries, transfer, matrix, is_full = struct.unpack("4B", data)
    if transfer in _HDR:
        raise AnalogyError(
            f"{name}: its colours are HDR ({_HDR[transfer]}, by its cICP chunk); "
            "map them to SDR and save it anew"
        )
    if matrix or not is_full:
        raise AnalogyError(
            f"{name}: its cICP chunk says that it holds no RGB of the full range; "
            "save it anew as RGB"
        )
    if _UNSPECIFIED in (primaries, transfer):
        return None
    if primaries not in _PRIMARIES:
        raise ValueError(f"primaries number {primaries}")
    return space_of_curves(((b"cICP", data),), *_PRIMARIES[primaries], _transfer(transfer))


def _transfer(number):
    """Light of `GRID` by a transfer function of H.273."""
    if number in (1, 6, 14, 15):
        return np.where(GRID < 0.081, GRID / 4.5, ((GRID + 0.099) / 1.099) ** (1 / 0.45))
    if number == 13:
        return srgb_curve()
    gammas = {4: 2.2, 5: 2.8, 8: 1.0}
    if number not in gammas:
        raise ValueError(f"transfer function number {number}")
    return GRID ** gammas[number]


def _of_gamma(chunks, name):
    gamma, primaries, white = chunks.get(b"gAMA"), SRGB_PRIMARIES, D65
    tag = tuple((key, chunks[key]) for key in (b"gAMA", b"cHRM") if key in chunks)
    if gamma is None:
        # Of primaries alone nobody knows what curve goes with them.
        return None
    exponent = struct.unpack(">I", gamma)[0] / 100_000
    if exponent == 0:
        raise ValueError("a gamma of 0")
    if b"cHRM" in chunks:
        values = np.array(struct.unpack(">8I", chunks[b"cHRM"])) / 100_000
        white, primaries = tuple(values[:2]), values[2:].reshape(3, 2)
    is_usual = abs(exponent / _GAMMA_OF_SRGB - 1) <= _SAME_GAMMA
    # As of old: a gamma beside it is meant for sRGB's, which is none.
    is_plain = is_usual and np.abs(np.subtract(primaries, SRGB_PRIMARIES)).max() < 0.005
    curve = srgb_curve() if is_plain else GRID ** (1 / exponent)
    return space_of_curves(tag, primaries, white, curve)


def _of_grey_profile(profile, name):
    return _of_profile(profile, name, (b"RGB ", b"GRAY"))


def _of_profile(profile, _, kinds=(b"RGB ",)):
    """Space of a profile of RGB or grey; a matrix and curves where it has them."""
    if len(profile) < 132 or profile[36:40] != b"acsp":
        raise ValueError("no ICC profile")
    colours, tag = profile[16:20], ((b"iCCP", profile),)
    if colours not in kinds:
        raise ValueError(f"it is of {colours.decode('latin1').strip()!r}")
    entries = _entries(profile)
    if colours == b"GRAY":
        curves = np.stack([_curve(entries[b"kTRC"])] * 3)
        return checked_space(ColourSpace(tag, srgb().to_xyz, curves, is_one_way=True))
    names = [(letter + b"XYZ", letter + b"TRC") for letter in (b"r", b"g", b"b")]
    if all(one in entries for pair in names for one in pair):
        to_xyz = np.stack([_fixed(entries[xyz][8:], 3) for xyz, _ in names], axis=-1)
        curves = np.stack([_curve(entries[curve]) for _, curve in names])
        return checked_space(ColourSpace(tag, to_xyz, curves))
    return _of_tables(tag)


def _of_tables(tag):
    space, probe = ColourSpace(tag), Image.new("RGB", (1, 1))
    by_profiles(probe, space.profile, None)
    try:
        by_profiles(probe, None, space.profile)
    except ImageCms.PyCMSError:
        return replace(space, is_one_way=True)
    return space


def _entries(profile):
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > 1000:
        raise ValueError("no ICC profile")
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(count))
    return {name: profile[start : start + size] for name, start, size in entries}


def _fixed(data, count):
    return np.frombuffer(data, ">i4", count) / 65536


def _curve(data):
    """Light of `GRID` by a curve of a profile."""
    kind, number = data[:4], int.from_bytes(data[8:12], "big")
    if kind == b"curv" and number == 0:
        return GRID
    if kind == b"curv" and number == 1:
        return GRID ** (int.from_bytes(data[12:14], "big") / 256)
    if kind == b"curv":
        table = np.frombuffer(data, ">u2", number, 12) / 65535
        return np.interp(GRID, np.linspace(0, 1, number), table)
    if kind == b"para":
        return _formula(int.from_bytes(data[8:10], "big"), data[12:])
    raise ValueError("a curve of no known kind")


def _formula(number, data):
    """Curves by formulas 0 to 4 of ICC.1: a power, and what is below where that begins."""
    gamma, *more = _fixed(data, _PARAMETERS[number])
    a, b = more[:2] if more else (1.0, 0.0)
    slope, begins, above, below = 0.0, 0.0, 0.0, 0.0
    if number in (1, 2):
        begins = -b / a
    if number == 2:
        above = below = more[2]
    if number >= 3:
        slope, begins = more[2:4]
    if number == 4:
        above, below = more[4:]
    with np.errstate(all="ignore"):
        power = np.maximum(a * GRID + b, 0) ** gamma + above
        return np.where(begins <= GRID, power, slope * GRID + below)
