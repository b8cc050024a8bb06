import pytest

from tests.analogy.video.film import put_ffmpeg_on_path


@pytest.fixture
def ffmpeg(tmp_path_factory, monkeypatch):
    """The program's path, by the package that brings one where the machine has none."""
    return put_ffmpeg_on_path(tmp_path_factory.mktemp("bin"), monkeypatch)
