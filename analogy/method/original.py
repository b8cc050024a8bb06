"""Results for an image as it is, of those for copies of it in several poses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analogy.method.composition import choose, compose, picked
from analogy.method.search import Matches
from analogy.method.sheets import Sheets
from analogy_kernels.target import target_of


class Direction(NamedTuple):
    """What comes out for one image.

    Attributes
    ----------
    image : uint8 or float32 array, (height, width, 3)
        From 0 to 255.
    flow : float32 array, (height, width, 2)
        (dx, dy) in pixels.
    confidence : uint8 array, (height, width)
    """

    image: np.ndarray
    flow: np.ndarray
    confidence: np.ndarray


def matches_in_original(sheets: Sheets, matches: Matches, shape: tuple[int, int]) -> Matches:
    """Matches with all sheets as matches with the image: each of its pixels by its best copy.

    Parameters
    ----------
    sheets : Sheets
    matches : Matches
        At some level, with costs; `ba` has all sheets.
    shape : (int, int)
        Height and width of the image at that level.

    Returns
    -------
    Matches
        Where `matches` are.
    """
    on = target_of(matches.ab)
    ab, ba, cost_ba = (on.to_host(one) for one in (matches.ab, matches.ba, matches.cost_ba))
    per_pixel = np.divide(sheets.original.shape[:2], shape)
    places, _ = sheets.places_in_original(_at_full_size(ab, sheets, ba.shape))
    ours = _pixels((places + 0.5) / per_pixel - 0.5, shape)
    seen = _seen(sheets, (_grid(shape) + 0.5) * per_pixel - 0.5, ba.shape)
    costs = [cost_ba[at] for at in seen]
    best = np.argmin(costs, axis=0).astype(np.uint8)
    theirs = picked([ba[at] for at in seen], best)
    cost = picked(costs, best)
    return Matches(on.asarray(ours), on.asarray(theirs), matches.cost_ab, on.asarray(cost))


def poses_of_matches(sheets: Sheets, matches: Matches, shape: tuple[int, int]) -> np.ndarray:
    """Which copy each pixel of A, of a height and width, is matched with; uint8 array."""
    on = target_of(matches.ab)
    places = _at_full_size(on.to_host(matches.ab), sheets, matches.ba.shape)
    _, found = sheets.places_in_original(places)
    rows, columns = (
        np.arange(side) * small // side for side, small in zip(shape, found.shape, strict=True)
    )
    return found[np.ix_(rows, columns)]


def flow_to_original(sheets: Sheets, flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where in the image a flow into its sheets leads, and to which of them.

    Parameters
    ----------
    sheets : Sheets
    flow : float32 array, (height, width, 2)
        (dx, dy) in pixels.

    Returns
    -------
    flow : float32 array, (height, width, 2)
        (dx, dy) into the image.
    sheets : uint8 array, (height, width)
    """
    pixels = _grid(flow.shape[:2])
    places, found = sheets.places_in_original(pixels + flow[..., ::-1])
    return (places - pixels)[..., ::-1].astype(np.float32), found


def from_copies(sheets: Sheets, copies: Direction, matches: Matches, vote_side: int) -> Direction:
    """Put what comes out for an image together of what does for its copies.

    Every pixel is that of the copy whose matches cost least around it.

    Parameters
    ----------
    sheets : Sheets
    copies : Direction
        For :attr:`Sheets.image`.
    matches : Matches
        With all sheets, with costs.
    vote_side : int
        Side of the patches over which one copy passes into another, in pixels.

    Returns
    -------
    Direction
        For :attr:`Sheets.original`.
    """
    shape = sheets.original.shape[:2]
    pixels = _grid(shape)
    choice = choose(_costs(sheets, matches), shape)
    on_sheets = [sheets.places_on_sheet(pixels, index) for index in range(len(sheets.copies))]
    images = [_interpolated(copies.image, places) for places in on_sheets]
    seen = [_index(_pixels(places, sheets.image.shape[:2])) for places in on_sheets]
    # Where the pixel of a copy leads, seen from the pixel of the image.
    flows = [copies.flow[at] + (np.stack(at, -1) - pixels)[..., ::-1] for at in seen]
    return Direction(
        compose(images, choice, vote_side),
        picked(flows, choice).astype(np.float32),
        picked([copies.confidence[at] for at in seen], choice),
    )


def _costs(sheets, matches):
    """Costs of the matches of each copy, at the image's place and about the size of the level."""
    costs = target_of(matches.cost_ba).to_host(matches.cost_ba)
    share = costs.shape[1] / sheets.image.shape[1]
    shape = tuple(max(round(side * share), 1) for side in sheets.original.shape[:2])
    per_pixel = np.divide(sheets.original.shape[:2], shape)
    places = (_grid(shape) + 0.5) * per_pixel - 0.5
    return [costs[at] for at in _seen(sheets, places, costs.shape)]


def _grid(shape):
    """(y, x) of every pixel."""
    return np.moveaxis(np.indices(shape), 0, -1)


def _at_full_size(field, sheets, of):
    """Places in maps of all sheets as places in their image."""
    return (field + 0.5) * np.divide(sheets.image.shape[:2], of[:2]) - 0.5


def _seen(sheets, places, of):
    """Pixels (y, x), of maps of all sheets, that show places in the image: one for each copy."""
    per_pixel = np.divide(sheets.image.shape[:2], of[:2])
    found = []
    for index in range(len(sheets.copies)):
        on_sheet = (sheets.places_on_sheet(places, index) + 0.5) / per_pixel - 0.5
        found.append(_index(_pixels(on_sheet, of[:2])))
    return found


def _index(pixels):
    """What pixels (y, x) are fetched from a map by."""
    return tuple(np.moveaxis(pixels, -1, 0))


def _pixels(places, shape):
    """The pixels that places lie in, of a map of `shape`."""
    return np.clip(np.rint(places), 0, np.subtract(shape, 1)).astype(np.int32)


def _interpolated(image, places):
    """An image's colours at places in it."""
    from scipy.ndimage import map_coordinates

    at = np.moveaxis(places, -1, 0)
    planes = [
        map_coordinates(plane, at, np.float32, order=1, mode="nearest")
        for plane in np.moveaxis(image, -1, 0)
    ]
    found = np.stack(planes, axis=-1)
    return np.rint(found).astype(np.uint8) if image.dtype == np.uint8 else found
