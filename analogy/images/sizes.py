"""Sizes of images: how small one may be, at which size it is matched, and resampling."""

from __future__ import annotations

import numpy as np
from PIL import Image

from analogy.errors import AnalogyError

# relu5_1 has a sixteenth of the image's side; below two feature pixels a side nothing can match.
MINIMUM_SIDE = 32

# Bytes per pixel of one image at its own size: image (3), result (3), flow (8), confidence (1), and
# Pillow's copy of an image that it resamples or writes (4). Fields exist in strips only. Measured
# at 4000x3000 pixels, matched at 128: 812 MiB in all, 14 bytes a pixel beyond the fixed ones.
BYTES_PER_PIXEL = 19


def check_not_too_small(shape: tuple[int, int], name: str) -> None:
    """Raise an `AnalogyError` where an image's height or width is under 32 pixels."""
    height, width = shape
    if min(height, width) < MINIMUM_SIDE:
        raise AnalogyError(
            f"{name}: {width} x {height} px is too small; "
            f"give an image of at least {MINIMUM_SIDE} px a side"
        )


def size_of(image: np.ndarray) -> str:
    """An image's size as people write it, width first."""
    return f"{image.shape[1]} x {image.shape[0]}"


def matching_shape(
    shape: tuple[int, int], ratio: float, max_side: int | None, name: str
) -> tuple[int, int]:
    """Size at which an image is matched.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the image in pixels.
    ratio : float
        Scale asked for, in (0, 1].
    max_side : int or None
        Upper bound of the longer side in pixels, which lowers the scale further where needed.
    name : str
        What the error message calls the image.

    Returns
    -------
    (int, int)
        Height and width, at most those of `shape`.

    Raises
    ------
    AnalogyError
        If a side would come out under 32 pixels.
    """
    scale = min(ratio, 1.0 if max_side is None else max_side / max(shape))
    height, width = (round(side * scale) for side in shape)
    if min(height, width) < MINIMUM_SIDE:
        raise AnalogyError(
            f"{name}: shrunk to {width} x {height} px for matching, "
            f"under {MINIMUM_SIDE} px a side; raise --ratio or --max-side"
        )
    return height, width


def resize(
    image: np.ndarray,
    shape: tuple[int, int],
    resampling: Image.Resampling = Image.Resampling.BICUBIC,
) -> np.ndarray:
    """Resample an image, averaging over the pixels that a smaller one covers.

    Parameters
    ----------
    image : uint8 array, (height, width, 3) or, grey, (height, width)
    shape : (int, int)
        New height and width.
    resampling : PIL.Image.Resampling
        Filter to resample by.

    Returns
    -------
    uint8 array, (new height, new width, 3) or (new height, new width)
    """
    height, width = shape
    # Pillow widens the filter when shrinking, so nothing aliases.
    return np.array(Image.fromarray(image).resize((width, height), resampling))
