"""Transfers whose B' is matched by copies of it."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from skimage import data

from analogy import PRESETS, Masks, Session, transfer
from analogy.images import resize
from analogy.method.memory_estimate import estimate_memory
from analogy.method.poses import Pose, copy_of

SESSION = Session(device="cpu")
SIDE = 80
QUICK = replace(
    PRESETS["default"],
    search_iterations=(3,) * 5,
    deconv_iterations=2,
    first_scale=56,
    pose="auto",
)


@pytest.fixture(scope="module")
def a():
    return resize(data.chelsea()[:, 60:360], (SIDE, SIDE))


@pytest.fixture(scope="module")
def mirrored(a):
    levels = []
    found = transfer(a, a[:, ::-1], QUICK, session=SESSION, on_level=levels.append)
    return found, levels


def distance(flow, truth):
    """Median distance, in pixels, between where a flow leads and the truth, places (y, x)."""
    grid = np.moveaxis(np.indices(flow.shape[:2]), 0, -1)
    return np.median(np.linalg.norm(grid + flow[..., ::-1] - truth, axis=-1))


def places_mirrored(shape):
    grid = np.moveaxis(np.indices(shape), 0, -1)
    return np.stack([grid[..., 0], shape[1] - 1 - grid[..., 1]], -1)


def test_flows_lead_to_what_is_mirrored_and_back(mirrored):
    found, _ = mirrored

    truth = places_mirrored((SIDE, SIDE))
    assert distance(found.flow_ab, truth) <= 1
    assert distance(found.flow_ba, truth) <= 1


def test_without_copies_they_do_not(a):
    found = transfer(a, a[:, ::-1], replace(QUICK, pose="none"), session=SESSION)

    assert distance(found.flow_ab, places_mirrored((SIDE, SIDE))) > 5
    assert found.poses is None
    assert "poses" not in found.record


def test_both_pictures_look_as_their_own_structure_does(a, mirrored):
    found, _ = mirrored

    # Of one and the same picture both are what they are of, to within a few grey levels.
    assert np.abs(found.a_prime.astype(float) - a).mean() < 4
    assert np.abs(found.b.astype(float) - a[:, ::-1]).mean() < 4


def test_the_record_tells_the_pose(mirrored):
    found, _ = mirrored

    assert found.record["poses"][0]["mirrored"]
    assert (found.poses == 0).all()
    assert found.record["sizes"][-1] == [[SIDE, SIDE], [SIDE, SIDE]]


def test_levels_are_told_in_terms_of_the_image(mirrored):
    _, levels = mirrored

    for state in levels:
        side = -(-SIDE // 2 ** (state.level - 1))
        assert state.matches.ab.shape == state.matches.ba.shape == (side, side, 2)
    assert (levels[-1].matches.ab >= 0).all()
    assert (levels[-1].matches.ab < SIDE).all()


def test_upright_strokes_come_from_the_image_as_it_is(a):
    striped = a[:, ::-1].copy()
    striped[::2] = 0

    found = transfer(a, striped, replace(QUICK, upright_strokes=True), session=SESSION)

    assert found.poses is not None
    # Each pixel is one of the image, at where its flow leads.
    at = np.moveaxis(np.indices((SIDE, SIDE)), 0, -1) + np.rint(found.flow_ab[..., ::-1]).astype(
        int
    )
    assert np.abs(found.a_prime - striped[tuple(np.moveaxis(at, -1, 0))].astype(float)).mean() < 20


def test_what_is_turned_and_does_not_fill_its_copy(a):
    turned = copy_of(a, Pose(turn=90))

    found = transfer(a, turned.image, QUICK, session=SESSION)

    truth = turned.places_in_copy(np.moveaxis(np.indices((SIDE, SIDE)), 0, -1))
    assert distance(found.flow_ab, truth) <= 2
    height, width = turned.image.shape[:2]
    places = np.moveaxis(np.indices((SIDE, SIDE)), 0, -1) + found.flow_ab[..., ::-1]
    assert (places > -0.5).all()
    assert (places < (height - 0.5, width - 0.5)).all()


def test_points_are_held_with_a_copy(a):
    points = [(20, 30, SIDE - 1 - 25, 30)]

    found = transfer(a, a[:, ::-1], QUICK, session=SESSION, points=points)

    assert found.poses is not None
    ((ax, ay, bx, by),) = points
    assert np.abs(found.flow_ab[ay, ax] - (bx - ax, by - ay)).max() <= 1
    assert np.abs(found.flow_ba[by, bx] - (ax - bx, ay - by)).max() <= 1


def test_labels_keep_everything_upright(a):
    labels = np.ones((SIDE, SIDE), int)

    found = transfer(a, a[:, ::-1], QUICK, session=SESSION, masks=Masks(labels, labels))

    assert found.poses is None


def test_what_is_kept_is_kept(a):
    keep = np.zeros((SIDE, SIDE), int)
    keep[:20] = 1

    found = transfer(a, 255 - a[:, ::-1], QUICK, session=SESSION, masks=Masks(keep=keep))

    assert found.poses is not None
    np.testing.assert_array_equal(found.a_prime[:20], a[:20])


def test_without_memory_for_a_copy_b_is_matched_as_it_is(a, caplog):
    caplog.set_level(logging.INFO)
    # A turned copy has about twice the pixels, at full size and in every map.
    turned = copy_of(a, Pose(turn=45)).image
    needed = estimate_memory(a.shape[:2], turned.shape[:2], max_side=700)
    session = Session(device="cpu", memory=needed)

    found = transfer(a, turned, QUICK, session=session)

    assert found.poses is None
    assert "memory does not hold B' in 1 poses" in caplog.text
