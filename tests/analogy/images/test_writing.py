import io

import numpy as np
import pytest
from PIL import Image

from analogy.images import Picture, read_image, read_picture, write_picture
from analogy.images.colour_tags import ColourTags, space_of
from analogy.images.writing import shown_png
from analogy.system.outputs import DEFLATE_LEVEL
from tests.picture_files import ADOBE_RGB, icc_gamma, icc_matrix

pytestmark = pytest.mark.smoke

PROFILE = icc_matrix(ADOBE_RGB, icc_gamma(563 / 256))
SPACES = {
    "sRGB": None,
    "a profile": space_of(ColourTags(PROFILE), False, "a"),
    "a gamma": space_of(ColourTags(None, {b"gAMA": (100_000).to_bytes(4, "big")}), False, "a"),
    "numbers": space_of(ColourTags(None, {b"cICP": bytes([12, 13, 0, 1])}), False, "a"),
}


def drawn(random, bits, has_alpha, space, shape=(40, 50)):
    most, dtype = 2**bits, f"u{bits // 8}"
    # Smooth, and noise: rows want different filters.
    ramp = np.add.outer(np.arange(shape[0]), np.arange(shape[1]))[..., None] * (most // 128)
    samples = (ramp % most + np.zeros(3)).astype(dtype)
    samples[::3] = random.integers(0, most, samples[::3].shape)
    alpha = random.integers(0, most, shape).astype(dtype) if has_alpha else None
    return Picture(samples, alpha, SPACES[space])


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("has_alpha", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_what_is_written_is_read_again(tmp_path, random, bits, has_alpha, space):
    picture = drawn(random, bits, has_alpha, space)
    write_picture(tmp_path / "a.png", picture)
    found = read_picture(tmp_path / "a.png")

    np.testing.assert_array_equal(found.samples, picture.samples)
    assert found.samples.dtype == picture.samples.dtype
    assert found.space == picture.space
    if has_alpha:
        np.testing.assert_array_equal(found.alpha, picture.alpha)


def test_strips_fit_together(tmp_path, random):
    """More bytes than are filtered at a time."""
    picture = drawn(random, 16, True, "sRGB", (200, 2100))
    write_picture(tmp_path / "a.png", picture)

    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").samples, picture.samples)


def test_another_program_finds_the_profile(tmp_path, random):
    write_picture(tmp_path / "a.png", drawn(random, 8, True, "a profile"))

    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "RGBA"
        assert image.info["icc_profile"] == PROFILE


def test_a_plain_picture_is_written_as_pillow_does(tmp_path, random):
    picture = drawn(random, 8, False, "sRGB")
    write_picture(tmp_path / "a.png", picture)
    stream = io.BytesIO()
    Image.fromarray(picture.samples).save(stream, "PNG", compress_level=DEFLATE_LEVEL)

    assert (tmp_path / "a.png").read_bytes() == stream.getvalue()
    assert shown_png(tmp_path / "a.png") == stream.getvalue()


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("bits", [8, 16])
def test_what_shows_pictures_by_itself_gets_them_over_white(tmp_path, random, bits, space):
    write_picture(tmp_path / "a.png", drawn(random, bits, True, space))
    (tmp_path / "b.png").write_bytes(shown_png(tmp_path / "a.png"))

    assert read_picture(tmp_path / "b.png").is_plain
    np.testing.assert_array_equal(read_image(tmp_path / "b.png"), read_image(tmp_path / "a.png"))


def test_rows_that_go_on_are_filtered(tmp_path):
    """A slope of 16 bits is a fraction of its samples then."""
    slope = np.add.outer(np.arange(200), np.arange(300)).astype(np.uint16)[..., None] * 97
    write_picture(tmp_path / "a.png", Picture(np.repeat(slope, 3, axis=2)))

    assert (tmp_path / "a.png").stat().st_size < 200 * 300 * 6 / 50
