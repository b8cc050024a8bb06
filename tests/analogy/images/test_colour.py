"""Conversions by matrices and curves, against littlecms, which has 8 bits."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from analogy.images.colour import converted, is_srgb, srgb, with_bits
from analogy.images.colour_tags import ColourTags, space_of
from tests.picture_files import (
    ADOBE_RGB,
    DISPLAY_P3,
    SRGB,
    SRGB_CURVE,
    icc_curve,
    icc_formula,
    icc_gamma,
    icc_matrix,
)

pytestmark = pytest.mark.smoke

LIGHT = np.linspace(0, 1, 1024)
PROFILES = {
    "Adobe RGB": icc_matrix(ADOBE_RGB, icc_gamma(563 / 256)),
    "Display P3": icc_matrix(DISPLAY_P3, icc_formula(*SRGB_CURVE)),
    "linear": icc_matrix(SRGB, icc_gamma(1)),
    "identity": icc_matrix(SRGB, b"curv" + bytes(8)),
    "table": icc_matrix(DISPLAY_P3, icc_curve(LIGHT**1.8)),
    "power": icc_matrix(ADOBE_RGB, icc_formula(0, 1.8)),
    "cut power": icc_matrix(ADOBE_RGB, icc_formula(1, 2.0, 1.1, -0.1)),
    "raised power": icc_matrix(ADOBE_RGB, icc_formula(2, 2.0, 1.0, -0.05, 0.05)),
    "raised line": icc_matrix(SRGB, icc_formula(4, 2.0, 0.9, 0.05, 0.3, 0.1, 0.03, 0.02)),
}


@pytest.fixture
def colours(random):
    return random.integers(0, 256, (40, 50, 3), dtype=np.uint8)


def space(name):
    return space_of(ColourTags(PROFILES[name]), False, name)


@pytest.mark.parametrize("name", PROFILES)
def test_a_space_gives_the_colours_of_littlecms(colours, name):
    right = ImageCms.profileToProfile(
        Image.fromarray(colours),
        ImageCms.ImageCmsProfile(io.BytesIO(PROFILES[name])),
        ImageCms.createProfile("sRGB"),
        # The other intents bring the darkest colour to black.
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )

    found = converted(colours, space(name), None)
    # Littlecms has 16 bits between its steps: near black, where sRGB rises 13 times as fast, and
    # for a power without a beginning, that is up to two levels.
    assert np.abs(found.astype(int) - right).max() <= 2
    assert np.abs(found.astype(int) - colours).max() > 5


@pytest.mark.parametrize("name", ["Adobe RGB", "Display P3", "table"])
def test_colours_there_and_back_are_the_same_in_16_bits(random, name):
    """Within sRGB all of them can be told; half a step is lost either way."""
    colours = random.integers(0, 65536, (40, 50, 3), dtype=np.uint16)
    there = converted(colours, None, space(name))
    back = converted(there, space(name), None)

    assert there.dtype == np.uint16
    assert np.abs(there.astype(int) - colours).max() > 500
    # Where curves are steep a step of one is several of the other.
    assert np.abs(back.astype(int) - colours).max() <= 16


def test_colours_of_one_space_are_left_alone(colours):
    assert converted(colours, space("Adobe RGB"), space("Adobe RGB")) is colours
    assert converted(colours, None, None) is colours


def test_srgb_is_known_by_what_it_does():
    assert is_srgb(srgb())
    assert space_of(ColourTags(icc_matrix(SRGB, icc_formula(*SRGB_CURVE))), False, "a") is None
    assert not is_srgb(space("linear"))


def test_bits_are_rounded():
    samples = np.arange(2**16, dtype=np.uint16)

    np.testing.assert_array_equal(with_bits(samples, np.uint8), np.rint(samples / 257))
    np.testing.assert_array_equal(
        with_bits(with_bits(samples[:256].astype(np.uint8), np.uint16), np.uint8), samples[:256]
    )
