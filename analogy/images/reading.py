"""Reading every common kind of image file, and taking arrays as images."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import struct
import warnings
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike
from PIL import ExifTags, Image, UnidentifiedImageError

from analogy.errors import AnalogyError, brief
from analogy.images.colour import converted, with_bits
from analogy.images.colour_tags import ColourTags, rgb_of_ink, space_of
from analogy.images.picture import Picture, background, opaque_pixels, picture_of
from analogy.images.png import has_16_bits, png_content, samples_of_16_bits, transparent_pixels
from analogy.images.sizes import BYTES_PER_PIXEL, check_not_too_small
from analogy.images.tiff import read_tiff, tiff_layout, whole_samples
from analogy.system.memory import available_memory

_log = logging.getLogger(__name__)

# Pillow hands PostScript to Ghostscript and metafiles to Windows, which run what they say.
_RUN_BY_OTHERS = {"EPS", "WMF", "EMF"}


# Label of a shape that is drawn in black on transparency, the colour next to black.
_BLACK_SHAPE = 1


@dataclass(frozen=True)
class _Decoded:
    """What a decoder gives.

    Attributes
    ----------
    samples : array, (height, width, 1, 2, 3 or 4)
        Upright, alpha last.
    tags : ColourTags
    """

    samples: np.ndarray
    tags: ColourTags = field(default_factory=ColourTags)


def read_picture(path: str | os.PathLike, behind: str | None = None) -> Picture:
    """Read an image file with all that a result keeps of it.

    EXIF orientation is applied, and grey, palette, CMYK and Lab images become RGB. Of an animation
    the first frame is read.

    Parameters
    ----------
    path : path-like
    behind : str, optional
        Name of a colour, as CSS has them, that what is transparent is laid over.

    Returns
    -------
    Picture

    Raises
    ------
    AnalogyError
        If the file is missing, unreadable, damaged, no image, one whose colours cannot be shown,
        or under 32 pixels a side.
    """
    path = Path(path)
    decoded = _decode(path)
    samples = decoded.samples
    height, width = samples.shape[:2]
    check_not_too_small((height, width), str(path))
    space = space_of(decoded.tags, samples.shape[2] <= 2, str(path))
    picture = picture_of(samples, space)
    if space is not None and space.is_one_way:
        picture = Picture(converted(picture.samples, space, None), picture.alpha)
    _log.info("%s: %d x %d px", path, width, height)
    return picture.over(background(behind))


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Read an image file as 8-bit RGB in sRGB, whatever it is stored as.

    As :func:`read_picture` does, and transparency is laid over white.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    uint8 array, (height, width, 3)

    Raises
    ------
    AnalogyError
        As :func:`read_picture`.
    """
    return read_picture(path).shown


@cache
def readable_endings() -> frozenset[str]:
    """Endings that names of image files have, in lower case with their dots."""
    endings = Image.registered_extensions().items()
    return frozenset(
        ending for ending, kind in endings if kind in Image.OPEN and kind not in _RUN_BY_OTHERS
    )


def read_mask(path: str | os.PathLike) -> np.ndarray:
    """Read an image of labels: every colour is a label of its own, and black is 0.

    Palettes are looked up and grey is a colour, so that files of different kinds agree. What is
    transparent is 0; where nothing but black is not, that is a label too. Samples of 16 bits, which
    are grey, are labels as they are.

    Parameters
    ----------
    path : path-like
        A lossless file: JPEG blurs colours.

    Returns
    -------
    int32 array, (height, width)
        ``red << 16 | green << 8 | blue``

    Raises
    ------
    AnalogyError
        If the file is missing, unreadable, damaged or no image of integers.
    """
    return read_labels(path)[0]


def read_labels(path: str | os.PathLike) -> tuple[np.ndarray, bool]:
    """Read a mask as `read_mask` does, and whether its labels are numbers and not colours."""
    samples = _decode(Path(path)).samples
    if not np.issubdtype(samples.dtype, np.integer):
        raise AnalogyError(f"{path}: floating-point samples are no labels; save it anew as PNG")
    channels = samples.shape[2]
    if channels >= 3 and samples.dtype == np.uint16:
        samples = with_bits(samples, np.uint8)
    samples = samples.astype(np.int32)
    opaque = opaque_pixels(samples[..., -1]) if channels % 2 == 0 else np.True_
    if channels >= 3:
        colour = samples[..., 0] << 16 | samples[..., 1] << 8 | samples[..., 2]
    elif samples[..., 0].max() > 255:
        return np.where(opaque, samples[..., 0], 0), True
    else:
        colour = samples[..., 0] * 0x010101
    if not opaque.all() and not colour[opaque].any():
        # A shape that is drawn on nothing is a shape, in black as well.
        colour = np.full_like(colour, _BLACK_SHAPE)
    return np.where(opaque, colour, 0), False


def image_shape(file: str | os.PathLike | BinaryIO, name: str) -> tuple[int, int]:
    """Size that an image file says it has, before anything of it is decoded.

    Parameters
    ----------
    file : path-like or binary file
    name : str
        What the error message calls it.

    Returns
    -------
    (int, int)
        Height and width in pixels, before any EXIF orientation is applied.

    Raises
    ------
    AnalogyError
        If the file is no image, or one that does not fit into memory.
    """
    with _errors_told(name), _open(file) as opened:
        layout = tiff_layout(opened)
        if layout is not None:
            _check_layout(layout, name)
            return layout.shape
        png = png_content(opened)
        with Image.open(png.file if png else opened) as image:
            _check_can_be_decoded(image, name)
            return image.height, image.width


def as_image(array: ArrayLike, name: str) -> np.ndarray:
    """Check an array that stands for an image and bring it to 8-bit RGB.

    Parameters
    ----------
    array : array-like, (height, width) or (height, width, 1, 2, 3 or 4)
        Grey, grey and alpha, RGB, or RGBA; bool, uint8, uint16, or floating point in [0, 1].
        Alpha is not premultiplied and is laid over white.
    name : str
        What the error message calls the array.

    Returns
    -------
    uint8 array, (height, width, 3), contiguous

    Raises
    ------
    AnalogyError
        If shape, dtype or values are none of these, or a side is under 32 pixels.
    """
    array = np.asarray(array)
    channels = 1 if array.ndim == 2 else array.shape[-1] if array.ndim == 3 else 0
    if channels not in (1, 2, 3, 4):
        raise AnalogyError(
            f"{name}: an array of shape {array.shape} is no image; "
            "give (height, width) or (height, width, channels) with 1 to 4 channels, channels last"
        )
    height, width = array.shape[:2]
    check_not_too_small((height, width), name)
    samples = _as_bytes(array.reshape(height, width, channels), name)
    return picture_of(samples).shown


def as_picture(image: ArrayLike | Picture, name: str) -> Picture:
    """A picture as it is, or one of an array that :func:`as_image` takes."""
    return image if isinstance(image, Picture) else Picture(as_image(image, name))


def _decode(path):
    with _errors_told(path), _open(path) as file:
        layout = tiff_layout(file)
        if layout is not None:
            return _decoded_tiff(file, layout, path)
        png = png_content(file)
        with Image.open(png.file if png else file) as image:
            _check_can_be_decoded(image, path)
            orientation = _orientation(image, path)
            image.load()
            tags = png.tags if png else ColourTags(image.info.get("icc_profile") or None)
            if png and has_16_bits(png):
                samples = samples_of_16_bits(png)
            else:
                samples = _samples(image, path, tags)
            if png and png.transparent:
                samples = _with_alpha(samples, ~transparent_pixels(png, samples))
            return _Decoded(_turned(samples, orientation), _tags_left(tags, image))


def _decoded_tiff(file, layout, path):
    _check_layout(layout, path)
    tags = ColourTags(None if layout.is_ink_or_lab else layout.profile)
    if layout.reader == "tifffile":
        samples = _narrowed(read_tiff(file, layout, path), path)
        return _Decoded(_turned(samples, layout.orientation), tags)
    with Image.open(file) as image:
        _check_can_be_decoded(image, path)
        if layout.is_halved:
            return _Decoded(whole_samples(file), tags)
        # Pillow turns a TIFF by itself.
        image.load()
        return _Decoded(_samples(image, path, ColourTags(layout.profile)), tags)


def _tags_left(tags, image):
    """Tags of what was decoded: those of inks have been heeded."""
    return ColourTags() if image.mode == "CMYK" else tags


def _open(file):
    """A file by its path, or one that is open already and stays so."""
    if isinstance(file, str | os.PathLike):
        return open(file, "rb")
    file.seek(0)
    return contextlib.nullcontext(file)


@contextlib.contextmanager
def _errors_told(path):
    """Errors in the block name `path` and say what to do."""
    try:
        with warnings.catch_warnings():
            # Large but honest photographs pass here, and so do damaged EXIF tags. Pillow still
            # refuses the absurd with an error.
            warnings.simplefilter("ignore")
            yield
    except (MemoryError, AnalogyError):
        raise
    except FileNotFoundError:
        raise AnalogyError(f"{path}: no such file; check the path") from None
    except IsADirectoryError:
        raise AnalogyError(f"{path}: is a folder; give an image file") from None
    except PermissionError:
        raise AnalogyError(f"{path}: may not be read; change its permissions") from None
    except UnidentifiedImageError:
        raise AnalogyError(f"{path}: not an image of a known format; give PNG, JPEG, ...") from None
    except Image.DecompressionBombError:
        raise AnalogyError(f"{path}: more pixels than can be read safely; shrink it") from None
    # Decoders raise nearly anything on damaged data: OSError, SyntaxError, struct.error, ...
    except Exception as error:
        raise AnalogyError(
            f"{path}: damaged or unsupported ({brief(error)}); save it anew as PNG"
        ) from error


def _check_layout(layout, path):
    height, width = layout.shape
    if height * width > 2 * (Image.MAX_IMAGE_PIXELS or math.inf):
        raise AnalogyError(f"{path}: more pixels than can be read safely; shrink it")
    _check_fits(width, height, max(BYTES_PER_PIXEL, layout.samples * layout.bits // 4), path)
    if layout.reader is None:
        raise AnalogyError(
            f"{path}: {layout} is not read; save it anew as PNG, "
            "or as TIFF with 8 or 16 bits a channel and without compression"
        )


def _orientation(image, path):
    """Number that EXIF has for which side is up; 1 where it says nothing that can be read."""
    try:
        # Pillow reads no further than to the first broken tag.
        found = _orientation_in(image.info.get("exif", b""))
        orientation = found or image.getexif().get(ExifTags.Base.Orientation, 1)
    # A damaged block of metadata is no damage to the picture.
    except Exception as error:
        _log.warning("%s: EXIF cannot be read (%s), taken as upright", path, brief(error))
        return 1
    return orientation[0] if isinstance(orientation, tuple) and orientation else orientation


def _orientation_in(exif):
    """The one tag of an EXIF block, by itself; None where it is not there as a short number."""
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return None
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    (count,) = struct.unpack_from(f"{order}H", block, start)
    entries = block[start + 2 : start + 2 + 12 * count]
    for at in range(0, len(entries) - 11, 12):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", entries, at)
        if (tag, kind) == (ExifTags.Base.Orientation, 3):
            return value
    return None


def _turned(samples, orientation):
    """An array of samples with its upper side up, by EXIF's number."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return samples


def _with_alpha(samples, opaque):
    alpha = opaque[..., None] * np.array(np.iinfo(samples.dtype).max, samples.dtype)
    return np.concatenate([samples, alpha], axis=-1)


def _check_can_be_decoded(image, path):
    _check_fits(image.width, image.height, BYTES_PER_PIXEL, path)
    if image.format in _RUN_BY_OTHERS:
        raise AnalogyError(
            f"{path}: {image.format} is a program that draws, not an image; save it as PNG"
        )


def _check_fits(width, height, bytes_per_pixel, path):
    # What a file declares costs its sender nothing, and memory here.
    if width * height * bytes_per_pixel > available_memory():
        raise AnalogyError(f"{path}: {width} x {height} px do not fit into memory; shrink it")


def _samples(image, path, tags):
    """Samples of a Pillow image of any mode, (height, width, channels)."""
    if image.mode.startswith("I;16"):
        samples = np.asarray(image).astype(np.uint16)
    elif image.mode in ("I", "F"):
        samples = _narrowed(np.asarray(image), path)
    elif image.mode in ("1", "L", "LA"):
        has_alpha = image.mode == "LA" or "transparency" in image.info
        samples = np.asarray(image.convert("LA" if has_alpha else "L"))
    elif image.mode == "CMYK":
        samples = rgb_of_ink(image, tags.profile, path)
    else:
        samples = np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
    return np.atleast_3d(samples)


def _narrowed(samples, path):
    """Samples of a file in a type that `as_image` takes."""
    if samples.dtype.kind == "f":
        # `not` catches what is no number.
        if not (np.min(samples) >= 0 and np.max(samples) <= 1):
            raise AnalogyError(
                f"{path}: floating-point samples outside [0, 1] or not finite; "
                "map its tones to 8 or 16 bits and save it anew as PNG"
            )
        return samples
    if samples.dtype.kind == "i" or samples.dtype.itemsize > 2:
        if samples.min() < 0 or samples.max() > np.iinfo(np.uint16).max:
            raise AnalogyError(
                f"{path}: 32-bit samples beyond the 16-bit range, or negative ones; "
                "save it anew with 8 or 16 bits a channel"
            )
        return samples.astype(np.uint16)
    return samples


def _as_bytes(samples, name):
    if samples.dtype == np.uint8:
        return samples
    if samples.dtype == bool:
        return samples * np.uint8(255)
    if samples.dtype == np.uint16:
        return with_bits(samples, np.uint8)
    if not np.issubdtype(samples.dtype, np.floating):
        raise AnalogyError(
            f"{name}: samples of type {samples.dtype}; give uint8, uint16 or floats in [0, 1]"
        )
    if not (np.min(samples) >= 0 and np.max(samples) <= 1):
        raise AnalogyError(
            f"{name}: floating-point samples outside [0, 1] or not finite; "
            "scale them to [0, 1] or give uint8"
        )
    return np.rint(samples * 255).astype(np.uint8)
