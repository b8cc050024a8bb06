"""Files that are sent: those of a job, all of them in one, and what the page itself is made of."""

from __future__ import annotations

import contextlib
import io
import mimetypes
import zipfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from analogy.images import read_image

_HERE = Path(__file__).parent

# Kinds of pictures that every browser shows, as Pillow calls them.
_SHOWN = {"PNG", "JPEG", "GIF", "WEBP", "BMP"}

_PIECE = 2**20

_REPORT = _HERE.parent / "report"

#: Scripts of the page, two of which are the report's as well, and its pictures, by name.
SCRIPTS = {
    path.name: path for path in (*_HERE.glob("*.js"), _REPORT / "compare.js", _REPORT / "points.js")
}
PICTURES = {path.name: path for path in (_HERE / "pictures").glob("*.jpg")}


def names_in(folder: Path) -> list[str]:
    """Names of the files in a folder, in order; none where there is no folder."""
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def media_type(name: str, is_ours: bool) -> str:
    """What a browser may take a file for: of what was sent in, for a picture or for nothing."""
    kind = mimetypes.guess_type(name)[0] or ""
    is_picture = kind.startswith("image/") and kind != "image/svg+xml"
    return kind if kind and (is_ours or is_picture) else "application/octet-stream"


def shown_kind(path: Path) -> str | None:
    """Media type of a picture that browsers show as it is read here; None for others.

    Of what moves the first picture is read, so that a browser would show another.
    """
    with contextlib.suppress(OSError, ValueError), Image.open(path) as image:
        if image.format in _SHOWN and not getattr(image, "is_animated", False):
            return Image.MIME[image.format]
    return None


def write_shown_copy(path: Path, copy: Path) -> None:
    """Write a copy of an image that browsers show, whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        Image file of any kind.
    copy : pathlib.Path
        PNG to write; its folder is made.

    Raises
    ------
    AnalogyError
        If the image cannot be read.
    """
    image = read_image(path)
    copy.parent.mkdir(exist_ok=True)
    part = copy.with_suffix(".part")
    Image.fromarray(image).save(part, "PNG", compress_level=1)
    part.replace(copy)


def zipped(folder: Path, inside: str) -> Iterator[bytes]:
    """The files of a folder in one, piece by piece as they are read.

    Nothing is kept: pictures are compressed already, and a flow is hardly made smaller by it.

    Parameters
    ----------
    folder : pathlib.Path
    inside : str
        Name of the folder that they lie in when they are unpacked.
    """
    made = _Pieces()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name in names_in(folder):
            info = zipfile.ZipInfo.from_file(folder / name, f"{inside}/{name}")
            with (folder / name).open("rb") as file, archive.open(info, "w") as member:
                while piece := file.read(_PIECE):
                    member.write(piece)
                    yield made.taken()
    yield made.taken()


class _Pieces(io.RawIOBase):
    """A file that cannot be gone back in, whose bytes are taken away as they are written."""

    def __init__(self):
        self._bytes = bytearray()

    def writable(self):
        return True

    def write(self, piece):
        self._bytes += piece
        return len(piece)

    def taken(self):
        taken, self._bytes = bytes(self._bytes), bytearray()
        return taken
