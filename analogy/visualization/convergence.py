"""How the deconvolutions converged, as a plot."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from analogy.parameters import LEVELS

_SIZE = (8.0, 4.2)
_DOTS_PER_INCH = 120
_STYLES = {"a_prime": "-", "b": "--"}
_NAMES = {"a_prime": "A′", "b": "B"}

# What lines and letters look like: on paper, and on a dark page.
_LIGHT = {"text": "#1c2430", "grid": "#d4d9e1", "colours": (0.0, 0.8)}
_DARK = {"text": "#e6e9ef", "grid": "#3a4352", "colours": (0.3, 1.0)}


def convergence_image(deconvolutions):
    """Plot residuals over iterations.

    Parameters
    ----------
    deconvolutions : list of dict
        ``record["deconvolution"]`` of an :class:`analogy.Analogy`; not empty.

    Returns
    -------
    uint8 array, (height, width, 3)
    """
    canvas = FigureCanvasAgg(_plot(deconvolutions, _LIGHT))
    canvas.figure.set_facecolor("white")
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def convergence_svg(deconvolutions, dark=False):
    """Plot the same as SVG on a transparent ground, for a light or a dark page.

    Returns
    -------
    bytes
    """
    stream = io.BytesIO()
    # Letters stay letters, and the same record gives the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "convergence"}):
        _plot(deconvolutions, _DARK if dark else _LIGHT).savefig(
            stream, format="svg", transparent=True, metadata={"Date": None}
        )
    return stream.getvalue()


def _plot(deconvolutions, look):
    figure = Figure(_SIZE, dpi=_DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    darkest, lightest = look["colours"]
    shades = colormaps["plasma"](np.linspace(darkest, lightest, len(LEVELS)))
    colours = dict(zip(LEVELS, shades, strict=True))
    # Entries run from the smallest size to the largest.
    last = {(entry["level"], entry["image"]): entry["scale"] for entry in deconvolutions}
    for entry in deconvolutions:
        level, image, residuals = entry["level"], entry["image"], entry["residuals"]
        is_last = entry["scale"] == last[level, image]
        label = f"level {level}, {_NAMES[image]}" if is_last else None
        style = {"color": colours[level], "linestyle": _STYLES[image]}
        # Of a level's lines that of the largest size is thick, and the legend's.
        width = 1.8 if is_last else 0.8
        (line,) = axes.plot(residuals, label=label, linewidth=width, **style)
        line.set_gid(f"size{entry['scale'] + 1}-level{level}-{image}")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("iteration of L-BFGS")
    axes.set_ylabel("residual, squared, of what is wanted")
    _colour(axes, look)
    return figure


def _colour(axes, look):
    axes.grid(color=look["grid"], linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(look["grid"])
    axes.tick_params(which="both", colors=look["text"])
    for text in (axes.xaxis.label, axes.yaxis.label):
        text.set_color(look["text"])
    axes.legend(ncols=2, frameon=False, labelcolor=look["text"], fontsize="small")
