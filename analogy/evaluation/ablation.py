"""What each part of the method does for a pair of images: figures 5, 7, 8 and 19 of the paper."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from analogy.evaluation.trials import read_shrunk, run_trial
from analogy.method.flow import displacements
from analogy.parameters import LEVELS, Parameters
from analogy.system.outputs import staged
from analogy.system.tables import Table, write_sheet, write_tables
from analogy.visualization.colours import flow_colours
from analogy.visualization.levels import nnf_at_full_size, result_at_full_size

VARIANTS: dict[str, dict[str, Any]] = {
    # Refined as well: its sheet wants both.
    "default": {"refine": True},
    "single direction": {"single_direction": True},
    "resampling": {"reconstruction": "resampling"},
    "depth 1": {"deconv_depth": 1},
    "offset -0.1": {"alpha_offset": -0.1},
    "offset +0.1": {"alpha_offset": 0.1},
    "independent levels": {"independent_levels": True},
}

# Variants side by side, each with what the sheet calls it.
SHEETS = {
    "reconstruction": {
        "default": "bidirectional, deconvolution",
        "single direction": "single direction",
        "resampling": "resampling",
    },
    "depth": {"depth 1": "deconvolution by one level", "default": "by two levels"},
    "weights": {"offset -0.1": "offset -0.1", "default": "offset 0", "offset +0.1": "offset +0.1"},
}
LEVELS_SHEET = {"default": "hierarchical", "independent levels": "independent"}

_COLUMNS = ("variant", "residual", "cost", "consistent", "seconds")
_NOTES = (
    "Residual: `|CNN(x) - wanted|^2 / |wanted|^2` at the end of the deconvolutions, mean over "
    "levels and directions.",
    "Cost: of the matches of level 1, mean over both directions of minus the cosine of features, "
    "-1 at best. Each variant matches features that it made itself: a low cost shows that A' was "
    "made of what B' has, not that it looks like A.",
    "Consistent: share of pixels whose matches lead back to within 8 pixels.",
)


def ablate(path_a, path_b_prime, out, model=None, device="auto", max_side=256, parameters=None):
    """Run each variant of the method once; write ``ablation.md``, JSON and labelled sheets.

    Parameters
    ----------
    path_a, path_b_prime : path-like
    out : path-like
        Folder for the results.
    model : path-like, optional
        ONNX weights, by default the bundled ones.
    device : "auto", "cuda" or "cpu"
    max_side : int
        Longest side to which the images are shrunk.
    parameters : Parameters, optional
        Parameters that the variants depart from.

    Returns
    -------
    Table

    Raises
    ------
    AnalogyError
        If an image or the model cannot be used.
    """
    usual = parameters or Parameters()
    a, b_prime = (read_shrunk(path, max_side) for path in (path_a, path_b_prime))
    with staged(out) as staging:
        trials = {
            name: run_trial(a, b_prime, replace(usual, **changes), model, device)
            for name, changes in VARIANTS.items()
        }
        for name, labels in SHEETS.items():
            write_sheet(staging / f"{name}.png", _results_sheet(a, b_prime, trials, labels))
        write_sheet(staging / "refinement.png", _refinement_sheet(a, b_prime, trials))
        write_sheet(staging / "levels.png", _levels_sheet(a, b_prime, trials, usual))
        rows = [
            [name, trial.residual, trial.cost, trial.consistent, trial.seconds]
            for name, trial in trials.items()
        ]
        table = Table(f"Ablation, images of {max_side} pixels", _COLUMNS, rows, _NOTES, decimals=3)
        facts = {"a": path_a, "b_prime": path_b_prime, "max_side": max_side}
        records = {name: trial.result.record for name, trial in trials.items()}
        write_tables(staging, "ablation", [table], **facts, runs=records)
    return table


def _results_sheet(a, b_prime, trials, labels):
    results = {label: trials[name].result for name, label in labels.items()}
    return [
        [("A", a), *((f"A', {label}", result.a_prime) for label, result in results.items())],
        [("B'", b_prime), *((f"B, {label}", result.b) for label, result in results.items())],
    ]


def _refinement_sheet(a, b_prime, trials):
    result = trials["default"].result
    return [
        [("A", a), ("A'", result.a_prime), ("A', refined", result.a_prime_refined)],
        [("B'", b_prime), ("B", result.b), ("B, refined", result.b_refined)],
    ]


def _levels_sheet(a, b_prime, trials, parameters):
    """Field of A at every level, and what it would make of A were the level the last."""
    shapes = a.shape[:2], b_prime.shape[:2]
    votes = parameters.vote_side, parameters.vote_width
    fields = {
        (label, level): trials[name].fields[level][0]
        for name, label in LEVELS_SHEET.items()
        for level in LEVELS
    }
    flows, results = {}, {}
    for (label, level), nnf in fields.items():
        flows[label, level] = displacements(nnf_at_full_size(nnf, level, *shapes))
        results[label, level] = result_at_full_size(nnf, level, a, b_prime, *votes)
    # One scale for all, so that equal colours are equal displacements.
    largest = max(np.linalg.norm(flow, axis=-1).max() for flow in flows.values())
    rows = [[("A", a), ("B'", b_prime)]]
    for label in LEVELS_SHEET.values():
        by_level = [(f"{label}, {level}", (label, level)) for level in LEVELS]
        rows.append([(text, flow_colours(flows[key], largest)) for text, key in by_level])
        rows.append([(text, results[key]) for text, key in by_level])
    return rows
