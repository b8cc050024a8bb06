"""Deep Image Analogy: give each of two images the look of the other.

``analogy.transfer(a, b_prime)`` does it for arrays, ``analogy run A.png B.png`` for files.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analogy.algorithm import Analogy, LevelState, transfer
    from analogy.errors import AnalogyError
    from analogy.masks import Masks
    from analogy.parameters import BLEND_WEIGHTS, CATEGORIES, PRESETS, Parameters
    from analogy.references import SeveralAnalogies, transfer_from_several
    from analogy.session import Session

_HOMES = {
    "Analogy": "analogy.algorithm",
    "AnalogyError": "analogy.errors",
    "BLEND_WEIGHTS": "analogy.parameters",
    "CATEGORIES": "analogy.parameters",
    "LevelState": "analogy.algorithm",
    "Masks": "analogy.masks",
    "PRESETS": "analogy.parameters",
    "Parameters": "analogy.parameters",
    "Session": "analogy.session",
    "SeveralAnalogies": "analogy.references",
    "transfer": "analogy.algorithm",
    "transfer_from_several": "analogy.references",
}

__all__ = [
    "BLEND_WEIGHTS",
    "CATEGORIES",
    "PRESETS",
    "Analogy",
    "AnalogyError",
    "LevelState",
    "Masks",
    "Parameters",
    "Session",
    "SeveralAnalogies",
    "transfer",
    "transfer_from_several",
]


def __getattr__(name):
    """Import what is asked for when it is asked for: Numba takes a second to import."""
    if name not in _HOMES:
        raise AttributeError(f"module 'analogy' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
