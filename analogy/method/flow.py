"""Flows: how far every pixel goes to its match."""

from __future__ import annotations

import numpy as np


def displacements(field, first_row=0):
    """Displacements of a field of positions.

    Parameters
    ----------
    field : NumPy array, (height, width, 2)
        Positions (y, x) in the other image.
    first_row : int
        First row of the strip, where the field is that of a strip of the image's rows.

    Returns
    -------
    float32 array, (height, width, 2)
        (dx, dy) in pixels.
    """
    rows, columns = field.shape[:2]
    flow = np.empty((rows, columns, 2), np.float32)
    flow[..., 0] = field[..., 1] - np.arange(columns)
    flow[..., 1] = field[..., 0] - np.arange(first_row, first_row + rows)[:, None]
    return flow
