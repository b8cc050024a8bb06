"""A picture as it was read: its samples as they are, and what is matched and shown of it.

Matching takes 8 bits in sRGB and no transparency. A result keeps what its file had: A' the alpha
and the space of colours of A, and as many bits as B', whose pixels it is made of.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from PIL import ImageColor

from analogy.errors import AnalogyError
from analogy.images.colour import ColourSpace, converted, with_bits

# With more than these the edge of a shape is soft.
_FEW_OPACITIES = 4

_WHITE = (255, 255, 255)


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as it was read, or as it is to be written.

    Attributes
    ----------
    samples : uint8 or uint16 array, (height, width, 3)
        RGB in its own space, whatever its alpha.
    alpha : array of the same type, (height, width), or None
        None where all of it is opaque.
    space : ColourSpace or None
        None for sRGB.
    """

    samples: np.ndarray
    alpha: np.ndarray | None = None
    space: ColourSpace | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.samples.shape[:2]
        return height, width

    @property
    def has_16_bits(self) -> bool:
        return self.samples.dtype == np.uint16

    @property
    def is_plain(self) -> bool:
        """Whether it is 8-bit RGB in sRGB and nothing else."""
        return not self.has_16_bits and self.alpha is None and self.space is None

    @cached_property
    def opaque(self) -> np.ndarray | None:
        """Pixels that may be fetched, bool; None for all of them."""
        return None if self.alpha is None else opaque_pixels(self.alpha)

    @cached_property
    def pixels(self) -> np.ndarray:
        """What is matched: uint8 in sRGB; transparent pixels as the nearest others."""
        return _as_shown(self._filled, self.space)

    @cached_property
    def shown(self) -> np.ndarray:
        """What a page shows: uint8 in sRGB, over white."""
        whole = self.over(_WHITE)
        return _as_shown(whole.samples, whole.space)

    def over(self, colour: tuple[int, int, int] | None) -> Picture:
        """The picture over a colour of sRGB, given in 8 bits; as it is over None."""
        if self.alpha is None or colour is None:
            return self
        ground = np.array(colour, np.uint8).reshape(1, 1, 3)
        dtype = self.samples.dtype.type
        ground = converted(with_bits(ground, dtype), None, self.space).astype(np.uint64)
        most = np.uint64(np.iinfo(dtype).max)
        alpha = self.alpha[..., None].astype(np.uint64)
        mixed = self.samples * alpha + ground * (most - alpha) + most // np.uint64(2)
        return replace(self, samples=(mixed // most).astype(dtype), alpha=None)

    def values(self) -> np.ndarray:
        """Samples from 0 to 255: uint8, or float32 where there are 16 bits."""
        return _values(self.samples)

    def values_in(self, dtype: np.dtype) -> np.ndarray:
        """Samples from 0 to 255 as uint8 or as float32."""
        if dtype == np.uint8:
            return with_bits(self.samples, np.uint8)
        return self.values().astype(np.float32)

    def paint(self, space: ColourSpace | None) -> np.ndarray:
        """What another picture is made of: values in that one's space, nothing transparent."""
        return _values(converted(self._filled, self.space, space))

    def with_values(self, values: np.ndarray) -> Picture:
        """A picture of this one's alpha and space, of values as `values` gives them."""
        samples = values
        if values.dtype != np.uint8:
            samples = np.rint(values.clip(0, 255) * np.float32(257)).astype(np.uint16)
        dtype = samples.dtype.type
        alpha = None if self.alpha is None else with_bits(self.alpha, dtype)
        return Picture(samples, alpha, self.space)

    @cached_property
    def _filled(self):
        """Samples of which those that are transparent are like the nearest that are not."""
        if self.opaque is None or not self.opaque.any():
            return self.samples
        from scipy.ndimage import distance_transform_edt

        nearest = distance_transform_edt(~self.opaque, return_distances=False, return_indices=True)
        return self.samples[tuple(nearest)]


def opaque_pixels(alpha: np.ndarray) -> np.ndarray:
    """Where alpha counts; a soft edge counts to where it has half of what it has most."""
    is_soft = np.unique(alpha).size > _FEW_OPACITIES
    return (alpha > 0) & (alpha >= alpha.max() / 2) if is_soft else alpha > 0


def check_has_something(picture: Picture, name: str) -> None:
    """Raise an `AnalogyError` where all of a picture is transparent."""
    if picture.opaque is not None and not picture.opaque.any():
        raise AnalogyError(
            f"{name}: all of it is transparent; give a picture with something on it, or say by "
            "--background what is behind it"
        )


def background(colour: str | None) -> tuple[int, int, int] | None:
    """A colour by its name, as CSS has them; None for none."""
    return None if colour is None else ImageColor.getrgb(colour)[:3]


def picture_of(samples: np.ndarray, space: ColourSpace | None = None) -> Picture:
    """A picture of samples as a decoder gives them.

    Parameters
    ----------
    samples : array, (height, width, 1, 2, 3 or 4)
        Bool, uint8, uint16, or floating point in [0, 1], which 16 bits are kept of; alpha last.
    space : ColourSpace or None
    """
    if samples.dtype == bool:
        samples = samples * np.uint8(255)
    if samples.dtype.kind == "f":
        samples = np.rint(samples.astype(np.float64) * 65535).astype(np.uint16)
    count = samples.shape[2]
    colour, alpha = (samples, None) if count % 2 else (samples[..., :-1], samples[..., -1])
    if alpha is not None and (alpha == np.iinfo(alpha.dtype).max).all():
        alpha = None
    colour = np.ascontiguousarray(np.broadcast_to(colour, (*colour.shape[:2], 3)))
    return Picture(colour, alpha, space)


def _as_shown(samples, space):
    return converted(with_bits(samples, np.uint8), space, None)


def _values(samples):
    return samples.astype(np.float32) / np.float32(257) if samples.dtype == np.uint16 else samples
