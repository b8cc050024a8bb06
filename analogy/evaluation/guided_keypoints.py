"""What a few points given by hand are worth: keypoints of the pairs that do worst.

Some keypoints of a pair are given as points, and PCK is taken over the others, as it is without
points over the same others. See :mod:`analogy.evaluation.keypoints` for the measure.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from analogy.errors import AnalogyError
from analogy.evaluation.keypoints import ALPHAS, carry, longer_side, percentage_correct
from analogy.images import read_image
from analogy.method.session import Session
from analogy.method.transfer import transfer
from analogy.system.tables import Table, write_tables

_MAIN = ALPHAS.index(0.1)

# Of all pairs those that do worst without points.
_SHARE = 0.25

# Which keypoints are given is drawn by it.
_SEED = 0


def evaluate_points(
    pairs, parameters, folder, *, counts, of="box", model=None, device="auto", track=iter
):
    """Give so many keypoints of the worst quarter of pairs as points, and count the others.

    Parameters
    ----------
    pairs : sequence of Pair
    counts : sequence of int
        How many are given, in one evaluation after the other; those given of a pair are among
        those of a larger number.
    parameters, folder, of, model, device, track
        As for :func:`analogy.evaluation.keypoints.evaluate`; the folder takes ``points.md`` and
        ``points.json``.

    Returns
    -------
    list of Table

    Raises
    ------
    AnalogyError
        If a pair has no keypoint left to count, an image, the model or the device cannot be used,
        or a file cannot be written.
    """
    fewest = min(len(pair.keypoints_a) for pair in pairs)
    if max(counts) >= fewest:
        raise AnalogyError(
            f"--points {max(counts)}: a pair has {fewest} keypoints; leave some to be counted"
        )
    session = Session(model, device)
    flows = [_flow(pair, parameters, session) for pair in track(pairs)]
    everything = [slice(None)] * len(pairs)
    whole = [_pck(*one, of) for one in zip(pairs, flows, everything, strict=True)]
    worst = np.argsort([found[_MAIN] for found in whole], kind="stable")
    worst = worst[: -(-len(pairs) // round(1 / _SHARE))]
    records = [
        _record(pairs[index], flows[index], count, parameters, session, of)
        for count in counts
        for index in track(worst)
    ]
    tables = [_table(counts, records, len(pairs))]
    facts = {"of": of, "parameters": asdict(parameters), "device": session.extractor.device}
    write_tables(folder, "points", tables, **facts, pairs=records)
    return tables


def _flow(pair, parameters, session, points=None):
    a, b = read_image(pair.a), read_image(pair.b)
    return transfer(a, b, parameters, session=session, points=points).flow_ab


def _pck(pair, flow, left, of):
    """PCK over the keypoints that are left."""
    image = read_image(pair.b)
    side = longer_side(pair.keypoints_b) if of == "box" else max(image.shape[:2])
    carried = carry(pair.keypoints_a[left], flow)
    return percentage_correct(carried, pair.keypoints_b[left], side)


def _record(pair, flow, count, parameters, session, of):
    """A pair without points and with so many, over the keypoints that are not given."""
    order = np.random.default_rng(_SEED).permutation(len(pair.keypoints_a))
    given, left = order[:count], order[count:]
    points = np.hstack([pair.keypoints_a, pair.keypoints_b])[given]
    guided = _flow(pair, parameters, session, _brought_inside(points, pair))
    return {
        "class": pair.name,
        "a": str(pair.a),
        "b": str(pair.b),
        "points": count,
        "without": _pck(pair, flow, left, of),
        "with": _pck(pair, guided, left, of),
    }


def _brought_inside(points, pair):
    """Keypoints may lie on the border of their image, or a little beyond."""
    sizes = [read_image(path).shape[1::-1] for path in (pair.a, pair.b)]
    return np.clip(points, 0, np.subtract(np.concatenate(sizes), 1))


def _table(counts, records, total):
    rows = []
    for count in counts:
        found = [record for record in records if record["points"] == count]
        for kind in ("without", "with"):
            means = np.mean([record[kind] for record in found], axis=0)
            name = f"{count} given" if kind == "with" else f"none, without those {count}"
            rows.append([name, len(found), *map(float, means)])
    note = (
        f"PCK over the keypoints that are not given, mean over the worst quarter of {total} pairs, "
        "which is chosen by what arrives without points."
    )
    return Table("PCK with points", ("points", "pairs", *map(str, ALPHAS)), rows, (note,))
