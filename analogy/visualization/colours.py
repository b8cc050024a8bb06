"""Flows and confidences as colours, and the legends that explain them."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import hsv_to_rgb

_CONFIDENCE = colormaps["viridis"]
_CHOICE = colormaps["tab20"]
_ERROR = colormaps["hot"].with_extremes(bad="darkblue")


def flow_colours(flow, radius):
    """Colour of displacements on the wheel of optical flow: hue the direction, depth the length.

    Parameters
    ----------
    flow : float32 array, (height, width, 2)
        (dx, dy); NaN where unknown.
    radius : float
        Length that has full colour; none has white. Longer ones look like this.

    Returns
    -------
    uint8 array, (height, width, 3)
        Black where unknown.
    """
    known = ~np.isnan(flow).any(axis=-1)
    flow = np.where(known[..., None], flow, 0)
    hue = np.arctan2(flow[..., 1], flow[..., 0]) / (2 * np.pi) % 1
    saturation = np.minimum(np.linalg.norm(flow, axis=-1) / radius, 1)
    return _bytes(hsv_to_rgb(np.stack([hue, saturation, known.astype(hue.dtype)], axis=-1)))


def flow_wheel(side):
    """Legend of :func:`flow_colours`: every displacement, seen from the middle, in its colour.

    Parameters
    ----------
    side : int
        Side of the square picture, in pixels. The rim has full colour.

    Returns
    -------
    uint8 array, (side, side, 3)
        White outside the wheel.
    """
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    flow = np.stack([x, y], axis=-1)
    inside = np.linalg.norm(flow, axis=-1, keepdims=True) <= side / 2
    return np.where(inside, flow_colours(flow, side / 2), np.uint8(255))


def confidence_colours(confidence):
    """Colour of confidences: dark where 0, bright where 1.

    Parameters
    ----------
    confidence : float32 array, (height, width)
        In [0, 1].

    Returns
    -------
    uint8 array, (height, width, 3)
    """
    return _bytes(_CONFIDENCE(confidence)[..., :3])


def choice_colours(choice):
    """Colour of which of several was chosen; after twenty they come again.

    Parameters
    ----------
    choice : uint8 array, (height, width)

    Returns
    -------
    uint8 array, (height, width, 3)
    """
    # The ten strong colours first, then their pale ones.
    order = 2 * (choice % 10) + choice // 10 % 2
    return _bytes(_CHOICE(order)[..., :3])


def error_colours(errors, largest):
    """Colour of errors: black where 0, over red and yellow to white at `largest` and beyond.

    Parameters
    ----------
    errors : float array, (height, width)
        NaN where unknown.
    largest : float

    Returns
    -------
    uint8 array, (height, width, 3)
        Blue where unknown.
    """
    return _bytes(_ERROR(np.ma.masked_invalid(errors / largest))[..., :3])


def confidence_bar(width, height):
    """Legend of :func:`confidence_colours`: from 0 at the left to 1 at the right."""
    return confidence_colours(np.tile(np.linspace(0, 1, width), (height, 1)))


def _bytes(values):
    return np.rint(values * 255).astype(np.uint8)
