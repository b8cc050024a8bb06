"""The front page, which is the README with links that lead where its pages are on this site."""

from __future__ import annotations

import re

from docs.extension.sources import ROOT

# Pages that hold what the README refers to outside `docs/`.
_PAGES = {"models/README.md": "weights.md", "examples/README.md": "examples.md"}

_LINK = re.compile(r"\]\(([^)#:\s]+)(#[^)\s]*)?\)")


def reference():
    """Text of the README, in Markdown."""
    return _LINK.sub(_moved, (ROOT / "README.md").read_text())


def _moved(link):
    path, place = link[1], link[2] or ""
    inside = path.removeprefix("docs/") if path.startswith("docs/") else f"../{path}"
    return f"]({_PAGES.get(path, inside)}{place})"
