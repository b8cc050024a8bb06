"""Folders of pairs of images, ``<pair>_A.<format>`` and ``<pair>_B.<format>``."""

from __future__ import annotations

import glob
from pathlib import Path

from analogy.errors import AnalogyError
from analogy.images import readable_endings


def find_pairs(folder):
    """Pairs of images in a folder: name -> (path of A, path of B), by name.

    Raises
    ------
    AnalogyError
        If there is none, or two images have one name but for their format.
    """
    found = {}
    for path in sorted(Path(folder).glob("?*_A.*")):
        name = path.stem.removesuffix("_A")
        paths = [find_image(folder, f"{name}_{side}") for side in "AB"]
        if all(paths):
            found[name] = tuple(paths)
    if not found:
        raise AnalogyError(
            f"{folder}: holds no pairs of images; name them <pair>_A.png and <pair>_B.png"
        )
    return found


def find_image(folder, stem):
    """Path of a folder's image of some name, whatever its format; None where there is none.

    Raises
    ------
    AnalogyError
        If there are two of that name.
    """
    found = [
        path
        for path in sorted(Path(folder).glob(f"{glob.escape(stem)}.*"))
        if path.stem == stem and path.suffix.lower() in readable_endings()
    ]
    if len(found) > 1:
        raise AnalogyError(
            f"{folder}: {found[0].name} and {found[1].name} are both the image {stem}; remove one"
        )
    return found[0] if found else None
