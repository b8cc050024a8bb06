"""Keypoints carried from image to image, the percentage that arrives (table 2 of the paper).

The measure is PCK as PF-WILLOW has it (Ham et al., "Proposal flow", CVPR 2016): a keypoint has
arrived when it lies within a share of the longer side of the target's box; the mean is taken over
a pair's keypoints, then a class's pairs, then the classes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from analogy.errors import AnalogyError
from analogy.evaluation.json_file import read_json
from analogy.images import matching_shape, read_image, resize
from analogy.method.transfer import transfer
from analogy.model import bundled_path
from analogy.network.features import FeatureExtractor
from analogy.system.tables import Table, write_sheet, write_tables
from analogy_kernels.matching.correlation import best_of_rows, correlate
from analogy_kernels.matching.normalize import normalize
from analogy_kernels.target import target_of

ALPHAS = (0.05, 0.1, 0.15, 0.2)
_MAIN_ALPHA = 0.1

METHODS = ("analogy", "nearest neighbour", "same place")

# Level of the nearest neighbours that are compared with, and pixels in one of its side.
_LEVEL, _STRIDE = 4, 8

# Table 2: PCK in percent on PASCAL 3D+, the mean over its twelve classes, and its classes that are
# most like PF-WILLOW's.
PAPER = {
    "PatchMatch": {"mean": 4.2, "car": 4.7, "mbike": 2.0, "bottle": 2.9},
    "SIFT Flow": {"mean": 16.5, "car": 20.9, "mbike": 14.3, "bottle": 26.1},
    "Cycle consistency": {"mean": 18.3, "car": 23.3, "mbike": 6.1, "bottle": 39.1},
    "Deep image analogy": {"mean": 21.0, "car": 11.6, "mbike": 18.4, "bottle": 27.5},
}

# Of the drawn keypoints, in pixels of a picture brought to this height.
_PICTURE_HEIGHT, _RADIUS = 220, 4
_COLOURS = (
    (230, 25, 75),
    (60, 180, 75),
    (255, 225, 25),
    (0, 130, 200),
    (245, 130, 48),
    (145, 30, 180),
    (70, 240, 240),
    (240, 50, 230),
    (210, 245, 60),
    (0, 0, 0),
)


@dataclass(frozen=True)
class Pair:
    """Two images of a class and keypoints that correspond.

    Attributes
    ----------
    name : str
        Name of the class.
    a, b : pathlib.Path
    keypoints_a, keypoints_b : float arrays, (count, 2)
        (x, y) in pixels, 0 at the centre of the first.
    """

    name: str
    a: Path
    b: Path
    keypoints_a: np.ndarray
    keypoints_b: np.ndarray


def read_pairs(path, limit=None):
    """Read a file of pairs.

    Parameters
    ----------
    path : path-like
        JSON, ``{"pairs": [{"class", "a", "b", "kps_a": [[x, y], ...], "kps_b": [...]}]}``; images
        are named relative to its folder.
    limit : int, optional
        Take this many pairs of each class, the first ones.

    Returns
    -------
    list of Pair

    Raises
    ------
    AnalogyError
        If the file is missing or malformed; the message says where.
    """
    path = Path(path)
    entries = _entries(path)
    pairs, taken = [], {}
    for index, entry in enumerate(entries):
        pair = _pair(entry, path, f"{path}: pairs[{index}]")
        taken[pair.name] = taken.get(pair.name, 0) + 1
        if limit is None or taken[pair.name] <= limit:
            pairs.append(pair)
    return pairs


def evaluate(pairs, parameters, folder, *, of="box", model=None, device="auto", track=iter):
    """Carry the keypoints of all pairs by the method and by two baselines.

    Parameters
    ----------
    pairs : sequence of Pair
    parameters : Parameters
    folder : path-like
        Takes ``keypoints.md``, ``keypoints.json`` and ``keypoints.png``.
    of : "box" or "image"
        Distances are measured by the longer side of the target keypoints' bounding box or of the
        target image.
    model : path, optional
        ONNX weights, by default the bundled ones.
    device : "auto", "cuda" or "cpu"
    track : callable, sequence -> iterable, optional
        Shows how far it has come.

    Returns
    -------
    list of Table

    Raises
    ------
    AnalogyError
        If an image, the model or the device cannot be used, or a file cannot be written.
    """
    model = bundled_path() if model is None else model
    extractor = FeatureExtractor(model, device)
    # An image is in many pairs.
    features = cache(lambda path: _small_features(path, parameters, extractor))
    scores, shown = {}, {}
    for pair in track(pairs):
        a, b = read_image(pair.a), read_image(pair.b)
        flow = transfer(a, b, parameters, model=model, device=device).flow_ab
        carried = {
            "analogy": carry(pair.keypoints_a, flow),
            "nearest neighbour": _by_nearest_neighbour(pair, features),
            "same place": _by_place(pair.keypoints_a, a.shape, b.shape),
        }
        side = longer_side(pair.keypoints_b) if of == "box" else max(b.shape[:2])
        found = {
            method: percentage_correct(points, pair.keypoints_b, side)
            for method, points in carried.items()
        }
        scores.setdefault(pair.name, []).append(found)
        shown.setdefault(pair.name, _row(pair, a, b, carried))
    tables = _tables(scores, of, parameters)
    write_tables(
        folder,
        "keypoints",
        tables,
        of=of,
        parameters=asdict(parameters),
        device=extractor.device,
        pairs=_records(pairs, scores),
    )
    write_sheet(Path(folder) / "keypoints.png", list(shown.values()))
    return tables


def carry(keypoints, flow):
    """Where a flow takes keypoints.

    Parameters
    ----------
    keypoints : float array, (count, 2)
        (x, y) in pixels; one outside the image takes the flow at its border.
    flow : float32 array, (height, width, 2)
        (dx, dy).

    Returns
    -------
    float array, (count, 2)
    """
    height, width = flow.shape[:2]
    x, y = np.rint(keypoints).astype(int).T
    return keypoints + flow[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]


def percentage_correct(points, truth, side):
    """Share of points that lie within each of `ALPHAS` times `side` of the truth."""
    distance = np.linalg.norm(points - truth, axis=1)
    return [float(np.mean(distance <= alpha * side)) for alpha in ALPHAS]


def longer_side(keypoints):
    """Longer side of the bounding box of keypoints, in pixels."""
    return float(np.ptp(keypoints, axis=0).max())


def _entries(path):
    content = read_json(path)
    entries = content.get("pairs") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise AnalogyError(f'{path}: has no list "pairs" with something in it; add it')
    return entries


def _pair(entry, path, where):
    if not isinstance(entry, dict):
        raise AnalogyError(f'{where} is no object; give "class", "a", "b", "kps_a" and "kps_b"')
    name, a, b = (_text(entry, key, where) for key in ("class", "a", "b"))
    keypoints_a, keypoints_b = (_keypoints(entry, key, where) for key in ("kps_a", "kps_b"))
    if len(keypoints_a) != len(keypoints_b):
        raise AnalogyError(
            f"{where} has {len(keypoints_a)} kps_a and {len(keypoints_b)} kps_b; "
            "give as many of one as of the other"
        )
    for image in (a, b):
        if not (path.parent / image).is_file():
            raise AnalogyError(f"{where}: no such image: {image}; name it from the file's folder")
    return Pair(name, path.parent / a, path.parent / b, keypoints_a, keypoints_b)


def _text(entry, key, where):
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise AnalogyError(f'{where}: "{key}" is missing or no text; add it')
    return value


def _keypoints(entry, key, where):
    try:
        points = np.array(entry.get(key), np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise AnalogyError(f'{where}: "{key}" is no list of [x, y]; give one for each keypoint')
    return points


def _by_nearest_neighbour(pair, features):
    """Carry to the pixel of level 4 whose features are most alike."""
    (map_a, cell_a), (map_b, cell_b) = features(pair.a), features(pair.b)
    _, place = best_of_rows(correlate(map_a, map_b))
    place = target_of(place).to_host(place).reshape(map_a.shape[:2])
    cells = (pair.keypoints_a + 0.5) / cell_a
    first = np.clip(cells.astype(int), 0, np.subtract(place.shape[::-1], 1))
    match = place[first[:, 1], first[:, 0]]
    match = np.stack([match % map_b.shape[1], match // map_b.shape[1]], axis=1)
    return (match + cells - first) * cell_b - 0.5


def _small_features(path, parameters, extractor):
    """Unit features of level 4, and how many pixels (x, y) of the image one of theirs covers."""
    image = read_image(path)
    shape = matching_shape(image.shape[:2], parameters.ratio, parameters.max_side, str(path))
    features = normalize(extractor(resize(image, shape))[_LEVEL])
    return features, np.divide(image.shape[1::-1], shape[::-1]) * _STRIDE


def _by_place(keypoints, shape_a, shape_b):
    """Carry to the same place relative to the size of the image."""
    scale = np.divide(shape_b[1::-1], shape_a[1::-1])
    return (keypoints + 0.5) * scale - 0.5


def _tables(scores, of, parameters):
    measure = "keypoints' bounding box" if of == "box" else "image"
    by_class = {
        name: {method: np.mean([pair[method] for pair in found], axis=0) for method in METHODS}
        for name, found in scores.items()
    }
    means = {
        method: np.mean([found[method] for found in by_class.values()], axis=0)
        for method in METHODS
    }
    at = ALPHAS.index(_MAIN_ALPHA)
    per_class = [
        [name, len(scores[name]), *(float(found[method][at]) for method in METHODS)]
        for name, found in by_class.items()
    ]
    total = sum(len(found) for found in scores.values())
    per_class.append(["mean", total, *(float(means[method][at]) for method in METHODS)])
    notes = (
        f"PCK: share of keypoints carried to within so many times the longer side of the target "
        f"{measure}; mean per pair, then per class, then over the classes. Matched at up to "
        f"{parameters.max_side} px a side, down to level {parameters.finest_level}.",
        "nearest neighbour: of the features of level 4; same place: relative to the image's size.",
    )
    return [
        Table(f"PCK at {_MAIN_ALPHA} by class", ("class", "pairs", *METHODS), per_class, notes),
        Table(
            "PCK, mean over the classes",
            ("method", *map(str, ALPHAS)),
            [[method, *map(float, means[method])] for method in METHODS],
        ),
        *(
            Table(
                f"PCK of {method}",
                ("class", *map(str, ALPHAS)),
                [[name, *map(float, found[method])] for name, found in by_class.items()],
            )
            for method in METHODS
        ),
        _paper_table(),
    ]


def _paper_table():
    columns = ("mean", "car", "mbike", "bottle")
    return Table(
        "The paper's table 2",
        ("method", *columns),
        [[method, *(figures[column] for column in columns)] for method, figures in PAPER.items()],
        (
            "Percent, on 20 pairs of each of twelve classes of PASCAL 3D+, where poses differ "
            "more: other data, so no more than a neighbour of the figures above.",
        ),
        decimals=1,
    )


def _records(pairs, scores):
    """Scores of each pair, for JSON."""
    left = {name: iter(found) for name, found in scores.items()}
    return [
        {"class": pair.name, "a": str(pair.a), "b": str(pair.b), "pck": next(left[pair.name])}
        for pair in pairs
    ]


def _row(pair, a, b, carried):
    """Pictures of a pair: keypoints of A, those of B, and where each method takes A's."""
    pictures = [
        (f"{pair.name}: A", _draw(a, pair.keypoints_a)),
        ("B", _draw(b, pair.keypoints_b)),
    ]
    pictures += [(method, _draw(b, points, pair.keypoints_b)) for method, points in carried.items()]
    return pictures


def _draw(image, points, truth=None):
    """Draw keypoints as dots, each with a line to where it ought to be."""
    scale = _PICTURE_HEIGHT / image.shape[0]
    picture = Image.fromarray(resize(image, (_PICTURE_HEIGHT, round(image.shape[1] * scale))))
    draw = ImageDraw.Draw(picture)
    for index, (x, y) in enumerate(points * scale):
        colour = _COLOURS[index % len(_COLOURS)]
        if truth is not None:
            draw.line([(x, y), tuple(truth[index] * scale)], fill=colour, width=2)
        box = (x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS)
        draw.ellipse(box, fill=colour, outline="white")
    return np.asarray(picture)
