"""Upsampling of a nearest-neighbour field along the edges of an image.

Where an image is many times larger than it was matched, every pixel that was matched stands for a
square of the image's. Carried over as such squares, matches change along steps instead of the
image's edges. Here each pixel of the image chooses among the matched pixels around it the one whose
colour is most like its own: joint bilateral upsampling (Kopf, Cohen, Lischinski and Uyttendaele,
SIGGRAPH 2007) with a choice in place of the mean, as a mean of two matches is a match with neither.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import (
    FIELD,
    IMAGE,
    INT32,
    UINT8,
    checked,
    extents,
    items,
    positive,
    whole,
)
from analogy_kernels.matching.upsample import FAR, fine_match
from analogy_kernels.target import (
    UNCOUNTED,
    Array,
    Kernel,
    Result,
    Stream,
    cuda,
    element_launch,
    on_target,
)

_HALF = np.float32(0.5)

# A difference in colour that counts as much as a coarse pixel of distance, in grey levels of one
# channel: well above the noise of photographs and the grain of paper.
_COLOUR_WIDTH = 24.0
_COLOUR_SCALE = np.float32(1 / (3 * _COLOUR_WIDTH**2))


def upsample_nnf_guided(
    nnf: Array,
    guide: Array,
    image: Array,
    other_shape: tuple[int, int],
    scale: tuple[float, float],
    other_scale: tuple[float, float],
    out: Array | None = None,
    *,
    first_row: int = 0,
    stream: Stream = None,
) -> Result:
    """Carry a field over to an image: every pixel takes the match of the coarse pixel like it.

    The choice is among the coarse pixel that a pixel lies in and the eight around it, by the square
    of the difference in colour and that of the distance, in coarse pixels; of equal ones the first
    in the order of rows is taken. As in :func:`analogy_kernels.upsample_nnf`, the place of a pixel
    relative to the coarse one is kept within the match, and matches are clamped to the other image.

    Parameters
    ----------
    nnf : int32 array, (coarse height, coarse width, 2)
        Positions (y, x) in the other coarse map.
    guide : uint8 array, (coarse height, coarse width, 3)
        The image, at the size of the field.
    image : uint8 array, (height, width, 3)
        The image itself, or a strip of its rows.
    other_shape : (int, int)
        Height and width of the other image.
    scale, other_scale : (float, float)
        Pixels of the image, and of the other one, in one coarse pixel, (y, x).
    out : int32 array, (height, width, 2), optional
        Written and returned; made anew when absent.
    first_row : int, optional
        Row of the image that `image` and the result start with.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    int32 array, (height, width, 2)
        Positions (y, x) in the other image, all inside it.

    Raises
    ------
    TypeError
        If something is no array, or a number none.
    ValueError
        If the arrays do not fit each other, a scale is not above 0, or `first_row` is negative.

    Notes
    -----
    Some 150 operations a pixel; reads the coarse arrays from caches, and the image once. Allocates
    nothing but the result and does not wait for a device. After Kopf et al. (2007).

    Examples
    --------
    The pixel in the middle looks like the coarse pixel to its right, and takes its match:

    >>> import numpy as np
    >>> from analogy_kernels import upsample_nnf_guided
    >>> grey = np.array([0, 0, 255, 255, 255, 255], np.uint8)
    >>> image, guide = (np.dstack([row[None]] * 3) for row in (grey, grey[[0, 4]]))
    >>> nnf = np.array([[[0, 0], [0, 3]]], np.int32)
    >>> upsample_nnf_guided(nnf, guide, image, (1, 12), (1, 3), (1, 3))[0, :, 1].tolist()
    [0, 1, 8, 9, 10, 11]
    """
    on, nnf, guide, image, out = on_target(
        nnf=nnf, guide=guide, image=image, out=out, stream=stream
    )
    nnf = checked("nnf", nnf, FIELD, INT32)
    guide = checked("guide", guide, (*nnf.shape[:2], 3), UINT8)
    image = checked("image", image, IMAGE, UINT8)
    other_shape, first_row = extents("other_shape", other_shape), whole("first_row", first_row)
    scale, other_scale = (
        items(name, pair, 2, positive)
        for name, pair in (("scale", scale), ("other_scale", other_scale))
    )
    inputs = {"nnf": nnf, "guide": guide, "image": image}
    out = on.out(out, (*image.shape[:2], 2), np.int32, apart_from=inputs)
    scales = map(np.float32, (*scale, *other_scale))
    on.run(guided_kernel, out.shape[:2], nnf, guide, image, first_row, *other_shape, *scales, out)
    return out


@njit(parallel=True, **UNCOUNTED)
def _guided_cpu(
    nnf,
    guide,
    image,
    first_row,
    other_height,
    other_width,
    scale_y,
    scale_x,
    other_scale_y,
    other_scale_x,
    out,
):
    for y in prange(out.shape[0]):
        for x in range(out.shape[1]):
            centre_y = _centre(first_row + y, scale_y)
            centre_x = _centre(x, scale_x)
            near_y, near_x = _most_alike(guide, image, y, x, centre_y, centre_x)
            match_y, match_x = nnf[near_y, near_x, 0], nnf[near_y, near_x, 1]
            out[y, x, 0] = fine_match(
                match_y, centre_y - np.float32(near_y), other_scale_y, other_height
            )
            out[y, x, 1] = fine_match(
                match_x, centre_x - np.float32(near_x), other_scale_x, other_width
            )


@cuda.jit(cache=True)
def _guided_cuda(
    nnf,
    guide,
    image,
    first_row,
    other_height,
    other_width,
    scale_y,
    scale_x,
    other_scale_y,
    other_scale_x,
    out,
):
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        centre_y = _centre(first_row + y, scale_y)
        centre_x = _centre(x, scale_x)
        near_y, near_x = _most_alike(guide, image, y, x, centre_y, centre_x)
        match_y, match_x = nnf[near_y, near_x, 0], nnf[near_y, near_x, 1]
        out[y, x, 0] = fine_match(
            match_y, centre_y - np.float32(near_y), other_scale_y, other_height
        )
        out[y, x, 1] = fine_match(
            match_x, centre_x - np.float32(near_x), other_scale_x, other_width
        )


@register_jitable
def _centre(position, scale):
    """Middle of a pixel, in coarse pixels."""
    return min((np.float32(position) + _HALF) / scale, FAR)


@register_jitable
def _most_alike(guide, image, y, x, centre_y, centre_x):
    """Coarse pixel around a position, in coarse pixels, that is most like a pixel."""
    height, width = guide.shape[0], guide.shape[1]
    own_y = min(int(centre_y), height - 1)
    own_x = min(int(centre_x), width - 1)
    best, best_y, best_x = np.float32(np.inf), own_y, own_x
    for near_y in range(max(own_y - 1, 0), min(own_y + 2, height)):
        for near_x in range(max(own_x - 1, 0), min(own_x + 2, width)):
            away_y = centre_y - (np.float32(near_y) + _HALF)
            away_x = centre_x - (np.float32(near_x) + _HALF)
            difference = _squared_difference(guide, image, y, x, near_y, near_x)
            unlikeness = away_y * away_y + away_x * away_x + difference * _COLOUR_SCALE
            if unlikeness < best:
                best, best_y, best_x = unlikeness, near_y, near_x
    return best_y, best_x


@register_jitable
def _squared_difference(guide, image, y, x, near_y, near_x):
    total = 0
    for c in range(3):
        difference = np.int32(image[y, x, c]) - np.int32(guide[near_y, near_x, c])
        total += difference * difference
    return np.float32(total)


#: Kernel of :func:`analogy_kernels.upsample_nnf_guided`. Extents: height, width.
guided_kernel = Kernel(_guided_cpu, _guided_cuda, element_launch)
