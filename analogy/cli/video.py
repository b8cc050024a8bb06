"""``analogy video``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from analogy.cli.exit_codes import EXIT_INTERRUPTED
from analogy.cli.messages import MessageOptions
from analogy.options import DeviceOptions, MethodOptions, PointsFile
from analogy.system.result_names import folder_name


@dataclass(frozen=True, kw_only=True)
class FilmOptions:
    """What is a film's, beside the options of every transfer."""

    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write the results into this folder.  [default: out/<FRAMES>__<STYLE>]",
            rich_help_panel="Results",
        ),
    ] = None
    points: PointsFile = None
    warm_start: Annotated[
        bool | None,
        typer.Option(
            "--warm-start/--independent",
            help="Start each frame from the one before, or from nothing, for comparison.",
            rich_help_panel="Frames",
        ),
    ] = None
    least_gain: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Change a match only where that lowers its cost by so much.  [default: 0.05]",
            rich_help_panel="Frames",
        ),
    ] = None
    blend: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.95,
            help="Blend this share of the picture before into each.  [default: 0]",
            rich_help_panel="Frames",
        ),
    ] = None
    rate: Annotated[
        float | None,
        typer.Option(
            "--fps",
            min=0.01,
            help="Write video.mp4 with so many frames a second.  [default: the video's, 25 for a "
            "folder]",
            rich_help_panel="Results",
        ),
    ] = None

    def given(self):
        """Fields of `VideoParameters` that were given."""
        names = "warm_start", "least_gain", "blend"
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}


def video(
    frames: Annotated[
        Path, typer.Argument(metavar="FRAMES", help="Folder of images, or a video file.")
    ],
    style: Annotated[Path, typer.Argument(metavar="STYLE", help="Image that gives the look.")],
    method: MethodOptions,
    where: DeviceOptions,
    messages: MessageOptions,
    film: FilmOptions,
):
    """Give the frames of a film the look of one image.

    Each frame starts from the matches of the one before, which is quick and does not flicker.
    Writes each frame under its own name as PNG as soon as it is done, report.json, and, where
    ffmpeg is there, video.mp4. Interrupted, it leaves the frames that are done, and the same
    command goes on, unless a file, an option or the program has changed since.
    """
    from analogy.system.logs import logged
    from analogy.video.parameters import VideoParameters

    default = Path("out", folder_name(frames.stem, style.stem))
    folder = default if film.out is None else film.out
    following = VideoParameters(**film.given())
    finished = _Finished(folder, messages.quiet or messages.json)
    try:
        with logged(messages.log, messages.log_level):
            record = _transfer(
                (frames, style, folder),
                (method.parameters(), following),
                None if film.rate is None else f"{film.rate:g}",
                finished,
                points=film.points,
                model=where.model,
                device=where.device,
            )
    except KeyboardInterrupt:
        print(f"interrupted; {finished}; the same command goes on", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    if messages.json:
        from analogy.system.outputs import json_text

        print(json_text(record))
    elif not messages.quiet:
        _print_summary(record, folder)


class _Finished:
    """Counts the frames that have been written, and tells of each."""

    def __init__(self, folder, is_quiet):
        self._folder, self._is_quiet, self._count = folder, is_quiet, 0

    def __call__(self, path, frame):
        self._count += 1
        if self._is_quiet:
            return
        line = f"{path.name}: {frame.seconds:.1f} s"
        if frame.reliable is not None:
            line += f", {frame.reliable:.0%} from the one before"
        if frame.inconsistency is not None:
            line += f", {frame.inconsistency:.1f} grey levels from it"
        print(line + (", matched afresh" if frame.is_fresh else ""), flush=True)

    def found(self, count):
        self._count = count
        if count and not self._is_quiet:
            print(f"found done: {count}", flush=True)

    def __str__(self):
        return f"finished frames in {self._folder}: {self._count}"


def _transfer(paths, settings, rate, finished, **options):
    from analogy.video.files import has_ffmpeg, opened, write_frames

    frames, style, folder = paths
    with opened(frames, rate) as source:
        record = write_frames(
            *(source, style, folder, *settings), report=finished, found=finished.found, **options
        )
    if not has_ffmpeg():
        print("note: no video.mp4, as no ffmpeg was found", file=sys.stderr)
    return record


def _print_summary(record, folder):
    seconds = record["seconds"]
    for name, label in (("fresh_frame", "afresh: "), ("following_frame", "following:")):
        if seconds[name] is not None:
            print(f"{label} {seconds[name]:.1f} s a frame")
    if record["inconsistency"] is not None:
        print(f"change: {record['inconsistency']:.1f} grey levels from frame to frame, moved along")
    print(f"results: {folder}")
