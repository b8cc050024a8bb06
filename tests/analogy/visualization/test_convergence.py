import re

import numpy as np
import pytest

from analogy.visualization.convergence import convergence_image, convergence_svg

pytestmark = pytest.mark.smoke

RECORD = [
    {"scale": 0, "level": 5, "image": "a_prime", "residuals": [0.8, 0.4, 0.3, 0.29]},
    {"scale": 0, "level": 5, "image": "b", "residuals": [0.7, 0.2]},
    {"scale": 0, "level": 2, "image": "a_prime", "residuals": [0.05]},
]
# The same at a larger size, which begins at level 3.
LARGER = [
    {"scale": 1, "level": 3, "image": "b", "residuals": [0.6, 0.5, 0.1]},
    {"scale": 1, "level": 2, "image": "a_prime", "residuals": [0.06, 0.02]},
]


def path_of(svg, entry):
    """Points and style of the line of an entry."""
    name = f"size{entry['scale'] + 1}-level{entry['level']}-{entry['image']}"
    return re.search(rf'<g id="{name}">\s*<path d="([^"]*)"[^>]*style="([^"]*)"', svg).groups()


def points(svg, entry):
    pairs = re.findall(r"[ML] (\S+ \S+)", path_of(svg, entry)[0])
    return np.array([pair.split() for pair in pairs], float)


def width(svg, entry):
    return float(re.search(r"stroke-width: ([\d.]+)", path_of(svg, entry)[1])[1])


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("record", [RECORD, RECORD + LARGER], ids=["one size", "two sizes"])
def test_every_deconvolution_has_its_line(record, dark):
    svg = convergence_svg(record, dark).decode()

    for entry in record:
        line = points(svg, entry)
        assert len(line) == len(entry["residuals"])
        assert (np.diff(line[:, 0]) > 0).all()
        # Down the page, by their logarithm.
        assert (np.diff(line[:, 1]) > 0).all()
    falls = np.diff(points(svg, RECORD[0])[:, 1])
    expected = -np.diff(np.log(RECORD[0]["residuals"]))
    np.testing.assert_allclose(falls / falls[0], expected / expected[0], rtol=1e-3)


def test_the_largest_size_of_a_level_is_thick_and_the_one_in_the_legend():
    svg = convergence_svg(RECORD + LARGER).decode()

    # Levels 5 and 4 are reconstructed from at the smallest size alone.
    thick, thin = [*RECORD[:2], *LARGER], RECORD[2:]
    (largest,) = {width(svg, entry) for entry in thick}
    assert all(width(svg, entry) < largest for entry in thin)
    named = re.findall(r"(level \d, (?:A′|B))</text>", svg)
    names = {"a_prime": "A′", "b": "B"}
    assert named == [f"level {entry['level']}, {names[entry['image']]}" for entry in thick]


def test_the_same_record_gives_the_same_file():
    assert convergence_svg(RECORD) == convergence_svg(RECORD)
    assert convergence_svg(RECORD) != convergence_svg(RECORD, dark=True)


def test_image_shows_the_lines():
    all_lines, one_line = convergence_image(RECORD), convergence_image(RECORD[:1])

    assert all_lines.dtype == np.uint8
    assert (all_lines[0, 0] == 255).all()
    assert (all_lines != one_line).any()
