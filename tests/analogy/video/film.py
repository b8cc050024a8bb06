"""A film of a few small frames: a window that moves over the example photograph."""

import functools
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import analogy

EXAMPLES = Path(__file__).parents[3] / "examples"
QUICK = analogy.Parameters(search_iterations=(1,) * 5, deconv_iterations=2)


@functools.cache
def castle(count=3):
    """Frames of 56 x 64 pixels; from each to the next things move by 1.5 and 1 pixels."""
    with Image.open(EXAMPLES / "castle.png") as image:
        whole = image.convert("RGB")
        windows = [(60 + 9 * t, 40 + 6 * t) for t in range(count)]
        return [
            np.array(whole.resize((64, 56), Image.BICUBIC, (x, y, x + 384, y + 336)))
            for x, y in windows
        ]


@functools.cache
def church():
    with Image.open(EXAMPLES / "church.png") as image:
        return np.array(image.convert("RGB").resize((48, 60)))


def put_ffmpeg_on_path(folder, monkeypatch):
    """Find ffmpeg, by the package that brings one where the machine has none; returns its path."""
    if shutil.which("ffmpeg") is None:
        program = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
        (folder / "ffmpeg").symlink_to(program)
        monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return shutil.which("ffmpeg")
