"""How much memory a transfer takes, and which size fits."""

from __future__ import annotations

from analogy.errors import AnalogyError
from analogy.images.sizes import BYTES_PER_PIXEL, MINIMUM_SIDE, matching_shape
from analogy.system.memory import available_memory

MIB = 2**20

# Interpreter, compiled kernels, ONNX Runtime and the weights.
FIXED_BYTES = 500 * MIB

_FLOAT = 4
_LEVEL_1 = 64 * _FLOAT

# Bytes per pixel of one image as matched, where float32 maps of relu1_1 (64 channels, full size)
# outweigh everything: level 2 has half their size, level 3 a quarter, and so on.
BYTES_PER_MATCHED_PIXEL = {
    # relu1_1 .. relu5_1: 64 + 128/4 + 256/16 + 512/64 + 512/256 channels a pixel.
    "features of five levels": 122 * _FLOAT,
    # The reconstructed map of a level and the normalised copies of both maps.
    "maps being matched": 3 * _LEVEL_1,
}

# Bytes per matched pixel of the larger image: the two directions take turns.
BYTES_PER_DECONVOLVED_PIXEL = {
    # Point, trial point, four directions and five gradients.
    "L-BFGS vectors at level 1": 11 * _LEVEL_1,
    # Outputs and gradients of conv1_2 .. conv3_1, below them the pooled maps.
    "layers between levels 1 and 3": 4 * _LEVEL_1,
}

# Bytes per pixel of the larger image at its own size, while it is refined: the deconvolutions are
# over then. Measured: systems, eliminations and values of three channels at all levels.
BYTES_PER_REFINED_PIXEL = 180


class NotEnoughMemoryError(AnalogyError):
    """A transfer does not fit into memory."""


def estimate_memory(shape_a, shape_b, ratio=1.0, max_side=None, refine=False):
    """Peak resident memory of one transfer, in bytes.

    Parameters
    ----------
    shape_a, shape_b : (int, int)
        Height and width of the images in pixels.
    ratio : float
        Scale at which they are matched, in (0, 1].
    max_side : int or None
        Longest side when matching, in pixels.
    refine : bool
        Whether the results are refined too.

    Returns
    -------
    int

    Raises
    ------
    AnalogyError
        If a side would be matched at under 32 pixels.
    """
    matched = [
        _area(matching_shape(shape, ratio, max_side, name))
        for shape, name in ((shape_a, "A"), (shape_b, "B'"))
    ]
    return _bytes((_area(shape_a), _area(shape_b)), matched, refine)


def has_room(shapes, matched, available=None, refine=False):
    """Tell whether a transfer fits into memory whose sizes of matching are known.

    Parameters
    ----------
    shapes, matched : pairs of (int, int)
        Height and width of A and of B', or of its copies, themselves and as they are matched.
    available : int or None
        As for :func:`check_memory`.
    refine : bool

    Returns
    -------
    bool
    """
    available = available_memory() if available is None else available
    return _bytes([*map(_area, shapes)], [*map(_area, matched)], refine) <= available


def _bytes(areas, matched, refine):
    """Bytes for two images of these numbers of pixels, and of so many as they are matched."""
    deconvolved = max(matched) * sum(BYTES_PER_DECONVOLVED_PIXEL.values())
    refined = max(areas) * BYTES_PER_REFINED_PIXEL if refine else 0
    return (
        FIXED_BYTES
        + sum(areas) * BYTES_PER_PIXEL
        + sum(matched) * sum(BYTES_PER_MATCHED_PIXEL.values())
        + max(deconvolved, refined)
    )


def check_memory(shape_a, shape_b, ratio=1.0, max_side=None, available=None, refine=False):
    """Raise unless a transfer of this size fits into memory.

    Parameters
    ----------
    shape_a, shape_b, ratio, max_side, refine
        As for :func:`estimate_memory`.
    available : int or None
        Bytes that may be used; what the machine has free now when None.

    Raises
    ------
    NotEnoughMemoryError
        If it does not fit; the message says which ``--ratio`` does, or which ``--max-side`` where
        the ratio would make the smaller image too small.
    """
    available = available_memory() if available is None else available
    needed = estimate_memory(shape_a, shape_b, ratio, max_side, refine)
    if needed <= available:
        return
    raise NotEnoughMemoryError(
        f"not enough memory: about {needed / MIB:.0f} MiB needed, {available / MIB:.0f} MiB free; "
        + _remedy(shape_a, shape_b, ratio, max_side, available, refine)
    )


def _remedy(shape_a, shape_b, ratio, max_side, available, refine):
    def fits(ratio, max_side):
        try:
            return estimate_memory(shape_a, shape_b, ratio, max_side, refine) <= available
        except AnalogyError:
            return False

    for percent in range(int(ratio * 100), 0, -1):
        if fits(percent / 100, max_side):
            return f"--ratio {percent / 100:.2f} fits"
    longest_side = max(*shape_a, *shape_b)
    for side in range(longest_side - longest_side % 16, MINIMUM_SIDE, -16):
        if fits(ratio, side):
            return f"--max-side {side} fits"
    return "give smaller images"


def _area(shape):
    height, width = shape
    return height * width
