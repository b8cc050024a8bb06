import numpy as np

from examples.inpainting import inpaint


def test_a_hole_in_a_periodic_texture_is_restored_and_the_rest_stays():
    y, x = np.indices((48, 64))
    waves = [np.sin(2 * np.pi * y / 8), np.cos(2 * np.pi * x / 8), np.sin(2 * np.pi * (x + y) / 8)]
    image = (0.5 + 0.4 * np.stack(waves, axis=2)).astype(np.float32)
    hole = np.zeros(image.shape[:2], bool)
    hole[18:30, 26:38] = True

    # What is in the hole is not to be read.
    filled = inpaint(np.where(hole[..., None], np.float32(7), image), hole, levels=2)

    np.testing.assert_array_equal(filled[~hole], image[~hole])
    error = np.square(filled - image)[hole].mean()
    by_the_mean = np.square(image[~hole].mean(axis=0) - image)[hole].mean()
    assert error < by_the_mean / 20
