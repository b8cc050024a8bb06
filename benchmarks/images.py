"""Image pairs to measure on."""

from __future__ import annotations

from pathlib import Path

from analogy.evaluation.weights import find_pairs
from analogy.images import read_image, resize

ROOT = Path(__file__).parent.parent

_EXAMPLES = ROOT / "examples" / "castle.png", ROOT / "examples" / "church.png"
_SHARED = ROOT.parent / "shared" / "pairs"


def example_pair(height, width):
    """The example pair at a size of both."""
    return tuple(resize(read_image(path), (height, width)) for path in _EXAMPLES)


def all_pairs():
    """Pairs beside the project where they are there, the example pair otherwise.

    Returns
    -------
    dict, name -> (path of A, path of B')
    """
    return find_pairs(_SHARED) if _SHARED.is_dir() else {"castle and church": _EXAMPLES}
