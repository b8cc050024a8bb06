"""Flow between neighbouring frames: category I of the paper's evaluation, table 1.

The frames of a pair show one scene, so how well the first can be rebuilt from the second, and how
far the matches lie from the true motion, tell how good the matches are.
"""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from skimage.color import rgb2gray
from skimage.metrics import peak_signal_noise_ratio
from skimage.registration import optical_flow_ilk, optical_flow_tvl1

from analogy.errors import AnalogyError
from analogy.evaluation.flow_file import read_flow
from analogy.images import read_image
from analogy.method.flow import displacements
from analogy.method.transfer import transfer
from analogy.parameters import PRESETS
from analogy.system.device import resolve
from analogy.system.tables import Table, mean, write_sheet, write_tables
from analogy.visualization.colours import error_colours, flow_colours
from analogy_kernels.imaging.vote import vote, vote_field
from analogy_kernels.matching.colour import COLOUR_CHANNELS, append_colour
from analogy_kernels.matching.patchmatch import patchmatch

CATEGORY_I = PRESETS["flow"]

# Mean over 23 pairs: PSNR in dB, endpoint error in pixels.
TABLE_1 = (
    ("SIFT Flow", 27.97, 0.91),
    ("DeepFlow2", 30.04, 0.34),
    ("PatchMatch", 35.18, 22.40),
    ("Deep Image Analogy", 34.16, 3.21),
)

# Barnes et al. (2009).
_PATCHMATCH_SIDE = 7

# Of the sheets' error maps: what is white, in pixels.
_WORST_SHOWN = 5.0

_FILES = ("frame10.png", "frame11.png", "flow10.flo")


@dataclass(frozen=True)
class Pair:
    """Two frames and the motion between them.

    Attributes
    ----------
    name : str
    first, second : uint8 arrays, (height, width, 3)
    flow : float32 array, (height, width, 2)
        From the first to the second, (dx, dy) in pixels; NaN where unknown.
    """

    name: str
    first: np.ndarray
    second: np.ndarray
    flow: np.ndarray


@dataclass(frozen=True)
class Estimate:
    """What a method found for a pair.

    Attributes
    ----------
    picture : uint8 array, (height, width, 3)
        The first frame rebuilt from the second.
    flow : float32 array, (height, width, 2)
        Flow by which it was rebuilt.
    """

    picture: np.ndarray
    flow: np.ndarray


def evaluate(folder, out, device="auto", model=None, parameters=CATEGORY_I, report=print):
    """Measure pictures and flow on Middlebury's pairs, beside other methods.

    Writes ``middlebury.md``, ``middlebury.json`` and a sheet ``<pair>.png`` for each pair.

    Parameters
    ----------
    folder : path-like
        Holds a folder per pair, with frame10.png, frame11.png and flow10.flo.
    out : path-like
        Folder, opened by :func:`analogy.system.outputs.staged`.
    device : "auto", "cuda" or "cpu"
    model : path-like, optional
    parameters : Parameters
    report : callable, str -> None
        Called with a line for each pair when it is done.

    Returns
    -------
    list of Table

    Raises
    ------
    AnalogyError
        If there is no pair, or a file cannot be read or does not fit the others.
    """
    pairs = find_pairs(folder)
    rows, records = [], {}
    for pair in map(read_pair, pairs):
        estimates, records[pair.name] = _estimate_by_all(pair, device, model, parameters)
        figures = {name: _figures(pair, estimate) for name, estimate in estimates.items()}
        rows.append((pair.name, *(figure for both in figures.values() for figure in both)))
        write_sheet(Path(out, f"{pair.name}.png"), _sheet_rows(pair, estimates, figures))
        report(f"{pair.name}: {_described(*figures['ours'])}")
    tables = [_measured(rows, estimates), _published()]
    write_tables(out, "middlebury", tables, **_facts(parameters, records))
    return tables


def find_pairs(folder):
    """Folders of the pairs that have all three files, by name."""
    folder = Path(folder)
    if not folder.is_dir():
        raise AnalogyError(f"{folder}: no such folder; give the one that holds the pairs")
    found = sorted(
        path for path in folder.iterdir() if all((path / file).is_file() for file in _FILES)
    )
    if not found:
        raise AnalogyError(
            f"{folder}: no folder in it has {', '.join(_FILES)}; give the one that holds the pairs"
        )
    return found


def read_pair(folder):
    """Read the pair in a folder.

    Raises
    ------
    AnalogyError
        If a file cannot be read, or frames and flow differ in size.
    """
    first, second = (read_image(folder / file) for file in _FILES[:2])
    flow = read_flow(folder / _FILES[2])
    if not first.shape[:2] == second.shape[:2] == flow.shape[:2]:
        raise AnalogyError(f"{folder}: frames and flow differ in size; fetch the pair anew")
    return Pair(folder.name, first, second, flow)


def endpoint_errors(flow, true_flow):
    """Distance of each displacement from the true one, NaN where that is unknown."""
    return np.linalg.norm(flow - true_flow, axis=-1)


def by_patchmatch(pair, device, parameters):
    """Plain PatchMatch of 7x7 patches of colour, voted for like the method's own matches."""
    on = resolve(device)
    shape, (first, second) = pair.first.shape[:2], (_centred(pair.first), _centred(pair.second))
    source, other = (on.empty((*shape, COLOUR_CHANNELS)) for _ in range(2))
    append_colour(on.asarray(first), 1.0, True, source, 0)
    append_colour(on.asarray(second), 1.0, False, other, 0)
    nnf, _ = patchmatch(
        source,
        other,
        _PATCHMATCH_SIDE,
        iterations=parameters.iterations(1),
        seed=parameters.seed,
        bound=0.0,
    )
    picture = vote(on.asarray(pair.second), nnf, parameters.vote_side)
    return Estimate(on.to_host(picture), displacements(on.to_host(nnf)))


def by_optical_flow(pair, method):
    """One of scikit-image's methods; a vote would only blur what its smooth flow fetches."""
    dy, dx = method(rgb2gray(pair.first), rgb2gray(pair.second))
    flow = np.stack([dx, dy], axis=-1).astype(np.float32)
    field = _positions(flow)
    return Estimate(vote_field(pair.second, field, 1), flow)


def _estimate_by_all(pair, device, model, parameters):
    ours = transfer(pair.first, pair.second, parameters, model=model, device=device)
    estimates = {
        "ours": Estimate(ours.a_prime, ours.flow_ab),
        "PatchMatch": by_patchmatch(pair, device, parameters),
        "TV-L1": by_optical_flow(pair, optical_flow_tvl1),
        "ILK": by_optical_flow(pair, optical_flow_ilk),
    }
    return estimates, ours.record


def _figures(pair, estimate):
    psnr = peak_signal_noise_ratio(pair.first, estimate.picture)
    return float(psnr), float(np.nanmean(endpoint_errors(estimate.flow, pair.flow)))


def _measured(rows, methods):
    means = [mean(column) for column in list(zip(*rows, strict=True))[1:]]
    columns = [f"{name}, {figure}" for name in methods for figure in ("dB", "px")]
    return Table(
        "Middlebury: reconstruction and flow",
        ("pair", *columns),
        [*rows, ("mean", *means)],
        (
            "dB: PSNR of the first frame rebuilt from the second. px: mean endpoint error of the "
            "flow, where it is known. Both are of the same run.",
            "PatchMatch: this project's, 7x7 patches of colour, by the same vote as ours. TV-L1 "
            "and ILK: scikit-image's, their pictures sampled bilinearly without a vote.",
        ),
    )


def _published():
    return Table(
        "The paper's table 1",
        ("method", "dB", "px"),
        list(TABLE_1),
        ("Means over 23 pairs of Middlebury's, as published; the pairs above are some of them.",),
    )


def _facts(parameters, records):
    return {
        "parameters": asdict(parameters),
        "machine": {"system": platform.platform(), "python": platform.python_version()},
        "runs": records,
    }


def _sheet_rows(pair, estimates, figures):
    largest = float(np.nanmax(np.linalg.norm(pair.flow, axis=-1)))
    known = f"true flow, up to {largest:.1f} px"
    frames = [
        ("first frame", pair.first),
        ("second frame", pair.second),
        (known, flow_colours(pair.flow, largest)),
    ]
    methods = [
        [
            (f"{name}: {_described(*figures[name])}", estimate.picture),
            ("flow", flow_colours(estimate.flow, largest)),
            (
                f"error of the flow, white from {_WORST_SHOWN:.0f} px",
                error_colours(endpoint_errors(estimate.flow, pair.flow), _WORST_SHOWN),
            ),
        ]
        for name, estimate in estimates.items()
    ]
    return [frames, *methods]


def _described(psnr, error):
    return f"{psnr:.2f} dB, {error:.2f} px"


def _centred(image):
    return image.astype(np.float32) - np.float32(127.5)


def _positions(flow):
    grid = np.moveaxis(np.indices(flow.shape[:2]), 0, -1)
    return np.ascontiguousarray(flow[..., ::-1] + grid, np.float32)
