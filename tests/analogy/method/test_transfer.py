import logging
from dataclasses import replace

import numba
import numpy as np
import pytest
from skimage import data

from analogy import PRESETS, AnalogyError, Masks, Session, transfer
from analogy.images import resize
from analogy.method.stages import COMPILING, PREPARATION

SESSION = Session(device="cpu")
POINTS = np.array([(12, 20, 50, 30), (40, 33, 20, 11)])


def quick(preset):
    return replace(
        PRESETS[preset],
        search_iterations=(2,) * 5,
        deconv_iterations=2,
        first_scale=PRESETS[preset].first_scale and 48,
    )


@pytest.fixture(scope="module")
def images():
    return resize(data.astronaut(), (72, 64)), resize(data.coffee(), (48, 70))


def assert_held(found, points, slack=1):
    for ax, ay, bx, by in points:
        assert np.abs(found.flow_ab[ay, ax] - (bx - ax, by - ay)).max() <= slack
        assert np.abs(found.flow_ba[by, bx] - (ax - bx, ay - by)).max() <= slack


@pytest.mark.parametrize("preset", ["default", "matches", "flow"])
def test_points_are_held_both_ways(images, preset):
    assert_held(transfer(*images, quick(preset), session=SESSION, points=POINTS), POINTS)


@pytest.mark.parametrize(
    "change",
    [
        {"single_direction": True},
        {"fill_unreliable": True},
        {"independent_levels": True},
        {"first_scale": None},
        {"reconstruction": "resampling", "initialization": "identity"},
    ],
)
def test_points_are_held_however_it_is_matched(images, change):
    parameters = replace(quick("default"), **change)

    assert_held(transfer(*images, parameters, session=SESSION, points=POINTS), POINTS)


def test_points_are_held_at_the_size_of_the_matching(images):
    parameters = replace(quick("default"), ratio=0.7, finest_level=2)

    found = transfer(*images, parameters, session=SESSION, points=POINTS)

    # A pixel of level 2 covers 2 / 0.7 of the image's.
    assert_held(found, POINTS, 2 / 0.7)


def test_points_that_contradict_each_other_are_told_and_crash_nothing(images, caplog):
    corners = [(0, 0, 69, 47), (0, 0, 0, 0), (63, 71, 0, 0), (0, 0, 0, 47)]

    with caplog.at_level(logging.WARNING):
        found = transfer(*images, quick("matches"), session=SESSION, points=corners)

    assert np.isfinite(found.flow_ab).all()
    assert "points[0] and points[1] contradict each other" in caplog.text


def test_labels_win_over_points(images):
    a, b_prime = images
    labels = [np.ones(image.shape[:2], int) for image in images]
    labels[0][:, 32:], labels[1][:, 35:] = 2, 2

    # From label 1 to label 2.
    found = transfer(
        a, b_prime, quick("default"), session=SESSION, masks=Masks(*labels), points=POINTS[:1]
    )

    assert (np.arange(30) + found.flow_ab[:, :30, 0] < 36).all()


def test_points_outside_are_refused_before_anything_is_computed(images):
    with pytest.raises(AnalogyError, match=r"points\[0\]: \(64, 0\) is outside A"):
        transfer(*images, session=SESSION, points=[(64, 0, 0, 0)])


@pytest.mark.parametrize("preset", ["default", "matches"])
@pytest.mark.parametrize("side", [0, 1])
def test_of_two_things_alike_the_point_names_one(preset, side):
    """The share of the thing's pixels that go to the one named, for either of two."""
    thing = resize(data.astronaut()[20:220, 150:300], (64, 48))
    a = np.pad(thing, ((8, 8), (24, 24), (0, 0)), constant_values=200)
    b_prime = np.concatenate([thing, np.full((64, 16, 3), 200, np.uint8), thing], axis=1)
    left = 64 * side
    point = [(24 + 24, 8 + 28, left + 24, 28)]

    found = transfer(a, b_prime, quick(preset), session=SESSION, points=point)

    columns = np.arange(24, 72) + found.flow_ab[8:72, 24:72, 0]
    assert ((columns >= left) & (columns < left + 48)).mean() > 0.8


def told_of(images, session):
    told = []
    transfer(*images, quick("default"), session=session, progress=lambda *at: told.append(at))
    return [fraction for fraction, _ in told], [stage for _, stage in told]


def test_progress_never_falls_and_compiling_is_told_only_where_it_compiles(images):
    # What the first compiles the second finds compiled.
    transfer(*images, quick("default"), session=SESSION)
    fractions, stages = told_of(images, Session(device="cpu"))

    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert PREPARATION in stages
    assert COMPILING not in stages


def test_compiling_is_told_while_it_compiles(images, monkeypatch):
    def compile_something(session, parameters):
        numba.njit(lambda number: number + 1)(1)

    monkeypatch.setattr(Session, "warm_up", compile_something)
    _, stages = told_of(images, SESSION)

    began = stages.index(PREPARATION)
    assert stages[began : began + 2] == [PREPARATION, COMPILING]
    assert set(stages[began + 2 :]).isdisjoint({COMPILING})
