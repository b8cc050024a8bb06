"""Spaces of colour: what the samples of a file mean, and the same colours in another space.

A space of this module is three curves, from samples to light, and a matrix from light to XYZ. So
are most profiles of pictures, and all that a PNG says in other ways. Profiles that are tables are
left to littlecms, which Pillow has for 8 bits.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from PIL import Image, ImageCms

# Samples from 0 to 1 whose light a curve tells: all that 16 bits can say.
GRID = np.linspace(0, 1, 2**16)

# XYZ of the white that profiles are made for.
D50 = np.array([0.9642, 1.0, 0.8249])

# Of cones, in which Bradford has whites exchanged.
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)

SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
D65 = (0.3127, 0.3290)

# Converted at a time.
_PIXELS = 2**20


@dataclass(frozen=True)
class ColourSpace:
    """What samples mean. None stands for sRGB wherever a space is asked for.

    Attributes
    ----------
    tag : tuple of (bytes, bytes)
        Names of the chunks by which a PNG says it, with their content; a profile is not deflated.
    to_xyz : float64 array, (3, 3), or None
        From light to XYZ under D50; None where a profile is tables.
    curves : float64 array, (3, 65536), or None
        Light in [0, 1] of the samples `GRID`, rising.
    is_one_way : bool
        Whether pictures cannot be written in it: it is that of grey, or a scanner's.
    """

    tag: tuple[tuple[bytes, bytes], ...]
    to_xyz: np.ndarray | None = field(default=None, compare=False, repr=False)
    curves: np.ndarray | None = field(default=None, compare=False, repr=False)
    is_one_way: bool = False

    @property
    def profile(self) -> bytes:
        """The ICC profile that is the tag."""
        return dict(self.tag)[b"iCCP"]


def space_of_curves(tag, primaries, white, curves) -> ColourSpace:
    """A space by the chromaticities of its primaries and its white.

    Parameters
    ----------
    tag : tuple of (bytes, bytes)
    primaries : three of (float, float)
        x and y of red, green and blue.
    white : (float, float)
    curves : float64 array, (65536,)
        Light of `GRID`, of all three.

    Raises
    ------
    ValueError
        If these are no primaries of colours.
    """
    columns = np.stack([_xyz(*one) for one in primaries], axis=-1)
    white = _xyz(*white)
    to_xyz = _adaptation(white) @ (columns * np.linalg.solve(columns, white))
    return checked_space(ColourSpace(tag, to_xyz, np.stack([curves] * 3)))


def checked_space(space: ColourSpace) -> ColourSpace:
    """Raise a ValueError where a matrix or a curve leads nowhere."""
    assert space.to_xyz is not None
    assert space.curves is not None
    curves = np.maximum.accumulate(np.nan_to_num(space.curves, posinf=1).clip(0, 1), axis=1)
    is_whole = np.isfinite(space.to_xyz).all() and (curves[:, -1] > 0.5).all()
    if not is_whole or abs(np.linalg.det(space.to_xyz)) < 1e-4:
        raise ValueError("no colours")
    return replace(space, curves=curves)


@cache
def srgb() -> ColourSpace:
    """sRGB, by IEC 61966-2-1."""
    return space_of_curves((), SRGB_PRIMARIES, D65, srgb_curve())


@cache
def srgb_curve() -> np.ndarray:
    """Light of the samples `GRID` in sRGB."""
    return np.where(GRID <= 0.04045, GRID / 12.92, ((GRID + 0.055) / 1.055) ** 2.4)


def is_srgb(space: ColourSpace) -> bool:
    """Whether no colour of 8 bits is more than a step away from what it is in sRGB."""
    steps = np.linspace(0, 255, 18).astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(18, -1, 3)
    return bool(np.abs(converted(colours, space, None).astype(int) - colours).max() <= 1)


def converted(
    samples: np.ndarray, source: ColourSpace | None, target: ColourSpace | None
) -> np.ndarray:
    """The same colours in another space; what that does not have becomes the nearest of a channel.

    Parameters
    ----------
    samples : uint8 or uint16 array, (height, width, 3)
    source, target : ColourSpace or None

    Returns
    -------
    array of the dtype of `samples`, (height, width, 3)
        Itself where the spaces are one. A profile that is tables makes 16 bits as precise as 8.
    """
    if source == target:
        return samples
    for space in (source, target):
        if space is not None and space.to_xyz is None:
            return _by_tables(samples, source, target)
    return _by_curves(samples, source or srgb(), target or srgb())


def with_bits(samples: np.ndarray, dtype: type) -> np.ndarray:
    """Samples in 8 or in 16 bits, rounded to the nearest."""
    if samples.dtype == dtype:
        return samples
    if dtype == np.uint16:
        return samples.astype(np.uint16) * np.uint16(257)
    # 65535 / 255 is 257 exactly; half of it makes the division round.
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def by_profiles(image: Image.Image, source: bytes | None, target: bytes | None) -> np.ndarray:
    """Colours of an image of 8 bits from one ICC profile to another; None stands for sRGB.

    Raises
    ------
    ImageCms.PyCMSError, OSError, ValueError
        If a profile is none, or not of the image's colours.
    """
    theirs, ours = (
        ImageCms.createProfile("sRGB")
        if profile is None
        else ImageCms.ImageCmsProfile(io.BytesIO(profile))
        for profile in (source, target)
    )
    found = ImageCms.profileToProfile(image, theirs, ours, outputMode="RGB")
    return np.asarray(found)


def _by_curves(samples, source, target):
    most = np.iinfo(samples.dtype).max
    step = 65535 // most
    matrix = np.linalg.solve(target.to_xyz, source.to_xyz).T
    result = np.empty_like(samples)
    rows = max(1, _PIXELS // samples.shape[1])
    for top in range(0, len(samples), rows):
        part = samples[top : top + rows].astype(np.intp) * step
        light = np.stack([curve[part[..., c]] for c, curve in enumerate(source.curves)], axis=-1)
        light = (light @ matrix).clip(0, 1)
        for c, curve in enumerate(target.curves):
            result[top : top + rows, :, c] = np.rint(np.interp(light[..., c], curve, GRID) * most)
    return result


def _by_tables(samples, source, target):
    """By way of sRGB, as the other one may have no profile."""
    if source is not None and source.to_xyz is None:
        image = Image.fromarray(np.ascontiguousarray(with_bits(samples, np.uint8)))
        found = by_profiles(image, source.profile, None)
        return converted(with_bits(found, samples.dtype.type), None, target)
    image = Image.fromarray(with_bits(converted(samples, source, None), np.uint8))
    return with_bits(by_profiles(image, None, target.profile), samples.dtype.type)


def _xyz(x, y):
    if not (0 <= x <= 1 and 0 < y <= 1):
        raise ValueError("no chromaticity")
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _adaptation(white):
    """Matrix from XYZ under a white to XYZ under D50."""
    cones = _BRADFORD @ D50 / (_BRADFORD @ white)
    return np.linalg.solve(_BRADFORD, cones[:, None] * _BRADFORD)
