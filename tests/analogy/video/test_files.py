from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analogy.errors import AnalogyError
from analogy.images import read_image
from analogy.parameters import Parameters
from analogy.video.files import Source, frames_in, opened, put_together, write_frames
from analogy.video.parameters import VideoParameters


@pytest.fixture
def frames(tmp_path):
    """Images of an odd size, each a little brighter than the one before."""
    folder = tmp_path / "frames"
    folder.mkdir()
    paths = [folder / f"{number}.png" for number in range(8, 12)]
    ramp = np.add.outer(np.arange(45), np.arange(63))
    for index, path in enumerate(paths):
        Image.fromarray((ramp + 20 * index).astype(np.uint8)).convert("RGB").save(path)
    return paths


def test_frames_come_in_natural_order(frames):
    (frames[0].parent / "notes.txt").write_text("no frame")

    assert frames_in(frames[0].parent) == frames


@pytest.mark.parametrize("name", ["._9.png", ".hidden.jpg", ".DS_Store", "Thumbs.db", "._8.PNG"])
def test_hidden_files_and_companions_are_no_frames(frames, name):
    (frames[0].parent / name).write_bytes(b"Mac OS X")

    assert frames_in(frames[0].parent) == frames


def test_folders_are_no_frames_and_endings_may_be_of_capitals(frames):
    (frames[0].parent / "more.png").mkdir()
    capital = frames[-1].rename(frames[-1].with_name("11.PNG"))

    assert frames_in(frames[0].parent) == [*frames[:-1], capital]


def test_frames_of_one_name_are_refused(frames):
    Image.new("RGB", (63, 45)).save(frames[0].parent / "9.jpg")

    with pytest.raises(AnalogyError, match=r"9\.jpg and 9\.png would both become 9\.png"):
        frames_in(frames[0].parent)


def refused(frames, style="absent.png"):
    """What a run of frames is refused for, before anything is written."""
    folder = frames[0].parent
    out, source = folder.parent / "out", Source(folder, frames_in(folder), "25")
    with pytest.raises(AnalogyError) as raised:
        write_frames(source, Path(style), out, Parameters(), VideoParameters(), report=None)
    assert not out.exists()
    return str(raised.value)


@pytest.mark.parametrize("kind", ["png", "jpg", "tif"])
def test_a_frame_of_another_size_is_named_at_once(frames, kind):
    other = frames[0].with_name(f"10b.{kind}")
    Image.new("RGB", (45, 63)).save(other)

    assert refused(frames) == (
        f"{other}: 45 x 63 px where 8.png has 63 x 45; give frames of one size"
    )


def test_so_is_a_frame_that_is_none(frames):
    frames[2].write_text("no image")

    assert refused(frames).startswith(f"{frames[2]}: not an image")


def test_a_frame_that_lies_on_its_side_has_the_size_that_it_is_shown_at(frames):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (45, 63)).save(frames[0].with_name("10b.jpg"), exif=exif)

    assert refused(frames).startswith("absent.png: no such file")


def test_a_style_without_anything_on_it_is_refused(frames, tmp_path):
    Image.new("RGBA", (40, 40)).save(tmp_path / "style.png")

    reason = refused(frames, tmp_path / "style.png")
    assert reason.startswith(f"{tmp_path / 'style.png'}: all of it is transparent")


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(AnalogyError, match="no images in it"):
        frames_in(tmp_path)


def test_a_video_is_made_and_taken_apart_again(frames, tmp_path, ffmpeg):
    video = tmp_path / "-odd name.mp4"
    put_together(frames, "12.5", video)

    with opened(video) as source:
        assert source.rate == "12.5"
        assert [path.name for path in source.paths] == [f"frame_000{n}.png" for n in range(1, 5)]
        for path, original in zip(source.paths, frames, strict=True):
            frame = read_image(path)
            # Sides are made even, and H.264 is not lossless.
            assert frame.shape == (46, 64, 3)
            assert np.abs(frame[:45, :63].astype(int) - read_image(original)).mean() < 3
        folder = source.paths[0].parent
    assert not folder.exists()


def test_the_rate_that_is_asked_for_is_taken(frames, tmp_path, ffmpeg):
    video = tmp_path / "video.mp4"
    put_together(frames, "25", video)

    with opened(video, "10") as source:
        assert source.rate == "10"


def test_sound_goes_with_the_rate_that_it_was_recorded_at(frames, tmp_path, ffmpeg):
    video = tmp_path / "video.mp4"
    put_together(frames, "24000/1001", video)

    for rate, has_its_time in ((None, True), ("23.976", True), ("12", False)):
        with opened(video, rate) as source:
            assert source.rate == (rate or "24000/1001")
            assert source.has_its_time is has_its_time


def test_what_is_no_video_is_refused(tmp_path, ffmpeg):
    path = tmp_path / "text.mp4"
    path.write_text("no video")

    with pytest.raises(AnalogyError, match=r"text\.mp4: ffmpeg cannot read it"), opened(path):
        pass


def test_a_video_without_ffmpeg_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "video.mp4"
    path.write_bytes(b"")

    with (
        pytest.raises(AnalogyError, match=r"video\.mp4: no ffmpeg was found: install it"),
        opened(path),
    ):
        pass


def test_what_is_not_there_is_refused():
    with (
        pytest.raises(AnalogyError, match="absent: no such file or folder"),
        opened(Path("absent")),
    ):
        pass
