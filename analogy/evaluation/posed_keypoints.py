"""What becomes of keypoints when the thing in B' lies otherwise: mirrored, turned, scaled.

B' is given in another pose, its keypoints moved along, and PCK is taken with and without copies of
B' in other poses. See :mod:`analogy.evaluation.keypoints` for the measure.
"""

from __future__ import annotations

import re
from dataclasses import asdict, replace

import numpy as np

from analogy.errors import AnalogyError
from analogy.evaluation.keypoints import ALPHAS, carry, longer_side, percentage_correct
from analogy.images import read_image
from analogy.method.poses import Pose, copy_of
from analogy.method.session import Session
from analogy.method.transfer import transfer
from analogy.system.tables import Table, write_tables

#: What is tried where nothing is named: B' as it is, and what is done to it.
TRANSFORMS = (
    "upright",
    "mirrored",
    "turned-15",
    "turned-30",
    "turned-45",
    "turned-90",
    "scaled-0.5",
    "scaled-0.7",
    "scaled-1.4",
    "scaled-2",
)

_MAIN = ALPHAS.index(0.1)
_TURNED_OR_SCALED = re.compile(r"(turned|scaled)-(\d+(?:\.\d+)?)")


def transform_of(name: str) -> Pose:
    """The pose that a name says: "upright", "mirrored", "turned-30", "scaled-0.7".

    Raises
    ------
    AnalogyError
        If it is none of those.
    """
    if name in ("upright", "mirrored"):
        return Pose(is_mirrored=name == "mirrored")
    match = _TURNED_OR_SCALED.fullmatch(name)
    if match is None or float(match[2]) == 0:
        raise AnalogyError(
            f"--transform {name}: no such transform; give upright, mirrored, turned-DEGREES or "
            "scaled-FACTOR"
        )
    return Pose(turn=float(match[2])) if match[1] == "turned" else Pose(scale=float(match[2]))


def evaluate_transforms(
    pairs, parameters, folder, *, names, of="box", model=None, device="auto", track=iter
):
    """Carry the keypoints of all pairs with B' transformed, with and without copies of it.

    Parameters
    ----------
    pairs : sequence of Pair
    parameters : Parameters
        ``pose`` of those with copies; "auto" where it is "none".
    names : sequence of str
        As :func:`transform_of` takes them.
    folder, of, model, device, track
        As for :func:`analogy.evaluation.keypoints.evaluate`; the folder takes ``transforms.md``
        and ``transforms.json``.

    Returns
    -------
    list of Table

    Raises
    ------
    AnalogyError
        If a transform, an image, the model or the device cannot be used, or a file cannot be
        written.
    """
    transforms = {name: transform_of(name) for name in names}
    session = Session(model, device)
    posed = replace(parameters, pose="auto") if parameters.pose == "none" else parameters
    settings = {"none": replace(parameters, pose="none"), posed.pose: posed}
    records = [
        _record(pair, name, transforms[name], settings, session, of)
        for pair in track(pairs)
        for name in transforms
    ]
    tables = [_table(records, transforms, settings, len(pairs))]
    facts = {"of": of, "parameters": asdict(posed), "device": session.extractor.device}
    write_tables(folder, "transforms", tables, **facts, pairs=records)
    return tables


def _record(pair, name, transform, settings, session, of):
    a, copy = read_image(pair.a), copy_of(read_image(pair.b), transform)
    keypoints = copy.places_in_copy(pair.keypoints_b[:, ::-1])[:, ::-1]
    side = longer_side(keypoints) if of == "box" else max(copy.image.shape[:2])
    record = {"class": pair.name, "a": str(pair.a), "b": str(pair.b), "transform": name}
    for pose, parameters in settings.items():
        found = transfer(a, copy.image, parameters, session=session)
        carried = carry(pair.keypoints_a, found.flow_ab)
        record[pose] = percentage_correct(carried, keypoints, side)
        record[f"poses by {pose}"] = found.record.get("poses", [])
    return record


def _table(records, names, settings, total):
    rows = [
        [f"--pose {pose}", *(_mean(records, name, pose) for name in names)] for pose in settings
    ]
    note = (
        f"PCK at {ALPHAS[_MAIN]} with B' transformed and its keypoints moved along, mean per pair, "
        f"then per class, then over the classes; {total} pairs."
    )
    return Table("PCK with B' transformed", ("copies", *names), rows, (note,))


def _mean(records, name, pose):
    by_class: dict[str, list[float]] = {}
    for record in records:
        if record["transform"] == name:
            by_class.setdefault(record["class"], []).append(record[pose][_MAIN])
    return float(np.mean([np.mean(found) for found in by_class.values()]))
