"""The network's weights as a file: where it is, what it is, and how to make one from others.

Nothing is imported before it is needed: ``onnx`` takes a while.
"""

from __future__ import annotations

import os
from pathlib import Path

_FILE = "vgg19.onnx"


def bundled_path() -> Path:
    """Path of the bundled weights, in an installed package or in a checkout."""
    installed = Path(__file__).with_name(_FILE)
    if installed.exists():
        return installed
    return Path(__file__).resolve().parents[2] / "models" / _FILE


def describe(path: str | os.PathLike) -> dict[str, str]:
    """Tell what a model file is.

    Parameters
    ----------
    path : path-like
        ONNX file of this project's form.

    Returns
    -------
    dict, str -> str
        Name, origin, licence and the like, in the order to show them.

    Raises
    ------
    AnalogyError
        If the file is not this network.
    """
    from analogy.model.architecture import is_identity
    from analogy.model.graph import read_model

    weights, sha256 = read_model(path)
    identities = [name for name, layer in weights.convolutions.items() if is_identity(*layer)]
    return (
        {"path": str(path)}
        | weights.metadata
        | {
            "weights": str(weights.dtype),
            "identity layers": ", ".join(identities) or "none",
            "sha256": sha256,
        }
    )


def convert(source: str | os.PathLike, destination: str | os.PathLike) -> dict[str, str]:
    """Convert weights of other programs; see :func:`analogy.model.conversion.convert`."""
    from analogy.model.conversion import convert

    return convert(source, destination)


def fetch(destination: str | os.PathLike | None = None) -> Path:
    """Download the original weights; see :func:`analogy.model.download.fetch`."""
    from analogy.model.download import fetch

    return fetch(destination)
