"""The original VGG-19 weights, off the network."""

from __future__ import annotations

from pathlib import Path

import pooch
import requests

from analogy.errors import AnalogyError
from analogy.model.conversion import convert

# Oxford's weights as the Keras applications publish them.
_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
    "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
_HASH = "md5:253f8cb515780f3b799900260a226db6"


def fetch(destination=None, *, url=_URL, known_hash=_HASH):
    """Download the original VGG-19 weights (80 MB), once, and convert them.

    Parameters
    ----------
    destination : path-like, optional
        ONNX file to write; in the user's cache when absent.
    url, known_hash : str
        Where they are and what they must hash to.

    Returns
    -------
    pathlib.Path
        The ONNX file.

    Raises
    ------
    AnalogyError
        If they cannot be downloaded, are not what they should be, or cannot be written.
    """
    cache = pooch.os_cache("deep-image-analogy")
    destination = cache / "vgg19_original.onnx" if destination is None else Path(destination)
    try:
        source = pooch.retrieve(url, known_hash, fname=url.rsplit("/", 1)[-1], path=cache)
    except (requests.RequestException, ValueError, OSError) as error:
        raise AnalogyError(
            f"{url}: cannot be downloaded ({_reason(error)}); "
            "get it in another way and run: model convert FILE"
        ) from error
    convert(source, destination)
    return destination


def _reason(error):
    if isinstance(error, requests.ConnectionError):
        return "no connection to the server"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
