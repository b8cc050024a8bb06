"""What each preset is for, on two small portraits: a test fails where its stage is switched off."""

import functools

import numpy as np
import pytest
from skimage import data

import analogy
from analogy.images import resize
from analogy.parameters import PRESETS
from tests import oracles
from tests.test_end_to_end import recoloured

_LUMA = (0.299, 0.587, 0.114)


@functools.cache
def portraits():
    """A face that fills the picture, and the same in other colours, mirrored."""
    face = data.astronaut()[20:220, 130:320]
    return resize(face, (72, 66)), resize(recoloured(face), (64, 72))[:, ::-1].copy()


@functools.cache
def run(preset):
    return analogy.transfer(*portraits(), PRESETS[preset], device="cpu")


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


def test_style2style_keeps_more_of_the_structure_than_the_default_weights():
    a, b_prime = portraits()
    usual, kept = run("default"), run("style2style")

    assert likeness(kept.a_prime, a) > likeness(usual.a_prime, a) + 0.03
    assert likeness(kept.b, b_prime) > likeness(usual.b, b_prime) + 0.03
    assert kept.a_prime_refined is None
    assert kept.b_refined is None


def moves_in_blocks(flow):
    """Tell whether all four pixels of every block of two by two move alike."""
    height, width = flow.shape[:2]
    blocks = flow.reshape(height // 2, 2, width // 2, 2, 2)
    return (blocks == blocks[:, :1, :, :1]).all()


@pytest.mark.parametrize(
    ("preset", "halved"), [("photo2style", True), ("style2photo", True), ("style2style", False)]
)
def test_ratio_of_the_preset_decides_the_scale_of_matching(preset, halved):
    result = run(preset)

    assert moves_in_blocks(result.flow_ab) == halved
    assert moves_in_blocks(result.flow_ba) == halved
    assert result.record["parameters"]["ratio"] == (0.5 if halved else 1.0)


def test_photo2style_tells_of_the_faces_for_which_it_chose_the_ratio():
    assert min(run("photo2style").record["face_shares"].values()) > 0.1
    assert "face_shares" not in run("style2photo").record


def test_photo2style_keeps_more_of_the_structure_than_style2photo():
    a, _ = portraits()

    assert likeness(run("photo2style").a_prime, a) > likeness(run("style2photo").a_prime, a) + 0.03


@pytest.mark.parametrize(("preset", "side"), [("authors", 3), ("default", 5)])
def test_vote_is_over_patches_of_the_preset(preset, side):
    _, b_prime = portraits()
    result = run(preset)
    y, x = np.indices(result.flow_ab.shape[:2])
    nnf = np.stack([y + result.flow_ab[..., 1], x + result.flow_ab[..., 0]], axis=-1).astype(int)

    np.testing.assert_array_equal(result.a_prime, oracles.vote(b_prime, nnf, side))
    assert (result.a_prime != oracles.vote(b_prime, nnf, 8 - side)).any()


def test_paper_deconvolves_from_noise_and_one_level_at_a_time():
    first_residuals = {
        preset: max(found["residuals"][0] for found in run(preset).record["deconvolution"])
        for preset in ("paper", "default")
    }

    assert first_residuals["paper"] > 0.8
    assert first_residuals["default"] < 0.5
