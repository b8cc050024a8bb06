from dataclasses import replace

import numpy as np
import pytest
from skimage import data

from analogy.images import resize
from analogy.method.colour_refinement import log_luminance, refine
from analogy.parameters import Parameters
from analogy_kernels.target import CPU
from tests import oracles

WLS = {"smoothness": 0.8, "sensitivity": 1.0, "epsilon": 1e-4}


@pytest.fixture
def photo():
    return resize(data.coffee(), (24, 31))


@pytest.fixture
def stylised(random, photo):
    """The photo in other colours, with detail of its own."""
    noise = random.integers(-20, 21, photo.shape)
    return np.clip(photo[..., ::-1] * 0.8 + 30 + noise, 0, 255).astype(np.uint8)


def test_is_equation_7(photo, stylised):
    refined = refine(stylised, photo, Parameters(), CPU)

    guide = log_luminance(photo)
    smooth_stylised, smooth_photo = (
        oracles.wls(image.astype(np.float32), guide, **WLS) for image in (stylised, photo)
    )
    expected = np.clip(smooth_stylised + photo - smooth_photo, 0, 255)
    # Half a step of rounding, and the solver's error.
    np.testing.assert_allclose(refined, expected, rtol=0, atol=0.55)
    assert refined.dtype == np.uint8


def test_what_has_16_bits_is_not_rounded(photo, stylised):
    rounded = refine(stylised, photo, Parameters(), CPU)
    for floats in (
        refine(stylised.astype(np.float32), photo, Parameters(), CPU),
        refine(stylised, photo.astype(np.float32), Parameters(), CPU),
    ):
        assert floats.dtype == np.float32
        assert (floats % 1 != 0).any()
        # A solver that starts from the same floats.
        np.testing.assert_allclose(np.rint(floats), rounded, rtol=0, atol=1)


def test_targets_agree(random, target):
    photo, stylised = random.integers(0, 256, (2, 4, 5, 3)).astype(np.uint8)

    refined = refine(stylised, photo, Parameters(), target)

    expected = refine(stylised, photo, Parameters(), CPU)
    assert np.abs(refined.astype(int) - expected).max() <= 1


def test_an_image_refined_by_itself_stays(photo):
    np.testing.assert_array_equal(refine(photo, photo, Parameters(), CPU), photo)


@pytest.mark.parametrize(
    "change", [{"wls_lambda": 0.01}, {"wls_alpha": 2.0}, {"wls_epsilon": 1.0}], ids=str
)
def test_parameters_reach_the_filter(photo, stylised, change):
    usual = refine(stylised, photo, Parameters(), CPU)

    changed = refine(stylised, photo, replace(Parameters(), **change), CPU)

    assert np.abs(usual.astype(int) - changed).max() > 5


def test_black_has_a_luminance():
    image = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)

    np.testing.assert_allclose(
        log_luminance(image), np.log([[0.5 / 255, 1 + 0.5 / 255]]), rtol=1e-6
    )


def test_unequal_images_are_refused(photo):
    with pytest.raises(ValueError, match="shapes"):
        refine(photo[1:], photo, Parameters(), CPU)
