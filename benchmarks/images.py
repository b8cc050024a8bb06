"""Image pairs to measure on."""

from __future__ import annotations

from pathlib import Path

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
    found = {
        path.name.removesuffix("_A.png"): (path, path.with_name(path.name[:-5] + "B.png"))
        for path in sorted(_SHARED.glob("*_A.png"))
    }
    return {name: pair for name, pair in found.items() if pair[1].exists()} or {
        "castle and church": _EXAMPLES
    }
