import numpy as np
import pytest

from analogy.method.original import (
    Direction,
    flow_to_original,
    from_copies,
    matches_in_original,
    poses_of_matches,
)
from analogy.method.poses import UPRIGHT, Pose
from analogy.method.search import Matches
from analogy.method.sheets import sheets_of

SHAPE = 32, 48


@pytest.fixture
def sheets(random):
    image = random.integers(0, 256, (*SHAPE, 3)).astype(np.uint8)
    return sheets_of(image, (UPRIGHT, Pose(True)))


@pytest.fixture
def matches(sheets, target, random):
    """Of a map as large as the image with the sheets; the second costs less."""
    grid = np.moveaxis(np.indices(SHAPE), 0, -1)
    mirrored = sheets.places_on_sheet(grid, 1)
    ab = np.where((grid[..., 1:] < 24), mirrored, sheets.places_on_sheet(grid, 0))
    ba = random.integers(0, 32, (*sheets.image.shape[:2], 2))
    cost_ba = np.ones(sheets.image.shape[:2], np.float32)
    cost_ba[sheets.shape[0] :] = 0
    arrays = ab.astype(np.int32), ba.astype(np.int32), np.zeros(SHAPE, np.float32), cost_ba
    return Matches(*map(target.asarray, arrays))


def test_matches_with_any_copy_are_matches_with_the_image(sheets, matches, target):
    found = matches_in_original(sheets, matches, SHAPE)

    # Both copies were matched at each pixel's own place.
    grid = np.moveaxis(np.indices(SHAPE), 0, -1)
    np.testing.assert_array_equal(target.to_host(found.ab), grid)
    ba = target.to_host(matches.ba)[sheets.shape[0] :][: SHAPE[0], : SHAPE[1]]
    np.testing.assert_array_equal(target.to_host(found.ba), ba[:, ::-1])
    assert not target.to_host(found.cost_ba).any()


def test_each_pixel_knows_its_copy(sheets, matches):
    poses = poses_of_matches(sheets, matches, (64, 96))

    assert (poses[:, :48] == 1).all()
    assert (poses[:, 48:] == 0).all()


def test_a_flow_into_a_copy_is_one_into_the_image(sheets):
    grid = np.moveaxis(np.indices(SHAPE), 0, -1)
    flow = (sheets.places_on_sheet(grid, 1) - grid)[..., ::-1].astype(np.float32)

    found, poses = flow_to_original(sheets, flow)

    np.testing.assert_allclose(found, 0, atol=1e-4)
    assert (poses == 1).all()


def test_a_copys_result_is_brought_back(sheets, matches):
    shape = sheets.image.shape[:2]
    pixels = np.moveaxis(np.indices(shape), 0, -1)
    # What comes out for each copy is the copy; every pixel leads to the upper left one of A.
    copies = Direction(
        sheets.image, -pixels[..., ::-1].astype(np.float32), np.full(shape, 9, np.uint8)
    )

    found = from_copies(sheets, copies, matches, 3)

    np.testing.assert_array_equal(found.image, sheets.original)
    grid = np.moveaxis(np.indices(SHAPE), 0, -1)
    np.testing.assert_allclose(found.flow, -grid[..., ::-1], atol=1e-4)
    assert (found.confidence == 9).all()
