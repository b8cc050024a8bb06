"""Flow and errors of flow as pictures."""

from __future__ import annotations

import numpy as np

# Baker et al. (2011): red, yellow, green, cyan, blue, magenta and red again around the circle,
# and where on it each begins, of 55 steps.
_WHEEL = np.array(
    [
        (255, 0, 0),
        (255, 255, 0),
        (0, 255, 0),
        (0, 255, 255),
        (0, 0, 255),
        (255, 0, 255),
        (255, 0, 0),
    ]
)
_WHEEL_STARTS = np.cumsum([0, 15, 6, 4, 11, 13, 6])

_HEAT = np.array([(0, 0, 0), (200, 0, 0), (255, 200, 0), (255, 255, 255)])
_UNKNOWN_ERROR = (0, 0, 120)


def flow_image(flow, largest):
    """Directions as hues and lengths as saturations, as Middlebury's pictures have them.

    Parameters
    ----------
    flow : array, (height, width, 2)
        (dx, dy); NaN where unknown.
    largest : float
        Length of full saturation; longer ones are darkened.

    Returns
    -------
    uint8 array, (height, width, 3)
        Black where unknown.
    """
    unknown = np.isnan(flow).any(axis=-1, keepdims=True)
    dx, dy = np.moveaxis(np.where(unknown, 0, flow), -1, 0) / max(largest, np.finfo(float).tiny)
    length = np.hypot(dx, dy)[..., np.newaxis]
    turn = (np.arctan2(-dy, -dx) / np.pi + 1) / 2
    hue = _interpolate(turn * (_WHEEL_STARTS[-1] - 1), _WHEEL_STARTS, _WHEEL)
    colours = np.where(length <= 1, 255 - length * (255 - hue), 0.75 * hue)
    return np.where(unknown, 0, colours).astype(np.uint8)


def error_image(errors, largest):
    """Errors from black over red and yellow to white at `largest`; blue where unknown.

    Parameters
    ----------
    errors : array, (height, width)
        NaN where unknown.
    largest : float

    Returns
    -------
    uint8 array, (height, width, 3)
    """
    heat = _interpolate(errors / largest, np.linspace(0, 1, len(_HEAT)), _HEAT)
    return np.where(np.isnan(errors)[..., np.newaxis], _UNKNOWN_ERROR, heat).astype(np.uint8)


def _interpolate(values, places, colours):
    channels = [np.interp(np.nan_to_num(values), places, channel) for channel in colours.T]
    return np.stack(channels, axis=-1)
