"""The page of ``run --report``: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analogy.method.poses import Pose
from analogy.parameters import Parameters
from analogy.report.command import with_points
from analogy.report.encoding import data_uri, pack_flow, picture_uri
from analogy.system.outputs import write_text
from analogy.visualization.colours import choice_colours, confidence_bar, flow_wheel
from analogy.visualization.convergence import convergence_svg

_HERE = Path(__file__).parent

# The largest that the page's parts can come to stays under its 5 MB: the images, each of which is
# compared with another, four of them or, with refined ones, eight; thirty pictures of levels, two
# flows of four bytes a sample, base64 adding a third to all of them.
_IMAGE_SIDE, _IMAGE_BYTES, _REFINED_IMAGE_BYTES = 1024, 400_000, 240_000
_PICTURE_SIDE, _PICTURE_BYTES = 448, 32_000
_FLOW_SAMPLES = 280
_WHEEL_SIDE, _WHEEL_BYTES = 160, 16_000
_BAR_SIZE = (256, 16)


def write_report(path, a, b_prime, result, pictures, record):
    """Write the report of a run.

    Parameters
    ----------
    path : path-like
        HTML file to write.
    a, b_prime : uint8 arrays, (height, width, 3)
        The images that were given to the transfer.
    result : Analogy
    pictures : analogy.visualization.levels.Pictures
    record : dict
        ``result.record`` with what the command line adds: ``inputs``, the paths by name, and
        ``command``, the command that repeats the run.

    Raises
    ------
    AnalogyError
        If the file cannot be written.
    """
    page = _render(
        "template.html",
        style=_text("style.css") + _text("points.css") + _columns(a, b_prime),
        script=_text("points.js") + _text("script.js") + _text("compare.js"),
        record=record,
        images=_images(a, b_prime, result, record["inputs"]),
        data=_data(result, pictures, record),
        command_with_points=with_points(record["command"]),
        legends=_legends(pictures),
        poses=_poses(result, record),
        plots=_plots(record["deconvolution"]),
        stages=_stages(record["seconds"]),
        parameters=_parameters(record["parameters"]),
    )
    write_text(path, page)


def write_report_of_several(path, a, b_primes, found, record):
    """Write the report of a run with several references: which of them gives what.

    Parameters
    ----------
    path : path-like
        HTML file to write; it names the reports of the references, ``reference_1/report.html`` and
        so on, beside it.
    a, b_primes : uint8 arrays, (height, width, 3)
    found : SeveralAnalogies
    record : dict
        What ``report.json`` holds.

    Raises
    ------
    AnalogyError
        If the file cannot be written.
    """
    names = [Path(name).name for name in record["inputs"]["references"]]
    colours = choice_colours(np.arange(len(names), dtype=np.uint8)[None])[0]
    page = _render(
        "references.html",
        style=_text("style.css"),
        script="",
        record=record,
        name=Path(record["inputs"]["a"]).name,
        images={
            "A": (a, f"A: {Path(record['inputs']['a']).name}"),
            "A′": (found.a_prime, "A′: A in the look of the references"),
            "Choice": (choice_colours(found.choice), "Which reference gave each pixel, as colours"),
        },
        picture=lambda image: picture_uri(image, _IMAGE_SIDE, _IMAGE_BYTES),
        thumbnail=lambda image: picture_uri(image, _WHEEL_SIDE, _WHEEL_BYTES),
        references=[
            {
                "name": name,
                "swatch": np.full((16, 16, 3), colour, np.uint8),
                "image": image,
                "share": share,
                "folder": f"reference_{index + 1}",
            }
            for index, (name, colour, image, share) in enumerate(
                zip(names, colours, b_primes, found.shares, strict=True)
            )
        ],
        parameters=_parameters(record["parameters"]),
    )
    write_text(path, page)


def _render(template, *, style, script, **facts):
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        style=Markup(style),
        style_hash=_hash(style),
        script=Markup(script),
        script_hash=_hash(script),
        **facts,
    )


def _text(name):
    return (_HERE / name).read_text(encoding="utf-8")


def _columns(a, b_prime):
    """Rule that gives the two images of a pair one height, where there is room for both."""
    widths = (min(max(image.shape[1] / image.shape[0], 0.5), 2) for image in (a, b_prime))
    columns = " ".join(f"minmax(0, {width:.4f}fr)" for width in widths)
    return f"@media (min-width: 44rem) {{ .pair {{ grid-template-columns: {columns}; }} }}\n"


def _hash(text):
    """What a page's security policy knows an inline style or script by."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _images(a, b_prime, result, inputs):
    described = {
        "a": ("A", a, f"A: {Path(inputs['a']).name}"),
        "a_prime": ("A′", result.a_prime, "A′: A in the look of B′"),
        "b": ("B", result.b, "B: B′ in the look of A"),
        "b_prime": ("B′", b_prime, f"B′: {Path(inputs['b_prime']).name}"),
    }
    most_bytes = _IMAGE_BYTES
    if result.a_prime_refined is not None:
        most_bytes = _REFINED_IMAGE_BYTES
        described |= {
            "a_prime_refined": (
                "A′ refined",
                result.a_prime_refined,
                "A′ refined: the new colours with A's own detail",
            ),
            "b_refined": (
                "B refined",
                result.b_refined,
                "B refined: the new colours with the detail of B′",
            ),
        }
    return {
        key: {
            "name": name,
            "alt": alt,
            "height": image.shape[0],
            "width": image.shape[1],
            "source": picture_uri(image, _IMAGE_SIDE, most_bytes),
        }
        for key, (name, image, alt) in described.items()
    }


def _data(result, pictures, record):
    """What the script works on."""
    return {
        "points": record.get("points", []),
        "flows": {
            "a": pack_flow(result.flow_ab, _FLOW_SAMPLES),
            "b_prime": pack_flow(result.flow_ba, _FLOW_SAMPLES),
        },
        "levels": [_level(level) for level in pictures.levels],
    }


def _level(level):
    number = level.level
    pictures = {
        "flow_ab": (level.ab.flow, f"Matches from A to B′ at level {number}, as colours"),
        "a_prime": (level.ab.result, f"A′ as level {number} would give it"),
        "confidence_ab": (level.ab.confidence, f"Confidence of the matches of A at level {number}"),
        "flow_ba": (level.ba.flow, f"Matches from B′ to A at level {number}, as colours"),
        "b": (level.ba.result, f"B as level {number} would give it"),
        "confidence_ba": (
            level.ba.confidence,
            f"Confidence of the matches of B′ at level {number}",
        ),
    }
    sizes = (f"{width} × {height}" for height, width in (level.ab.size, level.ba.size))
    return {
        "level": number,
        "text": (
            f"Level {number}: maps of {' and '.join(sizes)} positions. "
            f"{100 * level.ab.mutual:.0f} % of the matches of A and "
            f"{100 * level.ba.mutual:.0f} % of those of B′ lead back to within one position."
        ),
        "pictures": {
            name: {"source": picture_uri(picture, _PICTURE_SIDE, _PICTURE_BYTES), "alt": alt}
            for name, (picture, alt) in pictures.items()
        },
    }


def _legends(pictures):
    return {
        "wheel": picture_uri(flow_wheel(_WHEEL_SIDE), _WHEEL_SIDE, _WHEEL_BYTES),
        "bar": picture_uri(confidence_bar(*_BAR_SIZE), _BAR_SIZE[0], _WHEEL_BYTES),
        "radius": pictures.flow_radius,
    }


def _poses(result, record):
    """The copies of B' that A is matched with, and which pixel with which; None for B' as it is."""
    if result.poses is None:
        return None
    entries = record["poses"]
    colours = choice_colours(np.arange(len(entries), dtype=np.uint8)[None])[0]
    return {
        "map": picture_uri(choice_colours(result.poses), _PICTURE_SIDE, _PICTURE_BYTES),
        "copies": [
            {
                "name": str(Pose(entry["mirrored"], entry["turn"], entry["scale"])),
                "swatch": picture_uri(
                    np.full((16, 16, 3), colour, np.uint8), _WHEEL_SIDE, _WHEEL_BYTES
                ),
                "share": entry["share"],
            }
            for entry, colour in zip(entries, colours, strict=True)
        ],
    }


def _plots(deconvolutions):
    if not deconvolutions:
        return None
    return {
        look: data_uri("image/svg+xml", convergence_svg(deconvolutions, dark=look == "dark"))
        for look in ("light", "dark")
    }


def _stages(seconds):
    """Stages with their seconds and the parts of their bars, as shares of the longest stage."""
    stages = [(name, spent) for name, spent in seconds.items() if name != "total"]
    parts = [
        list(spent.items()) if isinstance(spent, dict) else [("", spent)] for _, spent in stages
    ]
    longest = max(*(_sum(part) for part in parts), 1e-9)
    return [
        {
            "name": name.partition(" (")[0],
            "seconds": _sum(part),
            "share": _sum(part) / max(seconds["total"], 1e-9),
            "bar": _bar(part, longest),
            "levels": [(level, spent) for level, spent in part if level],
        }
        for (name, _), part in zip(stages, parts, strict=True)
    ]


def _sum(part):
    return sum(spent for _, spent in part)


def _bar(part, longest):
    segments, left = [], 0.0
    for level, spent in part:
        width = 100 * spent / longest
        segments.append({"level": level, "left": left, "width": width})
        left += width
    return segments


def _parameters(parameters):
    defaults = asdict(Parameters())
    return [
        {
            "name": name.replace("_", " "),
            "value": _shown(value),
            "changed": name not in defaults or value != defaults[name],
        }
        for name, value in parameters.items()
    ]


def _shown(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_shown(item) for item in value)
    return "no limit" if value is None else str(value)
