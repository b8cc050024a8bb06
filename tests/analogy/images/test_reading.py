import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from analogy.errors import AnalogyError
from analogy.images import as_image, image_shape, read_image, read_mask
from tests.picture_files import png, png_chunk

pytestmark = pytest.mark.smoke


@pytest.fixture
def rgb(random):
    return random.integers(0, 256, (40, 50, 3), dtype=np.uint8)


def save(array_or_image, path, **options):
    if isinstance(array_or_image, np.ndarray):
        array_or_image = Image.fromarray(array_or_image)
    array_or_image.save(path, **options)
    return path


def save_16_bit_rgb_png(array, path):
    """Pillow cannot write these."""
    path.write_bytes(png(array, "RGB", 16))
    return path


def test_rgb_is_read_as_it_is(tmp_path, rgb):
    image = read_image(save(rgb, tmp_path / "a.png"))

    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, rgb)


def test_grey_fills_all_channels(tmp_path, rgb):
    image = read_image(save(rgb[..., 0], tmp_path / "a.png"))

    np.testing.assert_array_equal(image, np.stack([rgb[..., 0]] * 3, axis=-1))


def test_bilevel_becomes_black_and_white(tmp_path, rgb):
    bits = rgb[..., 0] > 100

    image = read_image(save(Image.fromarray(bits), tmp_path / "a.png"))

    np.testing.assert_array_equal(image[..., 1], np.where(bits, 255, 0))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_laid_over_white(tmp_path, random, mode):
    channels = len(mode)
    samples = random.integers(0, 256, (40, 50, channels), dtype=np.uint8)
    opacity = samples[..., -1:] / 255

    image = read_image(save(Image.fromarray(samples, mode), tmp_path / "a.png"))

    expected = np.rint(samples[..., :-1] * opacity + 255 * (1 - opacity))
    np.testing.assert_array_equal(image, np.broadcast_to(expected, image.shape))


def test_palette_is_looked_up(tmp_path, rgb):
    picture = Image.fromarray(rgb).quantize(16)

    image = read_image(save(picture, tmp_path / "a.png"))

    np.testing.assert_array_equal(image, np.asarray(picture.convert("RGB")))


def test_transparent_palette_entry_becomes_white(tmp_path, rgb):
    picture = Image.fromarray(rgb).quantize(16)
    transparent = np.asarray(picture) == 3

    image = read_image(save(picture, tmp_path / "a.png", transparency=3))

    assert transparent.any()
    assert (image[transparent] == 255).all()
    opaque = np.asarray(picture.convert("RGB"))[~transparent]
    np.testing.assert_array_equal(image[~transparent], opaque)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_is_scaled_and_rounded(tmp_path, suffix):
    samples = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50) * np.uint16(32)

    image = read_image(save(samples, tmp_path / f"a.{suffix}"))

    np.testing.assert_array_equal(image[..., 2], np.rint(samples / 257))


def test_16_bit_grey_keeps_its_transparent_value(tmp_path):
    samples = np.full((40, 50), 257 * 7, np.uint16)
    samples[5, 6] = 1000

    image = read_image(save(samples, tmp_path / "a.png", transparency=1000))

    assert image[5, 6].tolist() == [255, 255, 255]
    assert (np.delete(image.reshape(-1, 3), 5 * 50 + 6, axis=0) == 7).all()


def test_16_bit_rgb_is_within_one_step(tmp_path, random):
    samples = random.integers(0, 65536, (40, 50, 3), dtype=np.uint16)

    image = read_image(save_16_bit_rgb_png(samples, tmp_path / "a.png"))

    # Pillow keeps the high byte, which is at most one below the rounded value.
    assert np.abs(image - samples / 257).max() <= 1


def test_cmyk_becomes_rgb(tmp_path, rgb):
    ink = Image.fromarray(rgb).convert("CMYK")

    image = read_image(save(ink, tmp_path / "a.tif"))

    np.testing.assert_array_equal(image, rgb)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [(3, lambda image: image[::-1, ::-1]), (6, lambda image: np.rot90(image, -1))],
)
def test_exif_orientation_is_applied(tmp_path, rgb, orientation, upright):
    exif = Image.Exif()
    exif[0x0112] = orientation

    image = read_image(save(rgb, tmp_path / "a.png", exif=exif))

    np.testing.assert_array_equal(image, upright(rgb))


def test_first_frame_of_an_animation_is_read(tmp_path, rgb):
    frames = [Image.fromarray(rgb[..., c]) for c in range(2)]

    image = read_image(save(frames[0], tmp_path / "a.png", save_all=True, append_images=frames[1:]))

    np.testing.assert_array_equal(image[..., 0], rgb[..., 0])


PNG_LAYOUTS = [
    *(("grey", bits) for bits in (1, 2, 4, 8, 16)),
    *(("palette", bits) for bits in (1, 2, 4, 8)),
    *((kind, bits) for kind in ("RGB", "grey and alpha", "RGBA") for bits in (8, 16)),
]


@pytest.mark.parametrize("is_keyed", [False, True])
@pytest.mark.parametrize(("kind", "bits"), PNG_LAYOUTS)
def test_every_layout_of_a_png_is_read(tmp_path, random, kind, bits, is_keyed):
    channels = {"grey": 1, "palette": 1, "RGB": 3, "grey and alpha": 2, "RGBA": 4}[kind]
    samples = random.integers(0, 2**bits, (40, 50, channels), dtype=np.uint16)
    # The lower byte alone tells these from the colour that is transparent.
    samples[3, 4], samples[3, 5] = 1, 0
    samples[3, 6] = 1
    palette = random.integers(0, 256, (2**bits, 3), dtype=np.uint8) if kind == "palette" else None
    key = np.full(3 if kind == "RGB" else 1, 1, ">u2").tobytes()
    key = b"\xff\x00" if kind == "palette" else key
    before = png_chunk(b"tRNS", key) if is_keyed and kind in ("grey", "palette", "RGB") else b""
    (tmp_path / "a.png").write_bytes(png(samples, kind, bits, before=before, palette=palette))

    image = read_image(tmp_path / "a.png")

    values = 255.0 * samples / (2**bits - 1)
    colour = (
        palette[samples[..., 0]] if kind == "palette" else values[..., : 3 - (channels < 3) * 2]
    )
    opacity = values[..., -1:] / 255 if channels in (2, 4) else np.ones((40, 50, 1))
    if before:
        opacity = ~(samples == 1).all(axis=-1, keepdims=True)
        assert not opacity[3, 4]
    expected = np.broadcast_to(colour * opacity + 255 * (1 - opacity), image.shape)
    # Pillow keeps the high bytes of 16 bits: up to a step each for colour and alpha.
    assert np.abs(image - expected).max() <= (2 if bits == 16 else 0.5)


TEXTS = {
    "zTXt": b"workflow\0\0" + zlib.compress(bytes(3_000_000)),
    "iTXt": b"workflow\0\1\0\0\0" + zlib.compress(bytes(3_000_000)),
    "tEXt": b"workflow\0" + bytes(3_000_000),
    "iCCP": b"profile\0\0" + zlib.compress(bytes(3_000_000)),
    "pHYs": b"1",
    "gAMA": b"",
    "sRGB": b"",
    "cHRM": b"123",
    "eXIf": b"no EXIF at all",
    "acTL": b"1",
    "abCd": b"unknown",
}


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("name", TEXTS)
def test_metadata_does_not_keep_a_png_from_being_read(tmp_path, rgb, name, is_after):
    chunk = png_chunk(name.encode(), TEXTS[name])
    broken = chunk[:-1] + bytes([chunk[-1] ^ 1])
    for one in (chunk, broken):
        where = {"after" if is_after else "before": one}
        (tmp_path / "a.png").write_bytes(png(rgb, "RGB", **where))

        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), rgb)
        assert image_shape(tmp_path / "a.png", "a") == (40, 50)


def test_many_texts_do_not_keep_a_png_from_being_read(tmp_path, rgb):
    text = png_chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(1_000_000)))
    (tmp_path / "a.png").write_bytes(png(rgb, "RGB", before=100 * text))

    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), rgb)


# Tags of EXIF by number: what lies before the orientation and what behind it.
@pytest.mark.parametrize("tag", [0x010F, 0x011A, 0x8769, 0x9286])
@pytest.mark.parametrize("value", [(2, 6, 900), (5, 1, 60000), (2, 2**31, 26), (99, 1, 0)])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_a_broken_tag_leaves_the_orientation(tmp_path, rgb, suffix, tag, value):
    tags = sorted([(tag, *value), (0x0112, 3, 1, 6)])
    entries = b"".join(struct.pack("<HHII", *entry) for entry in tags)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + b"\0\0\0\0text\0"
    options = {"lossless": True} if suffix == "webp" else {"quality": 100}

    image = read_image(save(rgb, tmp_path / f"a.{suffix}", exif=exif, **options))

    assert image.shape == (50, 40, 3)
    # JPEG changes every pixel a little.
    if suffix != "jpg":
        np.testing.assert_array_equal(image, np.rot90(rgb, -1))


def test_exif_that_cannot_be_read_leaves_the_picture_upright(tmp_path, rgb):
    path = save(rgb, tmp_path / "a.webp", exif=b"Exif\0\0no such thing", lossless=True)

    np.testing.assert_array_equal(read_image(path), rgb)


def missing(folder):
    return folder / "a.png"


def a_folder(folder):
    return folder


def empty(folder):
    (folder / "a.png").touch()
    return folder / "a.png"


def text(folder):
    (folder / "a.png").write_text("no picture")
    return folder / "a.png"


def truncated(folder, suffix="png"):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(noise, folder / f"a.{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def truncated_jpeg(folder):
    return truncated(folder, "jpg")


def too_small(folder):
    return save(np.zeros((31, 40, 3), np.uint8), folder / "a.png")


def beyond_16_bits(folder):
    return save(np.full((40, 40), 70000, np.int32), folder / "a.tif")


def bomb(folder):
    path = save(np.zeros((40, 40), np.uint8), folder / "a.bmp")
    data = bytearray(path.read_bytes())
    data[18:26] = struct.pack("<ii", 60000, 60000)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("bad_file", "reason"),
    [
        (missing, "no such file"),
        (a_folder, "is a folder"),
        (empty, "not an image"),
        (text, "not an image"),
        (truncated, "damaged"),
        (truncated_jpeg, "damaged"),
        (too_small, "40 x 31 px is too small"),
        (beyond_16_bits, "32-bit samples"),
        (bomb, "more pixels than"),
    ],
)
def test_bad_file_is_named_with_the_reason_in_one_line(tmp_path, bad_file, reason):
    path = bad_file(tmp_path)

    with pytest.raises(AnalogyError) as raised:
        read_image(path)

    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    assert reason in message
    assert "\n" not in message


@given(arrays(np.uint8, (32, 32, 4), elements=st.integers(0, 255)))
def test_array_with_alpha_is_laid_over_white(samples):
    opacity = samples[..., 3:] / 255

    image = as_image(samples, "a")

    np.testing.assert_array_equal(image, np.rint(samples[..., :3] * opacity + 255 * (1 - opacity)))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_point_array_is_scaled(dtype):
    samples = np.linspace(0, 1, 40 * 32 * 3).reshape(40, 32, 3).astype(dtype)

    image = as_image(samples, "a")

    np.testing.assert_array_equal(image, np.rint(samples * dtype(255)))
    assert image.dtype == np.uint8


def test_array_that_is_no_copy_of_itself_stays_untouched(rgb):
    before = rgb.copy()

    image = as_image(rgb[::-1], "a")

    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, before[::-1])
    np.testing.assert_array_equal(rgb, before)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((3, 64, 64), np.uint8), "channels last"),
        (np.zeros((64, 64, 5), np.uint8), "channels last"),
        (np.zeros(64, np.uint8), "channels last"),
        (np.zeros((64, 0, 3), np.uint8), "too small"),
        (np.zeros((64, 31), np.uint8), "too small"),
        (np.zeros((64, 64), np.int64), "int64"),
        (np.full((64, 64), 1.5), "outside [0, 1]"),
        (np.full((64, 64), -0.1), "outside [0, 1]"),
        (np.full((64, 64), np.nan), "outside [0, 1]"),
        (np.full((64, 64), "x"), "samples of type"),
    ],
)
def test_array_that_is_no_image_is_refused(array, reason):
    with pytest.raises(AnalogyError, match=r"^b_prime: ") as raised:
        as_image(array, "b_prime")

    assert reason in str(raised.value)


RED, GREY = 0xFF0000, 0x808080


@pytest.fixture
def painted():
    colours = np.zeros((5, 6, 3), np.uint8)
    colours[1:3, 2:4] = 255, 0, 0
    colours[4] = 128
    return colours


def test_a_mask_of_any_kind_has_a_label_for_each_colour(tmp_path, painted):
    expected = np.zeros((5, 6), np.int32)
    expected[1:3, 2:4], expected[4] = RED, GREY
    palette = Image.fromarray(painted).quantize(3)
    opaque = np.dstack([painted, np.full((5, 6), 255, np.uint8)])

    for image in (painted, palette, opaque):
        found = read_mask(save(image, tmp_path / "mask.png"))
        np.testing.assert_array_equal(found, expected, strict=True)


def test_grey_masks_agree_with_coloured_ones(tmp_path, painted):
    grey = painted[..., 1]

    found = read_mask(save(grey, tmp_path / "mask.png"))

    np.testing.assert_array_equal(found, np.where(grey > 0, GREY, 0))


def test_what_is_transparent_in_a_mask_is_free(tmp_path, painted):
    alpha = np.full((5, 6, 1), 255, np.uint8)
    alpha[1, 2] = 0

    found = read_mask(save(np.concatenate([painted, alpha], axis=2), tmp_path / "mask.png"))

    assert found[1, 2] == 0
    assert found[2, 2] == RED


def test_labels_of_16_bits_are_taken_as_they_are(tmp_path):
    labels = np.arange(30, dtype=np.uint16).reshape(5, 6) * np.uint16(1000)

    np.testing.assert_array_equal(read_mask(save(labels, tmp_path / "mask.png")), labels)


def test_a_mask_of_floats_is_refused(tmp_path):
    path = save(np.zeros((5, 6), np.float32), tmp_path / "mask.tif")

    with pytest.raises(AnalogyError, match=r"mask\.tif: floating-point"):
        read_mask(path)


def test_shape_is_known_without_the_samples(tmp_path, rgb):
    path = save(rgb, tmp_path / "a.png")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])

    assert image_shape(path, "a.png") == (40, 50)
    with pytest.raises(AnalogyError, match="damaged"):
        read_image(path)


def test_shape_of_no_image_is_refused_by_the_name_that_it_is_given():
    with pytest.raises(AnalogyError, match=r"^upload\.png: not an image"):
        image_shape(io.BytesIO(b"text"), "upload.png")
