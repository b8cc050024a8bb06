"""How Sphinx builds this site: ``make docs``."""

import importlib.metadata
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "kernels")]

from docs.extension.public_names import LAYERS, exists  # noqa: E402
from docs.extension.sources import uri_of_object  # noqa: E402

project = "Deep Image Analogy"
author = "the authors of deep-image-analogy"
try:
    release = importlib.metadata.version("deep-image-analogy")
except importlib.metadata.PackageNotFoundError:
    release = ""

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.linkcode", "numpydoc"]
extensions += ["docs.extension"]

nitpicky = True
# They make a dash of an option's hyphens, and another sign of the one that A' and B' have.
smartquotes = False
exclude_patterns = [f"api/{layer}.md" for layer in LAYERS if not exists(layer)]

myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]
# A link to a page of the web that names its own protocol; all others are pages and files here.
myst_url_schemes = ["http", "https"]

autodoc_member_order = "bysource"
# Types are in the docstrings, with shapes and units.
autodoc_typehints = "none"
autodoc_preserve_defaults = True
numpydoc_show_class_members = False

html_theme = "furo"
html_title = "Deep Image Analogy"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
# Pages come with what they need: nothing is fetched to build them or to read them.
html_theme_options = {"navigation_with_keys": True}


def linkcode_resolve(domain, info):
    """Page of this site that shows the source of what is documented."""
    return uri_of_object(info["module"], info["fullname"]) if domain == "py" else None
