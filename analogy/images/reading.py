"""Reading every common kind of image file, and taking arrays as images."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageOps, UnidentifiedImageError

from analogy.errors import AnalogyError, brief
from analogy.images.sizes import BYTES_PER_PIXEL, check_not_too_small
from analogy.system.memory import available_memory

_log = logging.getLogger(__name__)

# Pillow hands PostScript to Ghostscript and metafiles to Windows, which run what they say.
_RUN_BY_OTHERS = {"EPS", "WMF", "EMF"}


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Read an image file as 8-bit RGB.

    EXIF orientation is applied, transparency is laid over white, grey and palette images become
    RGB, 16-bit samples are scaled to 8 bits. Of an animation the first frame is read.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    uint8 array, (height, width, 3)

    Raises
    ------
    AnalogyError
        If the file is missing, unreadable, damaged, no image, or under 32 pixels a side.
    """
    path = Path(path)
    image = as_image(_decode(path), str(path))
    _log.info("%s: %d x %d px", path, image.shape[1], image.shape[0])
    return image


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
    fully transparent is 0. Samples of 16 bits, which are grey, are labels as they are.

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
    samples = _decode(Path(path))
    if not np.issubdtype(samples.dtype, np.integer):
        raise AnalogyError(f"{path}: floating-point samples are no labels; save it anew as PNG")
    samples = np.atleast_3d(samples).astype(np.int32)
    channels = samples.shape[2]
    opaque = samples[..., -1] > 0 if channels % 2 == 0 else True
    if channels < 3:
        grey = samples[..., 0]
        colour = grey if grey.max() > 255 else grey * 0x010101
    else:
        colour = samples[..., 0] << 16 | samples[..., 1] << 8 | samples[..., 2]
    return np.where(opaque, colour, 0)


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
    with _opened(file, name) as image:
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
    colour, alpha = (samples, None) if channels % 2 else (samples[..., :-1], samples[..., -1:])
    rgb = np.broadcast_to(colour, (height, width, 3))
    return np.ascontiguousarray(rgb if alpha is None else _over_white(rgb, alpha))


def _decode(path):
    with _opened(path, path) as image:
        image.load()
        return _samples(ImageOps.exif_transpose(image))


@contextlib.contextmanager
def _opened(file, path):
    """A Pillow image of a file whose errors, in the block too, name `path` and say what to do."""
    try:
        with warnings.catch_warnings():
            # Large but honest photographs pass here, and so do damaged EXIF tags. Pillow still
            # refuses the absurd with an error.
            warnings.simplefilter("ignore")
            with Image.open(file) as image:
                _check_can_be_decoded(image, path)
                yield image
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


def _check_can_be_decoded(image, path):
    # What a file declares costs its sender nothing, and memory here.
    if image.width * image.height * BYTES_PER_PIXEL > available_memory():
        raise AnalogyError(
            f"{path}: {image.width} x {image.height} px do not fit into memory; shrink it"
        )
    if image.format in _RUN_BY_OTHERS:
        raise AnalogyError(
            f"{path}: {image.format} is a program that draws, not an image; save it as PNG"
        )


def _samples(image):
    """Turn a Pillow image of any mode into an array that `as_image` takes."""
    if image.mode.startswith("I;16"):
        return _samples_of_16_bits(np.asarray(image).astype(np.uint16), image.info)
    if image.mode == "I":
        return _samples_of_wide_integers(np.asarray(image))
    if image.mode == "F":
        return np.asarray(image)
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("LA" if "transparency" in image.info else "L"))
    return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))


def _samples_of_16_bits(samples, info):
    if "transparency" not in info:
        return samples
    # PNG names one grey value that is transparent; Pillow does not turn it into alpha here.
    alpha = np.where(samples == info["transparency"], 0, np.iinfo(np.uint16).max)
    return np.stack([samples, alpha.astype(np.uint16)], axis=-1)


def _samples_of_wide_integers(samples):
    if samples.min() < 0 or samples.max() > np.iinfo(np.uint16).max:
        raise ValueError("32-bit samples beyond the 16-bit range")
    return samples.astype(np.uint16)


def _as_bytes(samples, name):
    if samples.dtype == np.uint8:
        return samples
    if samples.dtype == bool:
        return samples * np.uint8(255)
    if samples.dtype == np.uint16:
        # 65535 / 255 is 257 exactly; half of it makes the division round.
        return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
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


def _over_white(rgb, alpha):
    opacity = alpha.astype(np.uint16)
    return ((rgb * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
