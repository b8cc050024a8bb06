"""Frames from a folder or a film, and a folder of results."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from analogy.errors import AnalogyError, brief
from analogy.images import read_image
from analogy.method.points_file import read_points
from analogy.system.outputs import make_folder, staged, write_image, write_json

# Of what a folder's frames are shown with, in frames a second.
USUAL_RATE = "25"

_IMAGES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".gif"}

_NO_FFMPEG = "no ffmpeg was found: install it"


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
    """

    film: Path
    paths: list[Path]
    rate: str


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
        with tempfile.TemporaryDirectory(prefix="analogy-frames-") as folder:
            found = _taken_apart(path, Path(folder))
            yield found if rate is None else replace(found, rate=rate)


def frames_in(folder):
    """Image files of a folder, ``2.png`` before ``10.png``.

    Raises
    ------
    AnalogyError
        If there is none, or two would give results of one name.
    """
    paths = [path for path in folder.iterdir() if path.suffix.lower() in _IMAGES]
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


def natural_order(name):
    """Key to sort names by, numbers in them by their value."""
    parts = re.split(r"(\d+)", name.lower())
    return [(int(part) if index % 2 else part) for index, part in enumerate(parts)], name


def has_ffmpeg():
    """Whether videos can be read and written."""
    return shutil.which("ffmpeg") is not None


def write_frames(source, style_path, folder, parameters, video, *, report, points=None, **options):
    """Transfer frames and write each as it is done, then ``report.json`` and ``video.mp4``.

    A run starts anew: files of the same names are replaced, one by one. One that is interrupted
    leaves the frames that it has finished.

    Parameters
    ----------
    source : Source
    style_path : pathlib.Path
    folder : pathlib.Path
    parameters, video
        As for :func:`analogy.video.transfer_video`.
    report : callable, (pathlib.Path, Frame) -> None
        Told of every frame when it has been written.
    points : pathlib.Path, optional
        CSV file of points of the first frame and the style.
    options
        `model`, `device`, `session` and `progress` of :func:`analogy.video.transfer_video`.

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
    style = read_image(style_path)
    if points is not None:
        options["points"] = _points_of(points, source.paths[0], style)
    make_folder(folder)
    # Numba takes a second to import; bad input has been answered by now.
    from analogy.video.transfer import transfer_video

    frames = map(read_image, source.paths)
    written, records = [], []
    for path, frame in zip(
        source.paths, transfer_video(frames, style, parameters, video=video, **options), strict=True
    ):
        name = f"{path.stem}.png"
        with staged(folder) as staging:
            write_image(staging / name, frame.a_prime)
        written.append(folder / name)
        records.append({"frame": path.name, "result": name, **_figures(frame)})
        report(written[-1], frame)
    record = _record(source, style_path, parameters, video, records)
    with staged(folder) as staging:
        if has_ffmpeg():
            put_together(written, source.rate, staging / "video.mp4")
        write_json(staging / "report.json", record)
    return record


def _points_of(path, first_frame, style):
    return read_points(path).inside(read_image(first_frame).shape[:2], style.shape[:2])


def put_together(paths, rate, destination):
    """Make an H.264 video of image files.

    Raises
    ------
    AnalogyError
        If there is no ffmpeg, or it refuses.
    """
    # Sides have to be even for colours of half the resolution, which every player shows.
    command = [
        *(_ffmpeg(), "-f", "image2pipe", "-framerate", rate, "-i", "-"),
        *("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-c:v", "libx264", "-crf", "16"),
        *("-pix_fmt", "yuv420p", "-y", f"file:{destination}"),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            for path in paths:
                process.stdin.write(path.read_bytes())
        _, error = process.communicate()
    if process.returncode:
        raise AnalogyError(
            f"{destination.name}: ffmpeg cannot write it ({_reason(error)}); the frames are there"
        )


def _taken_apart(path, folder):
    if not has_ffmpeg():
        raise AnalogyError(f"{path}: {_NO_FFMPEG}, or give a folder of frames")
    # By its protocol, so that no name is taken for an option or an address.
    command = [_ffmpeg(), "-nostdin", "-i", f"file:{path}", "-map", "0:v:0"]
    answer = subprocess.run(
        [*command, "-fps_mode", "passthrough", str(folder / "frame_%04d.png")],
        capture_output=True,
        check=False,
    )
    paths = sorted(folder.iterdir(), key=lambda frame: natural_order(frame.name))
    if answer.returncode or not paths:
        raise AnalogyError(
            f"{path}: ffmpeg cannot read it ({_reason(answer.stderr)}); "
            "give a video or a folder of frames"
        )
    rate = re.search(rb"(\d+(?:\.\d+)?) fps", answer.stderr)
    return Source(path, paths, f"{float(rate[1]):g}" if rate else USUAL_RATE)


def _ffmpeg():
    return shutil.which("ffmpeg") or "ffmpeg"


def _reason(error):
    lines = error.decode(errors="replace").strip().splitlines()
    return brief(lines[-1] if lines else "no reason given")


def _figures(frame):
    return {
        "fresh": frame.is_fresh,
        "reliable": frame.reliable,
        "inconsistency": frame.inconsistency,
        "cost": frame.cost,
        "seconds": round(frame.seconds, 3),
    }


def _record(source, style_path, parameters, video, records):
    compared = [one["inconsistency"] for one in records if one["inconsistency"] is not None]
    return {
        "film": source.film,
        "style": style_path,
        "rate": source.rate,
        "parameters": asdict(parameters),
        "video": asdict(video),
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
