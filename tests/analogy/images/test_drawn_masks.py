import io
import logging

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from analogy.images import read_mask
from analogy.images.drawn_masks import at_size, meant_labels

COLOURS = [(255, 255, 255), (255, 0, 0), (0, 0, 255)]


def shapes(count=1, width=300, height=240, background=(0, 0, 0)):
    image = Image.new("RGB", (width, height), background)
    draw = ImageDraw.Draw(image)
    for index in range(count):
        left = 20 + 90 * index
        draw.ellipse((left, 40, left + 70, 190), fill=COLOURS[index])
    return image


def labels_of(image, path):
    image.save(path)
    return read_mask(path)


def soft(image, radius=3):
    return image.filter(ImageFilter.GaussianBlur(radius))


def jpeg(image, quality=75):
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


DRAWN = {
    "soft": soft,
    "very soft": lambda image: soft(image, 8),
    "JPEG": jpeg,
    "bad JPEG": lambda image: jpeg(image, 40),
    "soft JPEG": lambda image: jpeg(soft(image)),
    "enlarged": lambda image: image.resize((150, 120)).resize((300, 240), Image.Resampling.BICUBIC),
}


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("drawn", DRAWN)
def test_masks_are_brought_to_what_was_meant(tmp_path, drawn, count, both):
    hard = labels_of(shapes(count), tmp_path / "hard.png")
    image = labels_of(DRAWN[drawn](shapes(count)), tmp_path / "drawn.png")
    other = labels_of(soft(shapes(count)), tmp_path / "other.png") if both else hard

    found, beside = meant_labels([image, other], ["a", "b"])

    assert set(np.unique(found)) == set(np.unique(beside))
    assert len(np.unique(found)) == count + 1
    if not both:
        np.testing.assert_array_equal(beside, hard)
        # Edges alone change, by a few pixels of a circumference of some 350 each.
        assert np.count_nonzero(found != hard) < 350 * count * 3


def exact_masks():
    random = np.random.default_rng(0)
    yield np.repeat(np.arange(8), 10)[None].repeat(40, 0)
    yield np.kron(random.permutation(150).reshape(10, 15), np.ones((12, 12), int))
    yield np.kron(random.integers(0, 2**24, (10, 15)), np.ones((12, 12), int))
    lines = np.zeros((40, 50), int)
    lines[7], lines[:, 9], lines[30, 4] = 0xFF0000, 0x00FF00, 0x808080
    yield lines


@pytest.mark.parametrize("mask", list(exact_masks()))
def test_exact_masks_stay_what_they_are(mask):
    mask = mask.astype(np.int32)

    found, other = meant_labels([mask, mask[::-1]], ["a", "b"])

    np.testing.assert_array_equal(found, mask)
    np.testing.assert_array_equal(other, mask[::-1])


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (200, 30, 30)])
@pytest.mark.parametrize("radius", [0, 4])
def test_a_shape_on_transparency_has_a_label(tmp_path, colour, radius):
    alpha = shapes(1).convert("L").filter(ImageFilter.GaussianBlur(radius))
    image = Image.new("RGBA", alpha.size, colour)
    image.putalpha(alpha)

    found = labels_of(image, tmp_path / "mask.png")

    inside = np.asarray(shapes(1).convert("L")) > 0
    assert len(np.unique(found)) == 2
    assert (np.asarray(found != 0) != inside).mean() < 0.01


def test_a_colour_that_the_other_lacks_is_not_explained_away():
    a, b = np.zeros((40, 50), np.int32), np.zeros((40, 50), np.int32)
    a[:10], b[:10], a[20, 20] = 0xFF0000, 0xFF0000, 0x00FF00

    found, _ = meant_labels([a, b], ["a", "b"])

    np.testing.assert_array_equal(found, a)


def test_another_size_is_brought_to_the_images_and_told(caplog):
    mask = np.arange(6, dtype=np.int32).reshape(2, 3)

    with caplog.at_level(logging.WARNING):
        found = at_size(mask, (4, 6), "m.png")

    np.testing.assert_array_equal(found, mask.repeat(2, 0).repeat(2, 1))
    assert "m.png: 3 x 2 px, brought to the image's 6 x 4 px" in caplog.text
    np.testing.assert_array_equal(at_size(found, (2, 3), "m.png"), mask)


def test_the_black_of_jpeg_is_free(tmp_path):
    image = labels_of(jpeg(shapes(1, background=(2, 2, 2)), 70), tmp_path / "mask.png")

    (found,) = meant_labels([image], ["keep"])

    assert 0 in found
    assert len(np.unique(found)) == 2
