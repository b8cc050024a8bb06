import json
import logging
import os
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from analogy.errors import AnalogyError
from analogy.images import Picture, read_image, read_picture, write_picture
from analogy.video.ffmpeg import (
    Film,
    add_sound,
    as_text,
    describe,
    film_of_json,
    put_together,
    take_apart,
)

# By what players store RGB as what H.264 holds, as the weights of red and blue in grey.
WEIGHTS = {"bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114), "bt470bg": (0.299, 0.114)}


def picture(size="64x48", rate="10", seconds="0.6"):
    return ("-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}:duration={seconds}")


SOUND = ("-f", "lavfi", "-i", "sine=duration=0.6")


@pytest.fixture
def make(ffmpeg, tmp_path):
    """Make a film: name, arguments of ffmpeg -> its path."""

    def call(name, *arguments):
        path = tmp_path / name
        subprocess.run([ffmpeg, "-v", "error", "-y", *map(str, arguments), str(path)], check=True)
        return path

    return call


@pytest.fixture(params=["ffmpeg", "ffprobe"])
def asked(request, ffmpeg, tmp_path, monkeypatch):
    """By which program a film is described; where there is no ffprobe that is not tried."""
    if request.param == "ffprobe" and shutil.which("ffprobe") is None:
        pytest.skip("no ffprobe")
    if request.param == "ffmpeg" and shutil.which("ffprobe") is not None:
        folder = tmp_path / "only"
        folder.mkdir()
        os.symlink(ffmpeg, folder / "ffmpeg")
        monkeypatch.setenv("PATH", str(folder))


def opened(path):
    """Frames of a film, and what is known of it then."""
    folder = path.with_suffix(".frames")
    folder.mkdir()
    paths, film = take_apart(describe(path), folder)
    return [read_image(path) for path in paths], film


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    "title", ["Nature in 4K 60 fps", "Stream #0:0: Video: h264, 60 fps, 60 tbr"]
)
@pytest.mark.parametrize("break_", ["", "\n  ", "\r"])
def test_the_rate_is_that_of_the_video_and_not_of_its_title(make, title, break_):
    path = make("film.mp4", *picture(), "-metadata", f"title={break_}{title}")

    assert describe(path).rate == 10


@pytest.mark.usefixtures("asked")
def test_sound_is_not_read_out_of_titles(make):
    title = "\n  Stream #0:1: Audio: dts"
    assert describe(make("film.mp4", *picture(), "-metadata", f"title={title}")).sounds == ()


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("film.mp4", "24000/1001"),
        ("film.mkv", "24000/1001"),
        ("FILM.MOV", "30000/1001"),
        ("film.mkv", "12.5"),
        ("film.mp4", "25"),
    ],
)
def test_rates_are_exact(make, name, rate, caplog):
    """Matroska rounds times to milliseconds, and names the rate beside them."""
    with caplog.at_level(logging.WARNING):
        _, film = opened(make(name, *picture(rate=rate), "-pix_fmt", "yuv420p"))

    assert not caplog.messages
    assert film.rate == Fraction(rate)
    assert as_text(film.rate) == rate


@pytest.mark.usefixtures("asked")
def test_a_variable_rate_is_the_mean_of_its_times(make, caplog):
    """Twenty frames at 30 a second and thirteen at 10: 20 / 30 + 12.33 / 10 seconds."""
    selected = "select='not(mod(n,3))+lt(n,20)'"
    film = picture(rate="30", seconds="2"), ("-vf", selected, "-fps_mode", "vfr")
    path = make("film.mp4", *film[0], *film[1])
    with caplog.at_level(logging.WARNING):
        frames, film = opened(path)

    (told,) = caplog.messages
    assert told.startswith(f"{path}: its frames follow at a variable rate; ")
    assert f"{as_text(film.rate)} a second" in told
    # From the first frame to the last, 57 / 30 seconds.
    assert film.rate == Fraction(len(frames) - 1) / Fraction(57, 30)


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("size", "options", "matrix"),
    [
        ("1280x720", ("-colorspace", "bt709"), "bt709"),
        ("64x48", ("-colorspace", "bt709"), "bt709"),
        ("1280x720", ("-colorspace", "smpte170m"), "smpte170m"),
        ("64x48", ("-colorspace", "bt2020nc"), "bt2020nc"),
        # Untagged: what players take.
        ("720x576", (), "smpte170m"),
        ("720x1280", (), "bt709"),
    ],
)
def test_the_matrix_is_the_tagged_one_or_that_of_the_size(make, size, options, matrix):
    assert describe(make("film.mkv", *picture(size, seconds="0.1"), *options)).matrix == matrix


@pytest.mark.parametrize("pixels", ["yuv444p", "yuvj444p"])
@pytest.mark.parametrize("matrix", list(WEIGHTS))
def test_frames_have_the_colours_that_the_matrix_stores(make, matrix, pixels):
    """A red of (200, 40, 60) is stored by hand; two levels are what its rounding makes of it."""
    red, blue = WEIGHTS[matrix]
    colour = np.array([200, 40, 60]) / 255
    grey = colour @ (red, 1 - red - blue, blue)
    differences = [(colour[2] - grey) / (2 - 2 * blue), (colour[0] - grey) / (2 - 2 * red)]
    is_full = pixels == "yuvj444p"
    stored = [255 * grey if is_full else 16 + 219 * grey]
    stored += [128 + (255 if is_full else 224) * difference for difference in differences]
    raw = make("raw", "-f", "lavfi", "-i", "color=size=64x48", "-frames:v", "1", "-f", "rawvideo")
    raw.write_bytes(b"".join(bytes([round(value)]) * (64 * 48) for value in stored))
    film = make(
        "film.mkv",
        *("-f", "rawvideo", "-pixel_format", pixels, "-video_size", "64x48", "-i", raw),
        *("-vf", f"setparams=colorspace={matrix}", "-c:v", "libx264", "-qp", "0"),
    )

    frames, _ = opened(film)
    assert np.abs(frames[0].astype(int) - (200, 40, 60)).max() <= 2


@pytest.mark.parametrize("matrix", ["bt709", "bt2020nc"])
def test_frames_have_no_colours_of_their_own(make, matrix):
    """What a film says of its curves, players leave alone; images that said it would be changed."""
    tags = f"setparams=colorspace={matrix}:color_primaries=bt2020:color_trc=bt709"
    film = make("film.mkv", *picture(), "-vf", tags, "-c:v", "libx264")
    folder = film.with_suffix(".frames")
    folder.mkdir()
    paths, _ = take_apart(describe(film), folder)

    assert all(read_picture(path).is_plain for path in paths)


def test_a_film_of_transparent_frames_is_over_white(make, tmp_path):
    image = make("1.png", "-f", "lavfi", "-i", "color=0xC8283C:size=64x48", "-frames:v", "1")
    alpha = np.full((48, 64), 255, np.uint8)
    alpha[:, 32:] = 0
    write_picture(image, Picture(read_image(image), alpha))
    put_together([image], "10", tmp_path / "back.mp4")

    frames, _ = opened(tmp_path / "back.mp4")
    assert np.abs(frames[0][:, :28].astype(int) - (200, 40, 60)).max() <= 4
    assert frames[0][:, 36:].min() >= 251


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt470bg", "bt2020nc", "gbr"])
def test_a_film_of_frames_shows_their_colours(make, matrix, tmp_path):
    """By its tag; it is read as players do. Colours of half the resolution blur at edges."""
    image = make("1.png", "-f", "lavfi", "-i", "color=0xC8283C:size=64x48", "-frames:v", "1")
    put_together([image], "10", tmp_path / "back.mp4", matrix)

    frames, film = opened(tmp_path / "back.mp4")
    assert film.matrix == (matrix if matrix in WEIGHTS else "bt709")
    assert np.abs(frames[0].astype(int) - read_image(image)).max() <= 3


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        (("-vf", "setsar=64/45"), (48, 91)),
        (("-vf", "setsar=8/9"), (54, 64)),
        (("-vf", "setsar=1"), (48, 64)),
        (("-vf", "crop=63:45"), (45, 63)),
    ],
)
def test_pixels_are_squared_and_none_is_lost(make, options, shape):
    frames, _ = opened(make("film.mkv", *picture(), *options, "-pix_fmt", "yuv444p"))

    assert frames[0].shape == (*shape, 3)


def test_frames_are_upright(make):
    lying = make("lying.mp4", *picture(), "-pix_fmt", "yuv420p")
    frames, _ = opened(make("film.mp4", "-display_rotation", "90", "-i", lying, "-c", "copy"))
    flat, _ = opened(lying)

    # Colours of half the resolution are interpolated a little otherwise.
    assert np.abs(frames[0].astype(int) - np.rot90(flat[0])).mean() < 1


@pytest.mark.usefixtures("asked")
def test_the_first_video_is_meant_and_cover_art_is_none(make):
    cover = make("cover.png", *picture("96x96"), "-frames:v", "1")
    film = make("plain.mp4", *picture(), *picture("128x96"), *SOUND, *maps("0", "1", "2"))
    attached = ("-c", "copy", "-disposition:v:0", "attached_pic")
    covered = make("film.mp4", "-i", cover, "-i", film, *maps("0", "1"), *attached)

    frames, found = opened(covered)
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * 6
    assert found.sounds == ("aac",)


@pytest.mark.usefixtures("asked")
def test_what_has_only_cover_art_is_refused(make):
    cover = make("cover.png", *picture("96x96"), "-frames:v", "1")
    attached = ("-c:v", "copy", "-disposition:v:0", "attached_pic")
    song = make("song.mp3", *SOUND, "-i", cover, *maps("0", "1"), *attached)

    with pytest.raises(AnalogyError, match=r"song\.mp3: ffmpeg cannot read it \(no video in it\)"):
        describe(song)


def maps(*streams):
    return [word for stream in streams for word in ("-map", stream)]


def sound_of(make, path):
    """Samples of a film's first sound, from when its picture begins."""
    arguments = ("-i", path, "-map", "0:a:0", "-f", "s16le", "-ar", "8000", "-ac", "1")
    return np.frombuffer(make("samples", *arguments).read_bytes(), np.int16)


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("name", "options", "codecs"),
    [
        ("film.mp4", (), ("aac", "aac")),
        ("film.mkv", ("-c:a", "libmp3lame"), ("mp3", "mp3")),
        ("film.mov", ("-c:a", "pcm_s16le"), ("aac", "aac")),
    ],
)
def test_sound_is_kept(make, tmp_path, name, options, codecs):
    source = make(name, *picture(), *SOUND, *SOUND, *maps("0", "1", "2"), *options)
    _, film = opened(source)
    image = make("1.png", *picture(), "-frames:v", "1")
    video = tmp_path / "video.mp4"
    put_together([image] * 6, "10", video)
    add_sound(video, film)

    found = describe(video)
    assert (found.sounds, found.rate) == (codecs, 10)
    assert len(opened(video)[0]) == 6
    assert sorted(tmp_path.glob("*.mp4")) == sorted({video, *tmp_path.glob("film.mp4")})
    # A sine of an eighth of the full amplitude.
    assert sound_of(make, video).std() == pytest.approx(32768 / 8 / 2**0.5, rel=0.1)


def test_sound_that_began_before_the_picture_does_so_again(make, tmp_path):
    silent = make("silent.mp4", *picture(), "-pix_fmt", "yuv420p")
    copied = (*maps("0", "1"), "-c:v", "copy")
    _, film = opened(make("film.mkv", "-itsoffset", "0.4", "-i", silent, *SOUND, *copied))
    video = tmp_path / "video.mp4"
    put_together([make("1.png", *picture(), "-frames:v", "1")] * 6, "10", video)
    add_sound(video, film)

    # To a millisecond, which Matroska rounds to.
    assert float(film.start) == pytest.approx(0.4, abs=1e-3)
    assert float(opened(video)[1].start) == pytest.approx(0.4, abs=1e-3)


def test_a_film_without_sound_stays_without(make, tmp_path):
    video = make("video.mp4", *picture())
    before = video.read_bytes()
    add_sound(video, describe(video))

    assert video.read_bytes() == before


def test_sound_that_cannot_be_read_costs_no_video(make, tmp_path):
    video = make("video.mp4", *picture())
    before = video.read_bytes()
    add_sound(video, replace(describe(video), path=tmp_path / "gone.mp4", sounds=("aac",)))

    assert video.read_bytes() == before


def test_a_folder_with_a_percent_sign_is_no_pattern(make, tmp_path):
    film = describe(make("film.mp4", *picture()))
    folder = tmp_path / "100%d"
    folder.mkdir()

    assert len(take_apart(film, folder)[0]) == 6


def test_ffprobes_words_are_understood():
    """As it writes them of a phone's film with a cover, whose rate varies."""
    cover = {"codec_type": "video", "disposition": {"attached_pic": 1}, "r_frame_rate": "90000/1"}
    video = {
        "codec_type": "video",
        "disposition": {"attached_pic": 0},
        **{"width": 1080, "height": 1920, "color_space": "bt709"},
        **{"r_frame_rate": "30/1", "avg_frame_rate": "43650/1457"},
    }
    sound = {"codec_type": "audio", "codec_name": "aac"}
    text = json.dumps({"streams": [cover, {"codec_type": "data"}, video, sound]}).encode()

    expected = Film(Path("film"), Fraction(30), "bt709", ("aac",))
    assert film_of_json(Path("film"), text) == expected
    assert film_of_json(Path("film"), json.dumps({"streams": [cover, sound]}).encode()) is None
    assert film_of_json(Path("film"), b"{}\n") is None


@pytest.mark.parametrize(
    ("rates", "expected"),
    [(("0/0", "25/1"), 25), (("24000/1001", "0/0"), Fraction(24000, 1001)), (("0/0", "0/0"), None)],
)
def test_a_rate_that_ffprobe_does_not_know_is_none(rates, expected):
    named = dict(zip(("r_frame_rate", "avg_frame_rate"), rates, strict=True))
    video = {"codec_type": "video", "width": 64, "height": 48, **named}

    assert film_of_json(Path(), json.dumps({"streams": [video]}).encode()).rate == expected
