"""Draws docs/images/poses.jpg: a painting that lies on its side, matched as it is and by a copy.

PYTHONPATH=.:kernels python docs/images/poses.py
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from side_by_side import panel_of, save_side_by_side

import analogy

ROOT = Path(__file__).parents[2]
OUT = Path(__file__).with_name("poses.jpg")


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
    panels = [panel_of(image) for image in (a, b_prime, *(found.a_prime for found in results))]
    save_side_by_side(panels, OUT)


if __name__ == "__main__":
    main()
