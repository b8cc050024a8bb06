import numpy as np

from analogy.evaluation.flow_colours import flow_image


def test_hue_is_direction_and_depth_is_length():
    flow = np.float32([[[0, 0], [2, 0], [1, 0], [9, 0], [-2, 0]]])

    colours = flow_image(flow, largest=2)

    white, red, half_red, longer, cyan = colours[0].tolist()
    assert white == [255, 255, 255]
    assert red == longer == [255, 0, 0]
    assert half_red == [255, 128, 128]
    assert cyan == [0, 255, 255]


def test_four_directions_have_four_colours():
    flow = np.float32([[[1, 0], [0, 1], [-1, 0], [0, -1]]])

    assert len(np.unique(flow_image(flow, 1)[0], axis=0)) == 4
