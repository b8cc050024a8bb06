"""Frames of a film in the look of one image: ``analogy.video.transfer_video``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analogy.video.parameters import VideoParameters
    from analogy.video.transfer import Frame, transfer_video

_HOMES = {
    "Frame": "analogy.video.transfer",
    "VideoParameters": "analogy.video.parameters",
    "transfer_video": "analogy.video.transfer",
}

__all__ = ["Frame", "VideoParameters", "transfer_video"]


def __getattr__(name):
    """Import what is asked for when it is asked for, as `analogy` itself does."""
    if name not in _HOMES:
        raise AttributeError(f"module 'analogy.video' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
