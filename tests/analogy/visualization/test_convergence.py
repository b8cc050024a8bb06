import re

import numpy as np
import pytest

from analogy.visualization.convergence import convergence_image, convergence_svg

pytestmark = pytest.mark.smoke

RECORD = [
    {"level": 5, "image": "a_prime", "residuals": [0.8, 0.4, 0.3, 0.29]},
    {"level": 5, "image": "b", "residuals": [0.7, 0.2]},
    {"level": 2, "image": "a_prime", "residuals": [0.05]},
]


def points(svg, level, image):
    path = re.search(rf'<g id="level{level}-{image}">\s*<path d="([^"]*)"', svg)
    return np.array([pair.split() for pair in re.findall(r"[ML] (\S+ \S+)", path[1])], float)


@pytest.mark.parametrize("dark", [False, True])
def test_every_deconvolution_has_its_line(dark):
    svg = convergence_svg(RECORD, dark).decode()

    for entry in RECORD:
        line = points(svg, entry["level"], entry["image"])
        assert len(line) == len(entry["residuals"])
        assert (np.diff(line[:, 0]) > 0).all()
        # Down the page, by their logarithm.
        assert (np.diff(line[:, 1]) > 0).all()
    falls = np.diff(points(svg, 5, "a_prime")[:, 1])
    expected = -np.diff(np.log(RECORD[0]["residuals"]))
    np.testing.assert_allclose(falls / falls[0], expected / expected[0], rtol=1e-3)


def test_the_same_record_gives_the_same_file():
    assert convergence_svg(RECORD) == convergence_svg(RECORD)
    assert convergence_svg(RECORD) != convergence_svg(RECORD, dark=True)


def test_image_shows_the_lines():
    all_lines, one_line = convergence_image(RECORD), convergence_image(RECORD[:1])

    assert all_lines.dtype == np.uint8
    assert (all_lines[0, 0] == 255).all()
    assert (all_lines != one_line).any()
