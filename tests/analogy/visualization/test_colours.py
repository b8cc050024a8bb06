import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv

from analogy.visualization.colours import (
    confidence_bar,
    confidence_colours,
    error_colours,
    flow_colours,
    flow_wheel,
)


def colour(*flow, radius=10.0):
    return flow_colours(np.float32([[flow]]), radius)[0, 0]


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        ((0, 0), (255, 255, 255)),
        ((10, 0), (255, 0, 0)),
        ((-10, 0), (0, 255, 255)),
        ((5, 0), (255, 128, 128)),
        ((40, 0), (255, 0, 0)),
    ],
)
def test_known_displacements(flow, expected):
    np.testing.assert_allclose(colour(*flow), expected, atol=1)


def test_hue_turns_with_the_direction():
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    flow = np.stack([np.cos(angles), np.sin(angles)], axis=-1)[None]

    hues = rgb_to_hsv(flow_colours(flow, 1.0) / 255)[0, :, 0]

    np.testing.assert_allclose(hues, angles / (2 * np.pi), atol=1 / 255)


def test_wheel_shows_each_displacement_from_its_middle():
    wheel = flow_wheel(41)

    np.testing.assert_array_equal(wheel[20, 20], 255)
    for x, y in ((35, 20), (20, 4), (10, 12)):
        np.testing.assert_array_equal(wheel[y, x], colour(x - 20, y - 20, radius=20.5))
    np.testing.assert_array_equal(wheel[0, 0], 255)


def test_bar_shows_confidences_in_their_colours():
    bar = confidence_bar(101, 3)

    assert bar.shape == (3, 101, 3)
    for share in (0, 0.25, 1):
        expected = confidence_colours(np.float32([[share]]))[0, 0]
        np.testing.assert_array_equal(bar[1, round(100 * share)], expected)
    # Brighter to the right, also for those who see no colours.
    assert (np.diff(bar[0] @ (0.3, 0.6, 0.1)) > -1).all()
    assert bar[0, -1].sum() > 2 * bar[0, 0].sum()


def test_unknown_displacements_are_black():
    assert not flow_colours(np.float32([[(np.nan, 1), (3, np.nan)]]), 5.0).any()


def test_errors_are_the_brighter_the_larger():
    colours = error_colours(np.array([[0.0, 1.0, 3.0, 5.0, 50.0, np.nan]]), 5.0)[0].astype(int)

    brightness = colours.sum(axis=-1)
    assert brightness[0] < 20
    assert (np.diff(brightness[:4]) > 0).all()
    assert (colours[3:5] == 255).all()
    assert (colours[5] == (0, 0, 139)).all()
