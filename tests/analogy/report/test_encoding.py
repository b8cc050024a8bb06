import base64
import io
import zlib

import numpy as np
import pytest
from PIL import Image

from analogy.report.encoding import pack_flow, picture_uri


def unpack(packed):
    """Samples, (rows, columns, 2), in pixels."""
    values = np.frombuffer(zlib.decompress(base64.b64decode(packed["values"])), "<i2")
    planes = values.reshape(2, packed["rows"], packed["columns"])
    return np.moveaxis(np.cumsum(planes, axis=-1, dtype=np.int16), 0, -1) / packed["unit"]


def picture_of(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))))


def test_whole_displacements_come_back_exactly(random):
    flow = random.integers(-90, 90, (30, 40, 2)).astype(np.float32)

    packed = pack_flow(flow, 40)

    assert (packed["first"], packed["step"]) == (0, 1)
    np.testing.assert_array_equal(unpack(packed), flow)


def test_fractions_come_back_to_a_sixteenth(random):
    flow = random.uniform(-90, 90, (30, 40, 2)).astype(np.float32)

    assert np.abs(unpack(pack_flow(flow, 40)) - flow).max() <= 1 / 16


@pytest.mark.parametrize("samples", [39, 20, 13, 7, 1])
def test_coarser_grids_hold_the_displacements_of_their_own_pixels(random, samples):
    flow = random.integers(-90, 90, (30, 40, 2)).astype(np.float32)

    packed = pack_flow(flow, samples)

    first, step = packed["first"], packed["step"]
    assert max(packed["rows"], packed["columns"]) <= samples
    np.testing.assert_array_equal(unpack(packed), flow[first::step, first::step])


def test_displacements_beyond_sixteen_bits_are_rounded_as_far_as_needed():
    flow = np.float32([[[90_000, -90_000], [-90_000, 90_000], [12, 0]]])

    np.testing.assert_allclose(unpack(pack_flow(flow, 3)), flow, atol=0.5 * 90_000 / 32_767)


def test_pictures_are_shrunk_and_kept_like():
    y, x = np.mgrid[:300, :200]
    image = np.stack([y * 255 // 300, x, 255 - x], axis=-1).astype(np.uint8)

    picture = picture_of(picture_uri(image, 100, 50_000))

    assert picture.size == (67, 100)
    expected = np.asarray(Image.fromarray(image).resize((67, 100), Image.Resampling.BICUBIC))
    assert np.abs(np.asarray(picture, float) - expected).mean() < 2


@pytest.mark.parametrize("limit", [30_000, 3_000])
def test_noise_is_kept_under_the_limit(random, limit):
    noise = random.integers(0, 256, (256, 256, 3), dtype=np.uint8)

    encoded = picture_uri(noise, 256, limit).partition(",")[2]

    assert 0.2 * limit < len(base64.b64decode(encoded)) < limit
