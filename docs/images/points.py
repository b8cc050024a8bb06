"""Draws docs/images/points.jpg: a match that three points mend.

    PYTHONPATH=.:kernels python docs/images/points.py

The castle's roof is to be the church's orange one. First what comes out by itself, then by three
points, from what the first transfer has left.
"""

import time
from pathlib import Path

import numpy as np
from PIL import ImageDraw, ImageFont
from side_by_side import HEIGHT, panel_of, save_side_by_side

import analogy

ROOT = Path(__file__).parents[2]
OUT = Path(__file__).with_name("points.jpg")
PARAMETERS = analogy.Parameters(ratio=0.5, pose="none")

# ax, ay, bx, by: left, middle and right of the roofs.
POINTS = [(140, 163, 296, 186), (197, 166, 312, 188), (285, 164, 330, 190)]

_RADIUS = 9
_COLOURS = "#ff3d7f", "#12b4e8"


def main():
    """Transfer, transfer again, and draw both beside the points."""
    a, b_prime = (
        analogy.read_image(ROOT / "examples" / f"{name}.png") for name in ("castle", "church")
    )
    session = analogy.Session()
    # What is compiled, and loaded, is not the transfer's time.
    session.warm_up(PARAMETERS)
    options = {"session": session, "keep_remains": True}
    first, took = _timed(lambda: analogy.transfer(a, b_prime, PARAMETERS, **options))
    again, took_again = _timed(lambda: analogy.transfer_again(first.remains, POINTS))
    print(f"{took:.1f} s of processor time, again {took_again:.1f} s: {took_again / took:.2f}")
    places = np.array(POINTS)
    panels = [
        _panel(first.a_prime, []),
        _panel(a, places[:, :2], _COLOURS[0]),
        _panel(b_prime, places[:, 2:], _COLOURS[1]),
        _panel(again.a_prime, []),
    ]
    save_side_by_side(panels, OUT)


def _timed(transfer):
    started = time.process_time()
    result = transfer()
    return result, time.process_time() - started


def _panel(image, places, colour="white"):
    """An image at the sheet's height, with numbered rings about places (x, y)."""
    scale, panel = HEIGHT / image.shape[0], panel_of(image)
    draw, font = ImageDraw.Draw(panel), ImageFont.load_default(15)
    outline = {"stroke_width": 2, "stroke_fill": "black"}
    for number, place in enumerate(places, 1):
        x, y = (np.asarray(place) + 0.5) * scale
        for radius, shade, width in ((_RADIUS + 1, "black", 5), (_RADIUS, colour, 3)):
            box = x - radius, y - radius, x + radius, y + radius
            draw.ellipse(box, outline=shade, width=width)
        draw.text((x, y - _RADIUS - 4), str(number), "white", font, "mb", **outline)
    return panel


if __name__ == "__main__":
    main()
