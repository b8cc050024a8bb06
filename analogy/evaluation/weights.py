"""Two sets of network weights side by side, on every pair of images in a folder."""

from __future__ import annotations

import numpy as np
from skimage.metrics import peak_signal_noise_ratio

from analogy.evaluation.pairs import find_pairs
from analogy.evaluation.trials import read_shrunk, run_trial
from analogy.model import bundled_path
from analogy.parameters import Parameters
from analogy.system.outputs import staged
from analogy.system.tables import Table, mean, write_sheet, write_tables

_COLUMNS = (
    "pair",
    "cost",
    "other's cost",
    "consistent",
    "other's consistent",
    "PSNR of A' between them",
    "PSNR of B between them",
)
_NOTES = (
    "Cost: of the matches of level 1, mean over both directions of minus the cosine of features, "
    "-1 at best. Each network is its own judge, so costs compare only roughly.",
    "Consistent: share of pixels whose matches lead back to within 8 pixels.",
    "PSNR in dB: how far the weights change the results; another random seed changes them as well.",
)


def compare_weights(folder, other, out, model=None, device="auto", max_side=224, parameters=None):
    """Transfer every pair of a folder with both models; write ``weights.md``, JSON and sheets.

    Parameters
    ----------
    folder : path-like
        Holds pairs of images called ``<pair>_A.<format>`` and ``<pair>_B.<format>``.
    other : path-like
        ONNX weights to compare with.
    out : path-like
        Folder for the results.
    model : path-like, optional
        ONNX weights, by default the bundled ones.
    device : "auto", "cuda" or "cpu"
    max_side : int
        Longest side to which the images are shrunk.
    parameters : Parameters, optional

    Returns
    -------
    Table

    Raises
    ------
    AnalogyError
        If the folder holds no pair, or an image or a model cannot be used.
    """
    model = bundled_path() if model is None else model
    parameters = parameters or Parameters()
    pairs = find_pairs(folder)
    rows = []
    with staged(out) as staging:
        for name, paths in pairs.items():
            a, b_prime = (read_shrunk(path, max_side) for path in paths)
            first, second = (
                run_trial(a, b_prime, parameters, weights, device) for weights in (model, other)
            )
            rows.append(_row(name, first, second))
            write_sheet(staging / f"weights_{name}.png", _sheet(a, b_prime, first, second))
        rows.append(["mean", *(mean(column) for column in list(zip(*rows, strict=True))[1:])])
        table = Table(f"Weights, images of {max_side} pixels", _COLUMNS, rows, _NOTES, decimals=3)
        write_tables(staging, "weights", [table], model=model, other=other, max_side=max_side)
    return table


def _row(name, first, second):
    psnr = (
        _psnr(getattr(first.result, image), getattr(second.result, image))
        for image in ("a_prime", "b")
    )
    return [name, first.cost, second.cost, first.consistent, second.consistent, *psnr]


def _psnr(image, other):
    """In dB; None, for infinite, where the images are equal."""
    return None if np.array_equal(image, other) else float(peak_signal_noise_ratio(image, other))


def _sheet(a, b_prime, first, second):
    return [
        [("A", a), ("A'", first.result.a_prime), ("A', other weights", second.result.a_prime)],
        [("B'", b_prime), ("B", first.result.b), ("B, other weights", second.result.b)],
    ]
