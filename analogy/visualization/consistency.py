"""Whether matches lead back: the two fields of a pair against each other."""

from __future__ import annotations

import numpy as np


def round_trip(nnf, reverse):
    """Distance between each pixel and where its match's own match leads: 0 where they agree.

    ``out[p] = |reverse[nnf[p]] - p|``

    Parameters
    ----------
    nnf : int32 array, (height, width, 2)
        Positions (y, x) in the other map, all inside it.
    reverse : int32 array, (other height, other width, 2)
        Positions in the first map.

    Returns
    -------
    float32 array, (height, width)
        Pixels of the first map.
    """
    back = reverse[nnf[..., 0], nnf[..., 1]]
    here = np.moveaxis(np.indices(nnf.shape[:2]), 0, -1)
    return np.linalg.norm(back - here, axis=-1).astype(np.float32)


def confidence(distance):
    """1 where a match leads back to its pixel, 1/2 where it misses it by one, falling to 0.

    Parameters
    ----------
    distance : float32 array
        Of :func:`round_trip`.

    Returns
    -------
    float32 array
    """
    return 1 / (1 + distance)
