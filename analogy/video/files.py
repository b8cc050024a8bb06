"""Frames from a folder or a film, and a folder of results."""

from __future__ import annotations

import contextlib
import math
import re
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from analogy.errors import AnalogyError
from analogy.images import check_has_something, image_shape, read_picture, write_picture
from analogy.method.points_file import read_points
from analogy.method.session import Session
from analogy.system.outputs import make_folder, staged, write_json
from analogy.video.ffmpeg import (
    Film,
    add_sound,
    as_text,
    describe,
    has_ffmpeg,
    put_together,
    take_apart,
)

# Of what a folder's frames are shown with, in frames a second.
USUAL_RATE = "25"

_IMAGES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".gif"}


@dataclass(frozen=True)
class Source:
    """Frames as files.

    Attributes
    ----------
    film : pathlib.Path
        The folder or video that they are of.
    paths : list of pathlib.Path
        In order.
    rate : str
        Frames a second.
    video : Film or None
        What is known of the video.
    has_its_time : bool
        Whether frames are shown when the video shows them, as its sound needs.
    """

    film: Path
    paths: list[Path]
    rate: str
    video: Film | None = None
    has_its_time: bool = True


@contextlib.contextmanager
def opened(path, rate=None):
    """Frames of a folder, or of a video file, which ffmpeg takes apart for as long as needed.

    Parameters
    ----------
    path : pathlib.Path
        A folder of images, taken in natural order of their names, or a video file.
    rate : str, optional
        Frames a second; the video's own, and 25 for a folder, when absent.

    Yields
    ------
    Source

    Raises
    ------
    AnalogyError
        If there is no frame, a video cannot be read, or there is no ffmpeg to read it.
    """
    if path.is_dir():
        yield Source(path, frames_in(path), rate or USUAL_RATE)
    elif not path.exists():
        raise AnalogyError(f"{path}: no such file or folder; check the path")
    else:
        video = describe(path)
        with tempfile.TemporaryDirectory(prefix="analogy-frames-") as folder:
            paths, video = take_apart(video, Path(folder))
            own = USUAL_RATE if video.rate is None else as_text(video.rate)
            is_own = rate is None or math.isclose(Fraction(rate), Fraction(own), rel_tol=1e-3)
            yield Source(path, paths, rate or own, video, is_own)


def frames_in(folder):
    """Image files of a folder, ``2.png`` before ``10.png``.

    Files whose names begin with a dot are none: they are hidden, or a Mac's companions of others.

    Raises
    ------
    AnalogyError
        If there is none, or two would give results of one name.
    """
    paths = [path for path in folder.iterdir() if _is_frame(path)]
    if not paths:
        raise AnalogyError(f"{folder}: no images in it; give a folder of frames, or a video file")
    named = {}
    for path in sorted(paths, key=lambda path: natural_order(path.name)):
        if path.stem in named:
            raise AnalogyError(
                f"{folder}: {named[path.stem].name} and {path.name} would both become "
                f"{path.stem}.png; rename one"
            )
        named[path.stem] = path
    return list(named.values())


def _is_frame(path):
    is_hidden = path.name.startswith(".")
    return path.suffix.lower() in _IMAGES and not is_hidden and not path.is_dir()


def natural_order(name):
    """Key to sort names by, numbers in them by their value."""
    parts = re.split(r"(\d+)", name.lower())
    return [(int(part) if index % 2 else part) for index, part in enumerate(parts)], name


def write_frames(
    source,
    style_path,
    folder,
    parameters,
    video,
    *,
    report,
    found=None,
    points=None,
    model=None,
    device="auto",
    progress=None,
):
    """Transfer frames and write each as it is done, then ``report.json`` and ``video.mp4``.

    Frames that an earlier run has finished are left as they are, unless a file, an option or the
    program has changed since; then all are made anew.

    Parameters
    ----------
    source : Source
    style_path : pathlib.Path
    folder : pathlib.Path
    parameters, video
        As for :func:`analogy.video.transfer_video`.
    report : callable, (pathlib.Path, Frame) -> None
        Called with every frame when it has been written.
    found : callable, (int) -> None, optional
        Called first with how many frames were done before.
    points : pathlib.Path, optional
        CSV file of points of the first frame and the style.
    model, device, progress
        As for :func:`analogy.video.transfer_video`.

    Returns
    -------
    record : dict
        What ``report.json`` holds.

    Raises
    ------
    AnalogyError
    """
    if folder.resolve() in {path.resolve().parent for path in source.paths}:
        raise AnalogyError(f"{folder}: holds the frames; choose another folder with --out")
    if source.video is None:
        _check_one_size([path for path in source.paths if path.is_file()])
    style = read_picture(style_path, parameters.background)
    check_has_something(style, str(style_path))
    places = None if points is None else _points_of(points, source.paths[0], style.shape)
    make_folder(folder)
    # Numba takes a second to import; bad input has been answered by now.
    from analogy.video.resume import REPORT, STATE, find_left, identify
    from analogy.video.transfer import FilmTransfer

    session = Session(model, device, compiles_beside=True)
    film = FilmTransfer(style, parameters, video, session, places)
    identity = identify(style_path, points, parameters, video, session, device)
    left = find_left(folder, identity, source.paths)
    if found is not None:
        found(len(left.records))
    read = partial(read_picture, behind=parameters.background)
    records = _written(film, source.paths, read, folder, left, identity, report, progress)
    record = _record(source, style_path, identity, records)
    with staged(folder) as staging:
        if has_ffmpeg():
            results = [folder / one["result"] for one in records]
            _put_together(source, results, staging / "video.mp4")
        write_json(staging / REPORT, record)
    (folder / STATE).unlink(missing_ok=True)
    return record


def _check_one_size(paths):
    """Raise where frames differ in size, before the first of them is worked on for long."""
    if not paths:
        return
    first, *others = paths
    shape = image_shape(first, str(first))
    unlike = [path for path in others if image_shape(path, str(path)) != shape]
    # Some may lie on their sides.
    upright = read_picture(first).shape if unlike else shape
    for path in unlike:
        height, width = read_picture(path).shape
        if (height, width) != upright:
            raise AnalogyError(
                f"{path}: {width} x {height} px where {first.name} has "
                f"{upright[1]} x {upright[0]}; give frames of one size"
            )


def _points_of(path, first_frame, shape):
    return read_points(path).inside(read_picture(first_frame).shape, shape)


def _written(film, paths, read, folder, left, identity, report, progress):
    """Records of all frames, of which those that are left to do have been written."""
    from analogy.video.resume import digests_of, write_state

    records = list(left.records)
    if left.state is not None:
        before = read_picture(folder / records[-1]["result"])
        film.go_on(left.state, read(paths[len(records) - 1]), before)
    for index, path in enumerate(paths[len(records) :], len(records) + 1):
        frame = film.next(read(path), index, progress)
        result = folder / f"{path.stem}.png"
        with staged(folder) as staging:
            write_picture(staging / result.name, frame.picture)
        names = {"frame": path.name, "result": result.name}
        records.append(names | _figures(frame) | {"digests": digests_of(path, result)})
        # After the picture: what it says is done is there.
        write_state(folder, identity, records, film.state)
        report(result, frame)
    return records


def _put_together(source, paths, destination):
    if source.video is None:
        put_together(paths, source.rate, destination)
        return
    put_together(paths, source.rate, destination, source.video.matrix)
    if source.has_its_time:
        add_sound(destination, source.video)


def _figures(frame):
    return {
        "fresh": frame.is_fresh,
        "reliable": frame.reliable,
        "inconsistency": frame.inconsistency,
        "cost": frame.cost,
        "seconds": round(frame.seconds, 3),
    }


def _record(source, style_path, identity, records):
    compared = [one["inconsistency"] for one in records if one["inconsistency"] is not None]
    return {
        "film": source.film,
        "style": style_path,
        "rate": source.rate,
        "parameters": identity["parameters"],
        "video": identity["video"],
        "identity": identity,
        "inconsistency": _mean(compared),
        "seconds": {
            "total": round(sum(one["seconds"] for one in records), 3),
            "fresh_frame": _mean([one["seconds"] for one in records if one["fresh"]]),
            "following_frame": _mean([one["seconds"] for one in records if not one["fresh"]]),
        },
        "frames": records,
    }


def _mean(values):
    return round(sum(values) / len(values), 3) if values else None
