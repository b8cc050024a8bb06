"""Images: files and arrays in, 8-bit RGB out, at the sizes that matching takes."""

from analogy.images.reading import (
    as_image,
    image_shape,
    read_image,
    read_mask,
    readable_endings,
)
from analogy.images.sizes import (
    MINIMUM_SIDE,
    check_not_too_small,
    matching_shape,
    resize,
    size_of,
)

__all__ = [
    "MINIMUM_SIDE",
    "as_image",
    "check_not_too_small",
    "image_shape",
    "matching_shape",
    "read_image",
    "read_mask",
    "readable_endings",
    "resize",
    "size_of",
]
