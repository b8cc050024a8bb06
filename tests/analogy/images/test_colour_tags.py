"""What files of every kind say of their colours, and what is left out."""

import logging
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from analogy.errors import AnalogyError
from analogy.images import read_image, read_picture
from analogy.images.colour import converted
from tests.picture_files import (
    ADOBE_RGB,
    DISPLAY_P3,
    SRGB,
    SRGB_CURVE,
    Tiff,
    icc_formula,
    icc_gamma,
    icc_matrix,
    icc_profile,
    icc_table,
    png,
    png_chunk,
    tiff,
)

pytestmark = pytest.mark.smoke

P3 = icc_matrix(DISPLAY_P3, icc_formula(*SRGB_CURVE))
ADOBE = icc_matrix(ADOBE_RGB, icc_gamma(563 / 256))
PLAIN = icc_matrix(SRGB, icc_formula(*SRGB_CURVE))

# In Display P3 what sRGB calls (200, 80, 60): by colour science's published matrices.
P3_COLOUR, SRGB_COLOUR = (185, 88, 68), (200, 80, 60)

# Pillow reads and writes it from version 11.3 on.
_AVIF = pytest.param(
    "avif",
    marks=pytest.mark.skipif(".avif" not in Image.registered_extensions(), reason="no AVIF"),
)


@pytest.fixture
def colour():
    """A picture of one colour."""
    return np.full((40, 50, 3), P3_COLOUR, np.uint8)


def iccp(profile):
    return png_chunk(b"iCCP", b"a profile\0\0" + zlib.compress(profile))


def gamma(value, primaries=()):
    chunks = png_chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))
    if primaries:
        numbers = [round(one * 100_000) for one in primaries]
        chunks += png_chunk(b"cHRM", struct.pack(">8I", *numbers))
    return chunks


def read(tmp_path, content, name="a.png"):
    (tmp_path / name).write_bytes(content)
    return read_picture(tmp_path / name)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", _AVIF])
def test_a_profile_is_heeded_and_kept(tmp_path, colour, suffix):
    options = {"webp": {"lossless": True}, "jpg": {"quality": 100}, "avif": {"quality": 100}}
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(colour).save(path, icc_profile=P3, **options.get(suffix, {}))

    picture = read_picture(path)

    assert np.abs(read_image(path)[3, 4].astype(int) - SRGB_COLOUR).max() <= 3
    assert np.abs(picture.samples[3, 4].astype(int) - P3_COLOUR).max() <= 2
    assert picture.space.profile == P3


@pytest.mark.parametrize("compression", ["none", "LZW", "deflate"])
@pytest.mark.parametrize("bits", [8, 16])
def test_so_is_that_of_a_tiff_by_either_library(tmp_path, colour, compression, bits):
    samples = colour if bits == 8 else colour.astype(np.uint16) * 257
    layout = Tiff(compression=compression, bits=bits, tags={34675: (7, len(P3), P3)})
    picture = read(tmp_path, tiff(samples, layout), "a.tif")

    assert np.abs(picture.pixels[3, 4].astype(int) - SRGB_COLOUR).max() <= 1
    np.testing.assert_array_equal(picture.samples, samples)
    assert picture.space.profile == P3


@pytest.mark.parametrize(
    "chunks",
    [
        iccp(PLAIN),
        png_chunk(b"sRGB", b"\0"),
        png_chunk(b"sRGB", b"\0") + gamma(1.0),
        gamma(0.45455),
        gamma(0.45455, (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)),
        png_chunk(b"cICP", bytes([1, 13, 0, 1])),
        png_chunk(b"cICP", bytes([1, 13, 0, 1])) + iccp(ADOBE),
        png_chunk(b"cICP", bytes([2, 2, 0, 1])),
        png_chunk(b"cHRM", struct.pack(">8I", *[30000] * 8)),
    ],
)
def test_what_is_srgb_is_plain(tmp_path, colour, chunks):
    picture = read(tmp_path, png(colour, "RGB", before=chunks))

    assert picture.is_plain
    np.testing.assert_array_equal(picture.pixels, colour)


def test_a_linear_png_gets_lighter(tmp_path):
    samples = np.full((40, 50, 3), 55, np.uint8)
    picture = read(tmp_path, png(samples, "RGB", before=gamma(1.0)))

    # 55 / 255 of the light is 0.502 in sRGB.
    assert (picture.pixels == 128).all()
    assert picture.space.tag == ((b"gAMA", struct.pack(">I", 100_000)),)


@pytest.mark.parametrize(
    ("chunks", "name"),
    [
        (png_chunk(b"cICP", bytes([12, 13, 0, 1])), b"cICP"),
        (iccp(P3), b"iCCP"),
        (iccp(P3) + gamma(1.0), b"iCCP"),
        (png_chunk(b"cICP", bytes([12, 13, 0, 1])) + iccp(ADOBE), b"cICP"),
    ],
)
def test_the_first_of_several_tags_counts(tmp_path, colour, chunks, name):
    picture = read(tmp_path, png(colour, "RGB", before=chunks))

    assert np.abs(picture.pixels[3, 4].astype(int) - SRGB_COLOUR).max() <= 1
    assert picture.space.tag[0][0] == name


@pytest.mark.parametrize("primaries", [1, 4, 5, 6, 7, 9, 11, 12])
@pytest.mark.parametrize("transfer", [1, 4, 5, 6, 8, 13, 14, 15])
def test_white_black_and_the_order_of_greys_stay(tmp_path, primaries, transfer):
    samples = np.repeat(np.arange(0, 256, 5, dtype=np.uint8)[:, None, None], 40, axis=1)
    tag = png_chunk(b"cICP", bytes([primaries, transfer, 0, 1]))
    picture = read(tmp_path, png(np.repeat(samples, 3, axis=2), "RGB", before=tag))

    greys = picture.pixels[:, 0].astype(int)
    assert greys[0].tolist() == [0, 0, 0]
    assert greys[-1].tolist() == [255, 255, 255]
    assert (np.diff(greys, axis=0) >= 0).all()
    assert np.ptp(greys, axis=1).max() <= 1


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused_by_name(tmp_path, colour, transfer, name):
    tag = png_chunk(b"cICP", bytes([9, transfer, 0, 1]))

    with pytest.raises(AnalogyError, match=rf"a\.png: its colours are HDR \({name}.*save it anew"):
        read(tmp_path, png(colour, "RGB", before=tag))


@pytest.mark.parametrize("kind", [bytes([9, 1, 9, 1]), bytes([1, 1, 0, 0])])
def test_what_is_no_rgb_of_the_full_range_is_refused(tmp_path, colour, kind):
    with pytest.raises(AnalogyError, match=r"a\.png: its cICP chunk says"):
        read(tmp_path, png(colour, "RGB", before=png_chunk(b"cICP", kind)))


# The lightness is what the black ink leaves.
INKS = np.full((2, 2, 2, 2, 3), (255, 128, 128))
INKS[..., 1, 0] = 0
CMYK = icc_profile("CMYK", {"A2B0": icc_table(INKS)}, pcs="Lab ", kind="prtr")
BROKEN = {
    "cut": P3[:300],
    "empty": b"",
    "no profile": b"nothing of the kind" * 20,
    "no curves": icc_profile("RGB ", {}),
    "odd curve": icc_matrix(DISPLAY_P3, b"what" + bytes(8)),
    "flat": icc_matrix(DISPLAY_P3, icc_gamma(0)[:8] + struct.pack(">IHH", 2, 0, 0)),
    "no matrix": icc_matrix([(0, 0, 0)] * 3, icc_gamma(1)),
    "ink": CMYK,
    "grey": icc_profile("GRAY", {"kTRC": icc_gamma(1)}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_profile_that_cannot_be_used_is_left_out_with_a_word(tmp_path, colour, caplog, name):
    with caplog.at_level(logging.WARNING):
        picture = read(tmp_path, png(colour, "RGB", before=iccp(BROKEN[name])))

    np.testing.assert_array_equal(picture.pixels, colour)
    assert picture.is_plain
    (told,) = caplog.messages
    assert f"{tmp_path / 'a.png'}: its ICC profile cannot be used" in told
    assert "\n" not in told


@pytest.mark.parametrize("chunk", [gamma(0), png_chunk(b"cICP", b"1"), gamma(1.0, [0] * 8)])
def test_so_is_a_broken_chunk(tmp_path, colour, caplog, chunk):
    with caplog.at_level(logging.WARNING):
        picture = read(tmp_path, png(colour, "RGB", before=chunk))

    assert picture.is_plain
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_by_a_profile_of_grey_is_srgb_then(tmp_path, bits):
    profile = icc_profile("GRAY", {"kTRC": icc_gamma(1)})
    samples = np.full((40, 50, 1), 55 * (257 if bits == 16 else 1), np.uint16)
    picture = read(tmp_path, png(samples, "grey", bits, before=iccp(profile)))

    assert (picture.pixels == 128).all()
    assert picture.space is None
    assert picture.has_16_bits == (bits == 16)


def test_grey_takes_a_profile_of_rgb(tmp_path):
    samples = np.full((40, 50, 1), 100, np.uint8)
    picture = read(tmp_path, png(samples, "grey", before=iccp(ADOBE)))

    assert picture.space.profile == ADOBE


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_ink_is_brought_to_srgb_by_its_profile(tmp_path, suffix):
    """By this profile colours are grey."""
    ink = Image.new("CMYK", (50, 40), (10, 200, 30, 155))
    ink.save(tmp_path / f"a.{suffix}", icc_profile=CMYK)
    picture = read_picture(tmp_path / f"a.{suffix}")

    # L* of 39.2 is a luminance of 0.108, which is 92 in sRGB.
    assert np.abs(picture.pixels.astype(int) - 92).max() <= 2
    assert picture.is_plain


def test_a_scanners_table_leads_one_way(tmp_path, colour):
    corners = np.full((2, 2, 2, 3), (255, 128, 128))
    corners[0, ..., 0] = 0
    entries = {"A2B0": icc_table(corners)}
    profile = icc_profile("RGB ", entries, pcs="Lab ", kind="scnr")
    picture = read(tmp_path, png(colour, "RGB", before=iccp(profile)))

    # The lightness is the red's, 185 / 255: a luminance of 0.444, which is 177 in sRGB.
    assert np.abs(picture.pixels.astype(int) - 177).max() <= 2
    assert picture.space is None


def test_a_table_that_leads_both_ways_is_kept(tmp_path, colour):
    """B2A0 is Lab to RGB: here the lightness alone, in all channels."""
    forward = np.full((2, 2, 2, 3), (255, 128, 128))
    forward[0, ..., 0] = 0
    backward = np.full((2, 2, 2, 3), 255)
    backward[0] = 0
    entries = {"A2B0": icc_table(forward), "B2A0": icc_table(backward)}
    profile = icc_profile("RGB ", entries, pcs="Lab ")
    picture = read(tmp_path, png(colour, "RGB", before=iccp(profile)))

    assert picture.space.profile == profile
    assert np.abs(picture.pixels.astype(int) - 177).max() <= 2
    grey = picture.paint(None)
    back = converted(grey, None, picture.space)
    assert np.abs(back.astype(int) - 185).max() <= 2
