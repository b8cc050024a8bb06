"""Every layout of a TIFF is read right, or refused by its name with what to do."""

import itertools

import numpy as np
import pytest
from PIL import Image

from analogy.errors import AnalogyError
from analogy.images import image_shape, read_image
from tests.picture_files import COMPRESSION, Tiff, colour_map, tiff

pytestmark = pytest.mark.smoke

COLOURS = {"white is 0": 1, "grey": 1, "RGB": 3, "palette": 1, "CMYK": 4}
SAMPLES = [
    *(("u", bits) for bits in (1, 2, 4, 8, 16, 32)),
    *(("i", bits) for bits in (8, 16, 32)),
    *(("f", bits) for bits in (16, 32, 64)),
]
PALETTE = np.random.default_rng(5).integers(0, 65536, (256, 3))

# What has to be read, whatever the compression; others may be refused by name.
MUST_BE_READ = {
    *(("grey", "u", bits) for bits in (1, 2, 4, 8, 16)),
    *(("white is 0", "u", bits) for bits in (1, 2, 4, 8)),
    *(("palette", "u", bits) for bits in (1, 2, 4, 8)),
    *((colour, "u", bits) for colour in ("RGB", "CMYK") for bits in (8, 16)),
}


def drawn(kind, bits, channels, random):
    if kind == "f":
        return random.random((34, 37, channels)).astype(f"f{bits // 8}")
    # What is beyond 16 bits or negative is refused for its values.
    most = min(2**bits, 2**16) if kind == "u" else 2 ** min(bits - 1, 16)
    return random.integers(0, most, (34, 37, channels)).astype(f"{kind}{max(bits, 8) // 8}")


def expected(samples, photometric, bits, extra=()):
    """The picture in 0 to 255, by the slow and obvious way, over white."""
    most = 1 if samples.dtype.kind == "f" else 2 ** min(bits, 16) - 1
    values = samples.astype(float) / most
    count = COLOURS[photometric]
    colour = values[..., :count]
    if photometric == "white is 0":
        colour = 1 - colour
    if photometric == "palette":
        colour = (PALETTE[samples[..., 0]] >> 8) / 255
    if photometric == "CMYK":
        colour = (1 - colour[..., :3]) * (1 - colour[..., 3:])
    if extra in ((1,), (2,)):
        alpha = values[..., count:]
        colour = colour * (alpha if extra == (2,) else 1) + (1 - alpha)
    return 255 * np.broadcast_to(colour, (*samples.shape[:2], 3))


def read_or_refused(path):
    try:
        return read_image(path), None
    except AnalogyError as error:
        return None, str(error)


def layouts():
    for photometric, (kind, bits) in itertools.product(COLOURS, SAMPLES):
        if photometric != "palette" or (kind == "u" and bits <= 8):
            yield photometric, kind, bits


@pytest.mark.parametrize(("photometric", "kind", "bits"), list(layouts()))
def test_a_layout_is_read_right_or_refused_by_name(tmp_path, random, photometric, kind, bits):
    samples = drawn(kind, bits, COLOURS[photometric], random)
    right = expected(samples, photometric, bits)
    tags = colour_map(PALETTE[: 2**bits], bits) if photometric == "palette" else {}
    path = tmp_path / "a.tif"
    for compression, order, planes, tile, predictor, big, turned in itertools.product(
        COMPRESSION, "<>", (False, True), (None, 16), (False, True), (False, True), (False, True)
    ):
        # The odd ones by themselves; all pairs of them would be as many again four times.
        if big + turned > 1 or (big and order == ">") or ((big or turned) and (tile or predictor)):
            continue
        if predictor and (kind == "f" or bits < 8 or compression in ("none", "PackBits")):
            continue
        layout = Tiff(
            photometric, compression, bits, order, planes, tile, (), predictor, big, turned, tags
        )
        path.write_bytes(tiff(samples, layout))
        image, refusal = read_or_refused(path)
        if refusal:
            assert refusal.startswith(f"{path}: a TIFF of {bits}-bit"), layout
            assert "save it anew as PNG" in refusal
            is_odd = turned or (planes and COLOURS[photometric] == 1)
            assert is_odd or (photometric, kind, bits) not in MUST_BE_READ, layout
            continue
        # High bytes of 16 bits are up to one step below; inks are multiplied in 8 bits.
        assert np.abs(image - right).max() <= (2.5 if photometric == "CMYK" else 1), layout


@pytest.mark.parametrize("compression", COMPRESSION)
@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("photometric", ["grey", "RGB"])
@pytest.mark.parametrize("extra", [0, 1, 2])
def test_further_samples_are_what_they_are_said_to_be(
    tmp_path, random, compression, bits, photometric, extra
):
    kind = "f" if bits == 32 else "u"
    count = COLOURS[photometric]
    samples = drawn(kind, bits, count + 1, random)
    if extra == 1:
        # Little alpha leaves little of the colour in 8 bits.
        samples[..., -1] = np.maximum(samples[..., -1], 0.5 if kind == "f" else 2 ** (bits - 1))
        samples[..., :-1] = np.minimum(samples[..., :-1], samples[..., -1:])
    right = expected(samples, photometric, bits, (extra,))
    path = tmp_path / "a.tif"
    for order, planes, tile in itertools.product("<>", (False, True), (None, 16)):
        layout = Tiff(photometric, compression, bits, order, planes, tile, (extra,))
        path.write_bytes(tiff(samples, layout))
        image, refusal = read_or_refused(path)
        if refusal:
            assert compression == "LZW", layout
            assert refusal.startswith(f"{path}: a TIFF of {bits}-bit"), layout
            continue
        # A high byte of both colour and alpha, and the rounding of their product.
        assert np.abs(image - right).max() <= 3, layout


def test_lab_becomes_rgb(tmp_path):
    # White, black, and the red, green and blue of sRGB under D50.
    lab = [(100, 0, 0), (0, 0, 0), (54.3, 80.8, 69.9), (87.8, -79.3, 81.0), (29.6, 68.3, -112.0)]
    samples = np.zeros((34, 40, 3), np.uint8)
    for index, (lightness, *others) in enumerate(lab):
        samples[:, 8 * index : 8 * index + 8] = (
            round(lightness * 2.55),
            *np.int8(np.rint(others)).view(np.uint8),
        )
    for planes in (False, True):
        (tmp_path / "a.tif").write_bytes(tiff(samples, Tiff("LAB", planes=planes)))

        image = read_image(tmp_path / "a.tif")

        found = image[0, 4::8].astype(int)
        right = [[255] * 3, [0] * 3, [255, 0, 0], [0, 255, 0], [0, 0, 255]]
        # a and b are whole numbers: half a step is under a hundredth of the light of a channel,
        # and sRGB rises by 12.92 where it begins.
        assert np.abs(found - right).max() <= 0.01 * 12.92 * 255


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "YCbCr"])
@pytest.mark.parametrize("compression", ["jpeg", "tiff_lzw", "tiff_adobe_deflate"])
def test_what_libtiff_compresses_is_read(tmp_path, mode, compression):
    y, x = np.mgrid[:64, :80]
    image = Image.fromarray(np.dstack([4 * y, 3 * x, y + x]).astype(np.uint8)).convert(mode)
    image.save(tmp_path / "a.tif", compression=compression)

    found = read_image(tmp_path / "a.tif")

    # JPEG of a smooth picture, and colours brought there and back.
    assert np.abs(found.astype(int) - np.asarray(image.convert("RGB"))).max() <= 8


@pytest.mark.parametrize("compression", ["none", "LZW"])
@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (2, lambda image: image[:, ::-1]),
        (3, lambda image: image[::-1, ::-1]),
        (4, lambda image: image[::-1]),
        (5, lambda image: image.swapaxes(0, 1)),
        (6, lambda image: np.rot90(image, -1)),
        (7, lambda image: np.rot90(image, 2).swapaxes(0, 1)),
        (8, np.rot90),
    ],
)
def test_its_orientation_is_applied(tmp_path, random, compression, orientation, upright):
    samples = random.integers(0, 256, (34, 37, 3), dtype=np.uint8)
    layout = Tiff(compression=compression, tags={274: (3, [orientation])})
    (tmp_path / "a.tif").write_bytes(tiff(samples, layout))

    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), upright(samples))
    assert image_shape(tmp_path / "a.tif", "a") == (34, 37)


@pytest.mark.parametrize(("low", "high"), [(-0.5, 1), (0, 3), (0, np.nan)])
def test_floats_beyond_what_is_shown_are_refused_with_what_to_do(tmp_path, low, high):
    samples = np.full((34, 37, 3), low, np.float32)
    samples[0, 0] = high
    (tmp_path / "a.tif").write_bytes(tiff(samples, Tiff(bits=32)))

    with pytest.raises(AnalogyError, match=r"a\.tif: floating-point .* save it anew as PNG"):
        read_image(tmp_path / "a.tif")


def test_a_bigtiff_in_big_endian_order_is_refused_by_name(tmp_path):
    (tmp_path / "a.tif").write_bytes(
        tiff(np.zeros((34, 37, 3), np.uint8), Tiff(order=">", big=True))
    )

    with pytest.raises(AnalogyError, match=r"a\.tif: .*BigTIFF .*save it anew as PNG"):
        read_image(tmp_path / "a.tif")


def test_a_file_that_declares_more_than_it_holds_is_refused(tmp_path):
    samples = np.zeros((34, 37, 3), np.uint8)
    (tmp_path / "a.tif").write_bytes(tiff(samples, Tiff(tags={257: (4, [5000])})))

    with pytest.raises(AnalogyError, match=r"a\.tif: damaged"):
        read_image(tmp_path / "a.tif")
