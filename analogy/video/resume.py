"""What tells the frames that an earlier run has finished, and what the next one starts from.

A film's frames follow from one another, so a run goes on after all that were done or begins anew.
While it lasts, one file beside the frames says which are done and holds the matches of the last;
it is replaced whole after each. Once the film is done ``report.json`` says it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from analogy.method.record import program_version
from analogy.method.session import Session
from analogy.parameters import Parameters
from analogy.system.digests import as_written, digest, digest_if_any, read_record, read_record_of
from analogy.system.outputs import staged, write_bytes
from analogy.video.carrying import Fields
from analogy.video.parameters import VideoParameters
from analogy.video.transfer import State

STATE, REPORT = "resume.npz", "report.json"


@dataclass(frozen=True)
class Left:
    """What an earlier run has left.

    Attributes
    ----------
    records : list of dict
        Of the frames that are done, from the first on.
    state : State or None
        After the last of them; None where there is none, or no frame is left to do.
    """

    records: list[dict[str, Any]]
    state: State | None = None


def identify(
    style: Path,
    points: Path | None,
    parameters: Parameters,
    video: VideoParameters,
    session: Session,
    device: str,
) -> dict[str, Any]:
    """What the frames of a film depend on beside the film, in what JSON can hold.

    Parameters
    ----------
    style : pathlib.Path
    points : pathlib.Path or None
    parameters : Parameters
    video : VideoParameters
    session : Session
        By which it is to be done.
    device : str
        That was asked for.

    Raises
    ------
    AnalogyError
        If the model cannot be used.
    OSError
        If the style or the points cannot be read.
    """
    identity = {
        "style": digest(style),
        "points": None if points is None else digest(points),
        "model": session.network.sha256,
        "parameters": asdict(parameters),
        "video": asdict(video),
        "device": device,
        "program": program_version(),
    }
    return as_written(identity)


def find_left(folder: Path, identity: dict[str, Any], paths: Sequence[Path]) -> Left:
    """What an earlier run of the same film has left whole and unchanged.

    Parameters
    ----------
    folder : pathlib.Path
        Of the results.
    identity : dict
        From :func:`identify`.
    paths : sequence of pathlib.Path
        All frames of the film.
    """
    try:
        record, state = _read_state(folder / STATE)
    # Whatever is no such file raises what it likes.
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
        record, state = {}, None
    if state and _is_of(record, identity) and _are_unchanged(record, paths, folder):
        return Left(record["frames"], state)
    record = read_record_of(folder / REPORT)
    is_whole = _is_of(record, identity) and len(record["frames"]) == len(paths)
    if is_whole and _are_unchanged(record, paths, folder):
        return Left(record["frames"])
    return Left([])


def write_state(
    folder: Path, identity: dict[str, Any], records: list[dict[str, Any]], state: State
) -> None:
    """Write down which frames are done, and what the next one starts from.

    Parameters
    ----------
    folder : pathlib.Path
        Of the results.
    identity : dict
        From :func:`identify`.
    records : list of dict
        Of the frames, whose results are there.
    state : State
        After the last.

    Raises
    ------
    AnalogyError
        If it cannot be written.
    """
    record = {
        "identity": identity,
        "frames": records,
        "parameters": asdict(state.parameters),
        "costs": {level: fields.cost for level, fields in state.fields.items()},
    }
    arrays = {"record": np.frombuffer(json.dumps(record).encode(), np.uint8)}
    for level, fields in state.fields.items():
        arrays |= {f"ab_{level}": fields.ab, f"ba_{level}": fields.ba}
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    with staged(folder) as staging:
        write_bytes(staging / STATE, content.getvalue())


def digests_of(frame: Path, result: Path) -> dict[str, str]:
    """What a frame's record tells the files by."""
    return {"frame": digest(frame), "result": digest(result)}


def _read_state(path):
    with np.load(path, allow_pickle=False) as arrays:
        record = read_record(arrays["record"].tobytes())
        fields = {
            int(level): Fields(arrays[f"ab_{level}"], arrays[f"ba_{level}"], cost)
            for level, cost in record["costs"].items()
        }
    # Tuples are lists once written.
    parameters: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in record["parameters"].items()
    }
    return record, State(Parameters(**parameters), fields)


def _is_of(record, identity):
    return record.get("identity") == identity and isinstance(record.get("frames"), list)


def _are_unchanged(record, paths, folder):
    records = record["frames"]
    if not 0 < len(records) <= len(paths):
        return False
    return all(map(_is_unchanged, records, paths, [folder] * len(records)))


def _is_unchanged(record, path, folder):
    result = folder / f"{path.stem}.png"
    digests = {"frame": digest_if_any(path), "result": digest_if_any(result)}
    return record.get("frame") == path.name and record.get("digests") == digests
