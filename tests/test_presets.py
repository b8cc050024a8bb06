"""What each preset is for, on two small portraits: a test fails where its stage is switched off."""

import dataclasses
import functools

import numpy as np
import pytest
from skimage import data

import analogy
from analogy.images import resize
from analogy.parameters import BLEND_WEIGHTS, PRESETS
from tests import oracles
from tests.test_end_to_end import recoloured

_LUMA = (0.299, 0.587, 0.114)


@functools.cache
def portraits():
    """A face that fills the picture, and the same in other colours, mirrored."""
    face = data.astronaut()[20:220, 130:320]
    return resize(face, (72, 66)), resize(recoloured(face), (64, 72))[:, ::-1].copy()


@functools.cache
def run(preset, **change):
    parameters = dataclasses.replace(PRESETS[preset], **change)
    return analogy.transfer(*portraits(), parameters, device="cpu")


def likeness(one, other):
    """Correlation of two images' gradients: how much of one's structure the other has."""
    steps = [
        np.concatenate([np.diff(image @ _LUMA, axis=axis).ravel() for axis in range(2)])
        for image in (one, other)
    ]
    return np.corrcoef(*steps)[0, 1]


def test_photo2photo_takes_colours_and_keeps_the_detail():
    a, b_prime = portraits()
    result = run("photo2photo")

    for refined, unrefined, own, other in (
        (result.a_prime_refined, result.a_prime, a, b_prime),
        (result.b_refined, result.b, b_prime, a),
    ):
        assert likeness(refined, own) > 0.9 > likeness(unrefined, own) + 0.1
        own_colour, other_colour, colour = (x.mean(axis=(0, 1)) for x in (own, other, refined))
        moved = np.linalg.norm(colour - other_colour) / np.linalg.norm(own_colour - other_colour)
        assert moved < 0.25
    assert result.record["seconds"]["refinement"] > 0


@pytest.mark.parametrize("ratio", [1.0, 0.5])
def test_larger_weights_keep_more_of_the_structure(ratio):
    a, b_prime = portraits()
    usual, kept = (run("matches", alphas=BLEND_WEIGHTS[weight], ratio=ratio) for weight in (2, 3))

    assert likeness(kept.a_prime, a) > likeness(usual.a_prime, a) + 0.03
    assert likeness(kept.b, b_prime) > likeness(usual.b, b_prime) + 0.03


@pytest.mark.parametrize("preset", ["default", "style2style", "matches", "authors"])
def test_other_presets_refine_nothing(preset):
    result = run(preset)

    assert result.a_prime_refined is None
    assert result.b_refined is None


def moves_by_pairs_of_pixels(flow, other_shape):
    """Tell whether all moves inside the other image are by even numbers of pixels."""
    positions = np.moveaxis(np.indices(flow.shape[:2]), 0, -1) + flow[..., ::-1]
    inside = ((positions > 0) & (positions < np.subtract(other_shape[:2], 1))).all(axis=-1)
    return (flow[inside] % 2 == 0).all()


@pytest.mark.parametrize(("ratio", "halved"), [(0.5, True), (1.0, False)])
def test_ratio_decides_the_scale_of_matching(ratio, halved):
    a, b_prime = portraits()
    result = run("matches", ratio=ratio)

    assert moves_by_pairs_of_pixels(result.flow_ab, b_prime.shape) == halved
    assert moves_by_pairs_of_pixels(result.flow_ba, a.shape) == halved
    matched = [[36, 33], [32, 36]] if halved else [[72, 66], [64, 72]]
    assert result.record["sizes"] == [matched]


def field_of(flow):
    y, x = np.indices(flow.shape[:2])
    return np.stack([y + flow[..., 1], x + flow[..., 0]], axis=-1).astype(int)


@pytest.mark.parametrize(("preset", "side"), [("authors", 3), ("matches", 5), ("paper", 5)])
def test_vote_is_over_patches_of_the_preset(preset, side):
    _, b_prime = portraits()
    result = run(preset)
    nnf = field_of(result.flow_ab)

    np.testing.assert_array_equal(result.a_prime, oracles.vote(b_prime, nnf, side))
    assert (result.a_prime != oracles.vote(b_prime, nnf, 8 - side)).any()


def test_votes_count_by_their_likeness_where_they_have_a_width():
    _, b_prime = portraits()
    result = run("default", vote_side=3, vote_width=24.0)
    nnf = field_of(result.flow_ab)

    # Means in float32 may fall on the other side of the middle between two grey levels.
    difference = result.a_prime.astype(int) - oracles.vote_alike(b_prime, nnf, 3, 24.0)
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.01
    assert (result.a_prime != oracles.vote(b_prime, nnf, 3)).mean() > 0.1


def test_paper_deconvolves_from_noise_and_one_level_at_a_time():
    first_residuals = {
        preset: max(found["residuals"][0] for found in run(preset).record["deconvolution"])
        for preset in ("paper", "matches")
    }

    assert first_residuals["paper"] > 0.8
    assert first_residuals["matches"] < 0.5
