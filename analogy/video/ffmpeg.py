"""Films by ffmpeg: what is known of one, its frames as files, and a film of such files."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from analogy.errors import AnalogyError, brief
from analogy.images.writing import shown_png

_log = logging.getLogger(__name__)

# What ffmpeg converts by, as films are tagged with it.
_MATRICES = {"bt709", "smpte170m", "bt470bg", "fcc", "smpte240m", "bt2020nc"}

# Sound that browsers play in an MP4 file as it is.
_KEPT_SOUND = {"aac", "mp3", "opus", "flac"}

# Has ffmpeg say of every frame what it is.
_TELLING = "showinfo=checksum=0"

_SCALING = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"

# Lines that ffmpeg writes by itself. What a file says of itself, as in a title, is indented further
# or comes after a name and a colon.
_OF_FILTER = r"^\[Parsed_showinfo_\d+ @ \w+\] +"
_CONFIGURED = re.compile(
    _OF_FILTER + r"config in time_base: (\d+/\d+), frame_rate: (\d+/\d+)", re.M
)
_FRAME = re.compile(_OF_FILTER + r"n: *\d+ +pts: *(-?\d+) .* s:(\d+)x(\d+) ", re.M)
_COLOURS = re.compile(_OF_FILTER + r"color_range:\S+ color_space:(\S+)", re.M)
_SOUND = re.compile(r"^  Stream #0:\d+[^:\n]*: Audio: (\w+)", re.M)


@dataclass(frozen=True)
class Film:
    """What is known of a video file.

    Attributes
    ----------
    path : pathlib.Path
    rate : Fraction or None
        Frames a second; None where the file does not say it.
    matrix : str
        By which its colours are stored, in ffmpeg's words; of a film that does not say it, the one
        that players take for its size.
    sounds : tuple of str
        Codecs of its streams of sound.
    start : Fraction
        Seconds of its sound before its first frame is shown.
    """

    path: Path
    rate: Fraction | None
    matrix: str
    sounds: tuple[str, ...] = ()
    start: Fraction = Fraction(0)


def has_ffmpeg() -> bool:
    """Whether videos can be read and written."""
    return shutil.which("ffmpeg") is not None


def describe(path: Path) -> Film:
    """Ask what a video file is: ffprobe where there is one, and ffmpeg itself where not.

    Cover art counts for no video, and of several videos the first is meant.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    Film
        Whose `start` is not known yet.

    Raises
    ------
    AnalogyError
        If there is no ffmpeg, or it finds no video in the file.
    """
    if not has_ffmpeg():
        raise AnalogyError(f"{path}: no ffmpeg was found: install it, or give a folder of frames")
    ffprobe = shutil.which("ffprobe")
    if ffprobe is not None:
        answer = _run([ffprobe, "-v", "error", "-show_streams", "-of", "json", _address(path)])
        film = film_of_json(path, answer.stdout)
    else:
        one_frame = ("-vf", _TELLING, "-frames:v", "1", "-f", "null", "-")
        answer = _run([*_ffmpeg(), *_first_video(path), *one_frame])
        film = film_of_messages(path, answer.stderr)
    if film is None:
        raise _unreadable(path, answer.stderr)
    return film


def film_of_json(path: Path, text: bytes) -> Film | None:
    """What ``ffprobe -show_streams -of json`` says of a film; None where it has no video."""
    try:
        streams = json.loads(text)["streams"]
    except (ValueError, KeyError):
        return None
    video = next(filter(_is_video, streams), None)
    if video is None:
        return None
    rates = (_fraction(video.get(name, "0/0")) for name in ("r_frame_rate", "avg_frame_rate"))
    shape = video.get("height", 0), video.get("width", 0)
    matrix = _known_matrix(video.get("color_space"), shape)
    sounds = tuple(one.get("codec_name", "") for one in streams if one.get("codec_type") == "audio")
    return Film(path, next(filter(None, rates), None), matrix, sounds)


def film_of_messages(path: Path, text: bytes) -> Film | None:
    """What ffmpeg itself and its filter ``showinfo`` say; None where there is no frame."""
    messages = text.decode(errors="replace")
    configured, frame = _CONFIGURED.search(messages), _FRAME.search(messages)
    if not configured or not frame:
        return None
    colours = _COLOURS.search(messages)
    shape = int(frame[3]), int(frame[2])
    matrix = _known_matrix(colours[1] if colours else None, shape)
    return Film(path, _fraction(configured[2]), matrix, tuple(_SOUND.findall(messages)))


def take_apart(film: Film, folder: Path) -> tuple[list[Path], Film]:
    """Write the frames of a film as images, upright, with square pixels, and by its own colours.

    Parameters
    ----------
    film : Film
        From :func:`describe`.
    folder : pathlib.Path
        An empty one.

    Returns
    -------
    paths : list of pathlib.Path
        ``frame_0001.png`` and so on.
    film : Film
        With the start of its frames, and with their mean rate where that is not the one it names.

    Raises
    ------
    AnalogyError
        If ffmpeg cannot read the film.
    """
    # The shorter side of a pixel is the one that grows: nothing is lost.
    squared = "w='if(gt(sar,1),round(iw*sar),iw)':h='if(gt(sar,1),ih,round(ih/sar))'"
    filters = [
        _TELLING,
        f"scale={squared}:in_color_matrix={_scaling_name(film.matrix)}:{_SCALING}",
        "setsar=1",
        "format=rgb24|rgba",
        # Values are taken as sRGB's, as players do; newer versions would tag the images otherwise.
        "setparams=color_primaries=unknown:color_trc=unknown",
    ]
    images = ("-vf", ",".join(filters), "-fps_mode", "passthrough", "frame_%04d.png")
    # The name is a pattern, and the folder's would be part of it.
    answer = _run([*_ffmpeg(), *_first_video(film.path), *images], folder)
    paths = sorted(folder.iterdir(), key=lambda frame: int(re.sub(r"\D", "", frame.stem)))
    if answer.returncode or not paths:
        raise _unreadable(film.path, answer.stderr)
    return paths, _timed(film, answer.stderr.decode(errors="replace"))


def put_together(
    paths: Iterable[Path], rate: str, destination: Path, matrix: str = "bt709"
) -> None:
    """Make an H.264 video of image files.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        What is transparent in them is laid over white.
    rate : str
        Frames a second, a number or a fraction.
    destination : pathlib.Path
    matrix : str
        By which colours are stored, and tagged. Those of the images are taken for sRGB.

    Raises
    ------
    AnalogyError
        If there is no ffmpeg, or it refuses.
    """
    # What players know by any tag; BT.2020 belongs to colours that an image of 8 bits has not.
    matrix = matrix if matrix in ("smpte170m", "bt470bg") else "bt709"
    tags = f"range=tv:colorspace={matrix}:color_primaries=bt709:color_trc=bt709"
    filters = [
        # Sides have to be even for colours of half the resolution, which every player shows.
        "pad=ceil(iw/2)*2:ceil(ih/2)*2",
        f"scale=out_color_matrix={_scaling_name(matrix)}:out_range=tv:{_SCALING}",
        "format=yuv420p",
        f"setparams={tags},setsar=1",
    ]
    command = [
        *_ffmpeg(reads_input=True),
        *("-f", "image2pipe", "-framerate", rate, "-i", "-"),
        *("-vf", ",".join(filters), "-c:v", "libx264", "-crf", "16"),
        *("-color_range", "tv", "-colorspace", matrix),
        *("-color_primaries", "bt709", "-color_trc", "bt709"),
        *("-movflags", "+faststart", "-y", _address(destination)),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            for path in paths:
                process.stdin.write(shown_png(path))
        _, error = process.communicate()
    if process.returncode:
        raise AnalogyError(
            f"{destination.name}: ffmpeg cannot write it ({_reason(error)}); the frames are there"
        )


def add_sound(video: Path, film: Film) -> None:
    """Give a video the sound of a film, as it is stored there where an MP4 file can hold it.

    Sound that ffmpeg cannot read is left out, with a warning in the log.
    """
    if not film.sounds:
        return
    codec = "copy" if _KEPT_SOUND.issuperset(film.sounds) else "aac"
    sounding = video.with_name(f"sounding-{video.name}")
    command = [
        *_ffmpeg(),
        *("-itsoffset", f"{float(film.start):.6f}", "-i", _address(video)),
        *("-i", _address(film.path), "-map", "0:v", "-map", "1:a"),
        *("-c:v", "copy", "-c:a", codec),
        *("-movflags", "+faststart", "-y", _address(sounding)),
    ]
    answer = _run(command)
    if answer.returncode:
        _log.warning("%s: without sound (%s)", film.path, _reason(answer.stderr))
        sounding.unlink(missing_ok=True)
    else:
        sounding.replace(video)


def as_text(rate: Fraction) -> str:
    """A rate as ffmpeg takes it and people read it: ``25``, ``12.5``, ``24000/1001``."""
    short = f"{float(rate):g}"
    return short if Fraction(short) == rate else f"{rate.numerator}/{rate.denominator}"


def _timed(film, messages):
    """With what the times of the frames say: the rate that a film names may be none of its own."""
    configured = _CONFIGURED.search(messages)
    times = [int(frame[1]) for frame in _FRAME.finditer(messages)]
    if configured is None or not times:
        return film
    tick = Fraction(configured[1])
    rate, lasts, steps = film.rate, (times[-1] - times[0]) * tick, len(times) - 1
    # Times are rounded to ticks.
    is_steady = rate is not None and abs(lasts - steps / rate) <= 2 * tick
    if steps and lasts > 0 and not is_steady:
        rate = (steps / lasts).limit_denominator(10_000)
        _tell_of_times(film.path, times, rate)
    return Film(film.path, rate, film.matrix, film.sounds, times[0] * tick)


def _tell_of_times(path, times, rate):
    """Say so where frames are shown for times of their own, which are not kept."""
    lasting = [after - before for before, after in pairwise(times)]
    if max(lasting) - min(lasting) > 2:
        _log.warning(
            "%s: its frames follow at a variable rate; video.mp4 has their mean, %s a second",
            path,
            as_text(rate),
        )


def _is_video(stream):
    disposition = stream.get("disposition", {})
    return stream.get("codec_type") == "video" and not disposition.get("attached_pic")


def _known_matrix(tag, shape):
    if tag not in (None, "unknown", "unspecified", "reserved"):
        return tag
    # As mpv has it, and browsers nearly.
    return "bt709" if max(shape) >= 1280 or min(shape) > 576 else "smpte170m"


def _scaling_name(matrix):
    """By which name the filter `scale` knows a matrix, in old versions as well."""
    if matrix not in _MATRICES:
        return "auto"
    return {"bt470bg": "bt470", "bt2020nc": "bt2020"}.get(matrix, matrix)


def _fraction(text):
    """A fraction of positive numbers, or None."""
    above, _, below = text.partition("/")
    return Fraction(int(above), int(below)) if int(above) > 0 and int(below) > 0 else None


def _run(command, folder=None):
    return subprocess.run(
        command, capture_output=True, check=False, stdin=subprocess.DEVNULL, cwd=folder
    )


def _ffmpeg(reads_input=False):
    program = [shutil.which("ffmpeg") or "ffmpeg", "-hide_banner", "-nostats"]
    return program if reads_input else [*program, "-nostdin"]


def _first_video(path):
    return "-i", _address(path), "-map", "0:V:0"


def _address(path):
    """By its protocol, so that no name is taken for an option or an address."""
    return f"file:{path.absolute()}"


def _unreadable(path, error):
    return AnalogyError(
        f"{path}: ffmpeg cannot read it ({_reason(error)}); give a video or a folder of frames"
    )


def _reason(error):
    lines = error.decode(errors="replace").strip().splitlines()
    if not lines or any("matches no streams" in line for line in lines):
        return "no video in it"
    return brief(lines[-1])
