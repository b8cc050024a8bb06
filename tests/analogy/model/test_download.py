import hashlib
import http.server
import threading
from functools import partial

import numpy as np
import pytest

from analogy.errors import AnalogyError
from analogy.model.download import fetch
from analogy.model.graph import read_model
from tests.analogy import weights_files as files

PUBLISHED = "vgg19_notop.h5"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder with weights in the published layout, mostly zeros to be small."""
    folder = tmp_path_factory.mktemp("published")
    convolutions = {
        name: (weights * (weights > 5), bias)
        for name, (weights, bias) in files.random_convolutions(np.random.default_rng(0)).items()
    }
    files.write_keras(folder / PUBLISHED, convolutions)
    yield folder
    (folder / PUBLISHED).unlink()


@pytest.fixture
def url(published):
    """Where a server on this machine has it."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=published)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{PUBLISHED}"
        server.shutdown()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def _md5(path):
    return f"md5:{hashlib.md5(path.read_bytes()).hexdigest()}"


def test_downloads_and_converts(published, url, tmp_path):
    path = fetch(tmp_path / "got.onnx", url=url, known_hash=_md5(published / PUBLISHED))

    assert path == tmp_path / "got.onnx"
    assert read_model(path)[0].metadata["name"] == f"VGG-19 from {PUBLISHED}"


def test_wrong_hash_is_refused(url, tmp_path):
    with pytest.raises(AnalogyError, match=r"cannot be downloaded .*hash") as refusal:
        fetch(tmp_path / "got.onnx", url=url, known_hash="md5:" + 32 * "0")

    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "got.onnx").exists()


def test_no_such_page_is_told(url, tmp_path):
    with pytest.raises(AnalogyError, match=r"cannot be downloaded .*404"):
        fetch(tmp_path / "got.onnx", url=url + "x", known_hash="md5:" + 32 * "0")


def test_no_server_is_told(tmp_path):
    # Port 9, discard, where nothing answers.
    with pytest.raises(AnalogyError, match=r"no connection to the server.*model convert FILE"):
        fetch(tmp_path / "got.onnx", url="http://127.0.0.1:9/x.h5", known_hash="md5:0")
