import numpy as np

from analogy.evaluation.flow_colours import error_image, flow_image


def test_directions_have_middleburys_hues():
    flow = np.array([[(1, 0), (0, 1), (-1, 0), (0, -1), (0, 0), (np.nan, 0)]], float)

    right, down, left, up, still, unknown = flow_image(flow, 1.0)[0].astype(int)

    # Red to the right, yellow below, blue-green to the left, blue-violet above.
    assert right[0] == 255
    assert right[1:].max() < 20
    assert down[:2].min() > 200
    assert down[2] == 0
    assert left[0] == 0
    assert left[1:].min() > 150
    assert up[2] == 255
    assert up[:2].max() < 160
    assert (still == 255).all()
    assert (unknown == 0).all()


def test_lengths_are_saturations():
    flow = np.array([[(0.25, 0), (0.5, 0), (1, 0), (2, 0)]])

    saturation = 255 - flow_image(flow, 1.0)[0, :, 2].astype(int)
    longest = flow_image(flow, 1.0)[0, 3]

    assert saturation[0] < saturation[1] < saturation[2]
    assert longest[0] == 255 * 3 // 4


def test_errors_are_the_brighter_the_larger():
    image = error_image(np.array([[0.0, 1.0, 3.0, 5.0, 50.0, np.nan]]), 5.0)[0].astype(int)

    sums = image.sum(axis=-1)
    assert sums[0] == 0
    assert (np.diff(sums[:4]) > 0).all()
    assert (image[3:5] == 255).all()
    assert (image[5] == (0, 0, 120)).all()
