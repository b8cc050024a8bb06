"""Images: files and arrays in, 8-bit RGB out to be matched, and what of a file a result keeps."""

from analogy.images.picture import Picture, check_has_something
from analogy.images.reading import (
    as_image,
    as_picture,
    image_shape,
    read_image,
    read_mask,
    read_picture,
    readable_endings,
)
from analogy.images.sizes import (
    MINIMUM_SIDE,
    check_not_too_small,
    matching_shape,
    resize,
    size_of,
)
from analogy.images.writing import write_picture

__all__ = [
    "MINIMUM_SIDE",
    "Picture",
    "as_image",
    "as_picture",
    "check_has_something",
    "check_not_too_small",
    "image_shape",
    "matching_shape",
    "read_image",
    "read_mask",
    "read_picture",
    "readable_endings",
    "resize",
    "size_of",
    "write_picture",
]
