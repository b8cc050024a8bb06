"""Draws docs/images/poses.jpg: a painting that lies on its side, matched as it is and by a copy.

PYTHONPATH=.:kernels python docs/images/poses.py
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

import analogy

ROOT = Path(__file__).parents[2]
OUT = Path(__file__).with_name("poses.jpg")

_HEIGHT, _GAP = 300, 10


def main():
    """Transfer with and without copies of B', and draw both beside the images."""
    a, upright = (
        analogy.read_image(ROOT / "examples" / f"{name}.png") for name in ("castle", "church")
    )
    b_prime, session = np.rot90(upright), analogy.Session()
    preset = analogy.PRESETS["photo2style"]
    results = [
        analogy.transfer(a, b_prime, replace(preset, pose=pose), session=session)
        for pose in ("none", "auto")
    ]
    print("; ".join(str(entry) for entry in results[-1].record["poses"]))
    panels = [_panel(image) for image in (a, b_prime, *(found.a_prime for found in results))]
    width = sum(panel.width for panel in panels) + _GAP * (len(panels) - 1)
    sheet = Image.new("RGB", (width, _HEIGHT), "white")
    left = 0
    for panel in panels:
        sheet.paste(panel, (left, 0))
        left += panel.width + _GAP
    sheet.save(OUT, quality=88)


def _panel(image):
    size = round(image.shape[1] * _HEIGHT / image.shape[0]), _HEIGHT
    return Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
