"""Small pictures in files, and tables of pairs of them."""

import numpy as np
from PIL import Image


def paint(folder, *names, size=(48, 64)):
    """Write an image of noise for each name, always the same for the same name."""
    for name in names:
        random = np.random.default_rng(list(name.encode()))
        image = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(image).save(folder / name)


def tabulate(folder, *rows):
    """Write rows as ``pairs.csv``; returns its path."""
    path = folder / "pairs.csv"
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path
