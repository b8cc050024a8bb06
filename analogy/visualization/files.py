"""The files of ``run --viz``."""

from __future__ import annotations

import numpy as np
from PIL import Image

from analogy.system.outputs import make_folder, write_image
from analogy.system.tables import write_sheet
from analogy.visualization.colours import confidence_bar, flow_wheel
from analogy.visualization.convergence import convergence_image

_WHEEL_SIDE = 201
_BAR_SIZE = (201, 24)

# Longest side of an image on the contact sheet, in pixels.
_THUMBNAIL_SIDE = 240


def write_visualization(folder, a, b_prime, result, pictures):
    """Write what a run did as PNG files.

    Per level ``level5_flow_ab.png`` and so on: the fields on the wheel of colours, the results
    were it the last level (``a_prime``, ``b``), and whether matches lead back (``confidence``).
    Beside them ``convergence.png``, where there were deconvolutions, and ``overview.png``, all on
    one sheet with the legends.

    Parameters
    ----------
    folder : path-like
        Made when absent.
    a, b_prime : uint8 arrays, (height, width, 3)
    result : Analogy
    pictures : Pictures

    Raises
    ------
    AnalogyError
        If a file cannot be written.
    """
    folder = make_folder(folder)
    for level in pictures.levels:
        for name, picture in _named(level).items():
            write_image(folder / f"level{level.level}_{name}.png", picture)
    if result.record["deconvolution"]:
        write_image(folder / "convergence.png", convergence_image(result.record["deconvolution"]))
    write_sheet(folder / "overview.png", _overview(a, b_prime, result, pictures))


def _named(level):
    return {
        "flow_ab": level.ab.flow,
        "flow_ba": level.ba.flow,
        "a_prime": level.ab.result,
        "b": level.ba.result,
        "confidence_ab": level.ab.confidence,
        "confidence_ba": level.ba.confidence,
    }


def _overview(a, b_prime, result, pictures):
    """Rows of the contact sheet: the images and legends, then a row for each level."""
    images = {"A": a, "A'": result.a_prime, "B": result.b, "B'": b_prime}
    legends = {
        f"flow: {pictures.flow_radius:.0f} px at the rim": flow_wheel(_WHEEL_SIDE),
        "confidence: 0 to 1": confidence_bar(*_BAR_SIZE),
    }
    rows = [[(label, _thumbnail(image)) for label, image in images.items()] + [*legends.items()]]
    for level in pictures.levels:
        rows.append(
            [
                (f"level {level.level}: {name}", _thumbnail(picture))
                for name, picture in _named(level).items()
            ]
        )
    return rows


def _thumbnail(image):
    thumbnail = Image.fromarray(image)
    thumbnail.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    return np.asarray(thumbnail)
