import dataclasses
import functools

import numpy as np
import pytest

from analogy import AnalogyError, Parameters, Session
from analogy.video import VideoParameters, transfer_video
from tests.analogy.video.film import QUICK, castle, church

SESSION = Session(device="cpu")


@functools.cache
def run(**change):
    video = VideoParameters(**change)
    return list(transfer_video(castle(), church(), QUICK, video=video, session=SESSION))


def gradients(picture):
    grey = picture.mean(axis=-1)
    return np.concatenate([np.diff(grey, axis=axis).ravel() for axis in range(2)])


def inconsistency(frames):
    return np.mean([frame.inconsistency for frame in frames[1:]])


def test_the_warm_start_at_least_halves_what_changes_from_frame_to_frame():
    assert inconsistency(run()) < inconsistency(run(warm_start=False)) / 2


def test_the_warm_start_costs_no_quality():
    """The mean cost of two equal patches is -2; what one more iteration changes is 0.01."""
    costs, independent = (
        [frame.cost for frame in run(**change)] for change in ({}, {"warm_start": False})
    )
    assert np.mean(costs) < np.mean(independent) + 0.01


def test_frames_that_follow_stay_sharper_by_votes_that_agree():
    """What that costs in steadiness is less than what it gains in sharpness, twice over."""
    narrow, wide = run(), run(vote_width=40.0)
    sharp, soft = (
        np.mean([np.abs(gradients(frame.a_prime)).mean() for frame in frames[1:]])
        for frames in (narrow, wide)
    )

    np.testing.assert_array_equal(narrow[0].a_prime, wide[0].a_prime)
    np.testing.assert_array_equal(narrow[2].flow, wide[2].flow)
    assert sharp > 1.01 * soft
    assert inconsistency(narrow) / inconsistency(wide) < 1 + 2 * (sharp / soft - 1)


def test_only_the_first_frame_is_matched_afresh():
    assert [frame.is_fresh for frame in run()] == [True, False, False]
    assert [frame.is_fresh for frame in run(warm_start=False)] == [True] * 3
    assert run()[0].reliable is None
    assert all(frame.reliable > 0.9 for frame in run()[1:])


def test_frames_have_their_size_and_lead_into_the_style():
    for frame, result in zip(castle(), run(), strict=True):
        assert result.a_prime.shape == frame.shape
        assert result.a_prime.dtype == np.uint8
        positions = result.flow[..., ::-1] + np.moveaxis(np.indices(frame.shape[:2]), 0, -1)
        assert (positions >= 0).all()
        assert (positions < church().shape[:2]).all()


def test_what_changes_is_the_mean_where_the_frame_has_come_from_the_one_before():
    """Against pictures and motion put together here: the example moves by a known step."""
    _, second, third = run()
    moved = np.abs(third.a_prime[:-1, :-2].astype(float) - second.a_prime[1:, 2:])

    # The step is 1 and 1.5 pixels, of which this takes 1 and 2.
    assert moved.mean() > third.inconsistency > moved.mean() / 4


def test_a_cut_starts_afresh():
    frames = [*castle()[:2], np.ascontiguousarray(castle()[2][::-1, ::-1])]
    results = list(transfer_video(frames, church(), QUICK, session=SESSION))

    assert [frame.is_fresh for frame in results] == [True, False, True]
    assert results[2].inconsistency is None
    assert results[2].reliable < VideoParameters().least_reliable


def test_blending_changes_less_from_frame_to_frame():
    assert inconsistency(run(blend=0.5)) < 0.8 * inconsistency(run())


def test_frames_are_taken_one_at_a_time():
    taken = []

    def frames():
        for frame in castle():
            taken.append(frame)
            yield frame[:36, :40]

    results = transfer_video(frames(), church(), QUICK, session=SESSION)
    next(results)
    assert len(taken) == 1


def test_results_have_the_frames_size_where_matching_is_smaller():
    parameters = dataclasses.replace(QUICK, ratio=0.75, finest_level=2)
    results = list(transfer_video(castle()[:2], church(), parameters, session=SESSION))

    assert results[1].a_prime.shape == castle()[1].shape
    assert not results[1].is_fresh


def test_refined_frames_have_the_detail_of_the_film():
    parameters = dataclasses.replace(QUICK, refine=True)
    refined = list(transfer_video(castle()[:2], church(), parameters, session=SESSION))[1]

    own = gradients(castle()[1])
    likeness = [
        np.corrcoef(own, gradients(picture))[0, 1]
        for picture in (refined.a_prime, run()[1].a_prime)
    ]
    assert not refined.is_fresh
    assert likeness[0] > 0.9 > likeness[1] + 0.1


def test_frames_of_two_sizes_are_refused():
    frames = [castle()[0][:40, :40], castle()[1][:36, :40]]
    results = transfer_video(frames, church(), QUICK, session=SESSION)
    next(results)
    with pytest.raises(AnalogyError, match="frame 2: 40 x 36 px where the one before has 40 x 40"):
        next(results)


def test_what_is_for_single_images_is_refused():
    with pytest.raises(AnalogyError, match="smoothing is not for video"):
        next(transfer_video(castle(), church(), Parameters(smoothing=3), session=SESSION))


def test_points_of_the_first_frame_lead_its_matches_alone():
    point = [(30, 25, 10, 50)]
    first, second, _ = transfer_video(castle(), church(), QUICK, session=SESSION, points=point)

    assert np.abs(first.flow[25, 30] - (10 - 30, 50 - 25)).max() <= 1
    assert (first.flow != run()[0].flow).any()
    assert not second.is_fresh
