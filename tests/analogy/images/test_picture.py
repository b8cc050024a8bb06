import numpy as np
import pytest
from PIL import Image

from analogy.errors import AnalogyError
from analogy.images import Picture, check_has_something, read_image, read_mask, read_picture
from analogy.images.colour_tags import ColourTags, space_of
from analogy.images.picture import background, opaque_pixels, picture_of
from tests.picture_files import ADOBE_RGB, Tiff, icc_gamma, icc_matrix, png, png_chunk, tiff

pytestmark = pytest.mark.smoke

ADOBE = space_of(ColourTags(icc_matrix(ADOBE_RGB, icc_gamma(563 / 256))), False, "a")


@pytest.fixture
def rgba(random):
    """Colours whose right half is transparent."""
    samples = random.integers(0, 256, (40, 50, 4), dtype=np.uint8)
    samples[..., 3] = 255
    samples[:, 25:, 3] = 0
    return samples


def test_a_plain_picture_is_its_samples(random):
    samples = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    picture = picture_of(samples)

    assert picture.is_plain
    for same in (picture.pixels, picture.shown, picture.values(), picture.paint(None)):
        np.testing.assert_array_equal(same, samples)


def test_what_is_transparent_has_the_nearest_colour_that_is_not(rgba):
    picture = picture_of(rgba)

    np.testing.assert_array_equal(picture.pixels[:, :25], rgba[:, :25, :3])
    np.testing.assert_array_equal(picture.pixels[:, 25:], np.repeat(rgba[:, 24:25, :3], 25, axis=1))
    np.testing.assert_array_equal(picture.paint(None), picture.pixels)
    # As it is to be written it is left alone.
    np.testing.assert_array_equal(picture.samples, rgba[..., :3])
    assert (picture.shown[:, 25:] == 255).all()


@pytest.mark.parametrize("name", ["white", "#102030", "rgb(1, 2, 3)"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_background_is_seen_through_what_is_transparent(random, bits, name):
    most = 2**bits - 1
    samples = random.integers(0, most + 1, (40, 50, 4)).astype(f"u{bits // 8}")
    whole = picture_of(samples).over(background(name))

    opacity = samples[..., 3:] / most
    behind = np.array(background(name)) / 255 * most
    right = samples[..., :3] * opacity + behind * (1 - opacity)
    assert whole.alpha is None
    assert np.abs(whole.samples - right).max() <= 0.5 + 1e-9


def test_nothing_behind_it_leaves_it_as_it_is(rgba):
    picture = picture_of(rgba)

    assert picture.over(background(None)) is picture


def test_an_alpha_that_is_opaque_is_none(rgba):
    rgba[..., 3] = 255

    assert picture_of(rgba).is_plain


def test_soft_edges_count_to_where_they_are_half():
    alpha = np.arange(256, dtype=np.uint8).reshape(16, 16)

    np.testing.assert_array_equal(opaque_pixels(alpha), alpha >= 128)
    np.testing.assert_array_equal(opaque_pixels(alpha // 128 * 10), alpha >= 128)


def test_what_is_wholly_transparent_is_refused():
    with pytest.raises(AnalogyError, match=r"^b\.png: all of it is transparent; .*--background"):
        check_has_something(picture_of(np.zeros((40, 50, 4), np.uint8)), "b.png")


@pytest.mark.parametrize("has_16_bits", [False, True])
def test_a_result_has_the_alpha_and_the_space_of_one_and_the_bits_of_the_other(rgba, has_16_bits):
    own = Picture(rgba[..., :3], rgba[..., 3], ADOBE)
    values = np.full((40, 50, 3), 100.5, np.float32) if has_16_bits else rgba[..., :3]
    result = own.with_values(values)

    assert result.has_16_bits == has_16_bits
    assert result.space is own.space
    np.testing.assert_array_equal(
        result.alpha / np.iinfo(result.alpha.dtype).max, rgba[..., 3] / 255
    )
    if has_16_bits:
        assert (result.samples == round(100.5 * 257)).all()


def test_paint_of_16_bits_keeps_them(random):
    samples = random.integers(0, 65536, (40, 50, 3), dtype=np.uint16)
    picture = Picture(samples)

    np.testing.assert_array_equal(picture.with_values(picture.paint(None)).samples, samples)
    assert picture.paint(ADOBE).dtype == np.float32


@pytest.mark.parametrize(
    ("kind", "channels"), [("grey", 1), ("grey and alpha", 2), ("RGB", 3), ("RGBA", 4)]
)
def test_16_bits_of_a_png_are_exact(tmp_path, random, kind, channels):
    samples = random.integers(0, 65536, (40, 50, channels), dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(png(samples, kind, 16))
    picture = read_picture(tmp_path / "a.png")

    colour = samples if channels % 2 else samples[..., :-1]
    np.testing.assert_array_equal(picture.samples, np.broadcast_to(colour, (40, 50, 3)))
    if channels % 2 == 0:
        np.testing.assert_array_equal(picture.alpha, samples[..., -1])


def test_a_transparent_colour_of_16_bits_is_exact(tmp_path):
    samples = np.full((40, 50, 3), 1000, np.uint16)
    samples[:, 25:] = 1001
    key = png_chunk(b"tRNS", np.full(3, 1001, ">u2").tobytes())
    (tmp_path / "a.png").write_bytes(png(samples, "RGB", 16, before=key))

    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.opaque, samples[..., 0] == 1000)


@pytest.mark.parametrize("compression", ["none", "LZW", "deflate"])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("photometric", "channels"), [("grey", 1), ("RGB", 3), ("RGB", 4)])
def test_16_bits_of_a_tiff_are_exact(tmp_path, random, compression, order, photometric, channels):
    samples = random.integers(0, 65536, (40, 50, channels), dtype=np.uint16)
    extra = (2,) if channels == 4 else ()
    layout = Tiff(photometric, compression, 16, order, extra=extra, tags={274: (3, [6])})
    (tmp_path / "a.tif").write_bytes(tiff(samples, layout))
    picture = read_picture(tmp_path / "a.tif")

    turned = np.rot90(samples, -1)
    np.testing.assert_array_equal(picture.samples, np.broadcast_to(turned[..., :3], (50, 40, 3)))
    if channels == 4:
        np.testing.assert_array_equal(picture.alpha, turned[..., 3])


def test_floats_are_kept_in_16_bits(tmp_path, random):
    samples = random.random((40, 50, 3), np.float32)
    (tmp_path / "a.tif").write_bytes(tiff(samples, Tiff(bits=32)))

    picture = read_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.samples, np.rint(samples.astype(float) * 65535))


@pytest.mark.parametrize("mode", ["LA", "P", "RGBA", "PA"])
def test_alpha_is_kept_whatever_the_mode(tmp_path, rgba, mode):
    path = tmp_path / ("a.tif" if mode == "PA" else "a.png")
    image = Image.fromarray(rgba)
    if mode == "PA":
        mode = "RGBA"
    image.convert(mode).save(path)

    picture = read_picture(path)
    np.testing.assert_array_equal(picture.opaque, rgba[..., 3] == 255)
    assert read_picture(path, "white").alpha is None
    np.testing.assert_array_equal(read_picture(path, "white").samples, read_image(path))


def test_a_mask_of_16_bit_colours_has_their_labels(tmp_path):
    samples = np.zeros((40, 50, 3), np.uint16)
    samples[5] = 65535, 0, 257
    (tmp_path / "mask.png").write_bytes(png(samples, "RGB", 16))

    labels = read_mask(tmp_path / "mask.png")
    assert set(np.unique(labels)) == {0, 0xFF0001}
