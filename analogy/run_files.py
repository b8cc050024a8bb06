"""One run of the command line: image files in, a folder of results out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analogy.images import (
    Picture,
    check_has_something,
    matching_shape,
    read_picture,
    resize,
    write_picture,
)
from analogy.images.drawn_masks import at_size, meant_labels
from analogy.images.reading import read_labels
from analogy.method.masks import Masks, check_masks
from analogy.method.points import Points
from analogy.method.points_file import read_points
from analogy.method.session import Session
from analogy.request import Request
from analogy.system.outputs import make_folder, staged, write_array, write_image, write_json

if TYPE_CHECKING:
    from analogy.method.rematching import Remains

_PREVIEW = "preview.png"

#: What is told while results are written.
WRITING = "writing files"


def transfer_files(
    request: Request,
    *,
    session: Session | None = None,
    progress: Callable[[float, str], None] | None = None,
    on_preview: Callable[[Any, Any], None] | None = None,
    remains: Remains | None = None,
    on_remains: Callable[[Remains], None] | None = None,
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Read images, transfer their looks and write what comes out.

    With several references A' and what belongs to it lie in the request's folder, and in
    ``reference_1`` and so on what each of them by itself gives.

    Parameters
    ----------
    request : Request
        Its folder is left as it was if anything fails.
    session : Session, optional
        What to transfer by, in place of the request's model and device.
    progress : callable, (fraction in [0, 1], text) -> None, optional
    on_preview : callable, (A', B) -> None, optional
        As for :func:`analogy.transfer`.
    remains : Remains, optional
        What an earlier transfer of the same pair has left: this one goes on from it, by its points.
    on_remains : callable, Remains -> None, optional
        Called with what a transfer of a pair leaves, for another to go on from.

    Returns
    -------
    record : dict
        What ``report.json`` holds.
    outputs : dict, name -> pathlib.Path
        Files and folders that were written.

    Raises
    ------
    AnalogyError
    """
    a, *b_primes = _read_images(request)
    masks, points = _read_guides(a, b_primes[0], **request.inputs.guides)
    session = session or Session(request.model, request.device, compiles_beside=True)
    hooks = progress, on_preview, on_remains
    with staged(request.folder) as staging, _previewing(request, a, staging) as write_preview:
        run = _Run(request, a, b_primes, masks, points, session, remains, *hooks, write_preview)
        record = _run_pair(run, staging) if len(b_primes) == 1 else _run_several(run, staging)
        names = sorted(path.name for path in staging.iterdir() if not path.name.startswith("."))
    return record, {name: request.folder / name for name in names}


@dataclass(frozen=True)
class _Run:
    """A request whose images are there.

    Attributes
    ----------
    request : Request
    a : Picture
    b_primes : list of Picture
    masks : Masks or None
    points : Points or None
    session : Session
    remains : Remains or None
        What it goes on from.
    progress, on_preview, on_remains : callable or None
    write_preview : callable or None
    """

    request: Request
    a: Picture
    b_primes: list[Picture]
    masks: Masks | None
    points: Points | None
    session: Session
    remains: Any
    progress: Callable[[float, str], None] | None
    on_preview: Callable[[Any, Any], None] | None
    on_remains: Callable[[Any], None] | None
    write_preview: Callable[[Any, Any], None] | None

    @property
    def is_watched(self) -> bool:
        """Whether what happens at each level is to be shown."""
        return self.request.extras.viz or self.request.extras.report

    @property
    def options(self) -> dict[str, Any]:
        """What every transfer is given."""
        guides = {"masks": self.masks, "points": self.points}
        return guides | {"session": self.session} | self.hooks

    @property
    def hooks(self) -> dict[str, Any]:
        """What every transfer calls."""
        return {"progress": self.progress, "on_preview": self._preview()}

    def _preview(self):
        shows = [show for show in (self.write_preview, self.on_preview) if show]
        return (lambda a_prime, b: [show(a_prime, b) for show in shows]) if shows else None

    def tell_of_writing(self) -> None:
        """Tell that all is computed, and that files are written now."""
        if self.progress:
            self.progress(1.0, WRITING)


@contextlib.contextmanager
def _previewing(request, a, staging):
    """Yield what writes the preview into the request's folder, None where none is asked for."""
    if not request.extras.preview:
        yield None
        return

    def write(a_prime, _):
        write_image(staging / _PREVIEW, resize(a_prime, a.shape))
        # Whole, or not at all, to who looks.
        os.replace(staging / _PREVIEW, request.folder / _PREVIEW)

    try:
        yield write
    except BaseException:
        (request.folder / _PREVIEW).unlink(missing_ok=True)
        raise


def _read_images(request):
    paths = [request.inputs.a, *request.inputs.b_primes]
    images = [read_picture(path, request.parameters.background) for path in paths]
    scale = request.parameters.ratio, request.parameters.max_side
    for path, image in zip(paths, images, strict=True):
        check_has_something(image, str(path))
        matching_shape(image.shape, *scale, str(path))
    return images


def _read_guides(a, b_prime, points=None, **masks):
    """Masks and points, None where there are none."""
    shapes = a.shape, b_prime.shape
    return (
        _read_masks(a, b_prime, **masks) if masks else None,
        None if points is None else read_points(points).inside(*shapes),
    )


def _read_masks(a, b_prime, mask_a=None, mask_b=None, keep=None):
    labels_a, labels_b = _read_labels((mask_a, a.shape), (mask_b, b_prime.shape))
    (kept,) = _read_labels((keep, a.shape))
    masks = Masks(labels_a, labels_b, kept, names=(str(mask_a), str(mask_b), str(keep)))
    check_masks(masks, a.shape, b_prime.shape)
    return masks


def _read_labels(*files):
    """Labels of masks that go together, each at its image's size; None where there is no file."""
    read = {path: read_labels(path) for path, _ in files if path is not None}
    found = {path: labels for path, (labels, _) in read.items()}
    if not any(are_numbers for _, are_numbers in read.values()):
        meant = meant_labels(list(found.values()), [str(path) for path in found])
        found = dict(zip(found, meant, strict=True))
    return [None if path is None else at_size(found[path], size, str(path)) for path, size in files]


def _run_pair(run, staging):
    request, (b_prime,) = run.request, run.b_primes
    trace = _level_trace() if run.is_watched else None
    result = _transferred(run, b_prime, trace)
    run.tell_of_writing()
    if run.on_remains and result.remains is not None:
        run.on_remains(result.remains)
    record = _record(request, request.inputs.b_primes[0], result)
    _write_pair(staging, (run.a.shown, b_prime.shown), result, trace, record, request.extras)
    return record


def _transferred(run, b_prime, trace):
    # Numba takes a second to import; bad input has been answered by now.
    from analogy.method.again import transfer_again
    from analogy.method.transfer import transfer

    if run.remains is not None:
        return transfer_again(run.remains, run.points, on_level=trace, **run.hooks)
    keeps = run.on_remains is not None
    parameters = run.request.parameters
    return transfer(run.a, b_prime, parameters, on_level=trace, keep_remains=keeps, **run.options)


def _run_several(run, staging):
    from analogy.method.several import transfer_from_several

    request, inputs = run.request, run.request.inputs
    traces = [_level_trace() for _ in run.b_primes] if run.is_watched else None
    tell = (lambda index, state: traces[index](state)) if traces else None
    found = transfer_from_several(
        run.a, run.b_primes, request.parameters, on_level=tell, **run.options
    )
    run.tell_of_writing()
    records = []
    for index, one in enumerate(found.analogies):
        record = _record(request, inputs.b_primes[index], one)
        folder, trace = staging / f"reference_{index + 1}", traces[index] if traces else None
        images = run.a.shown, run.b_primes[index].shown
        _write_pair(folder, images, one, trace, record, request.extras)
        records.append(record)
    record = _record_of_several(request, found, records)
    _write_several(staging, run, found, record)
    return record


def _record(request, b_prime, result):
    inputs = request.inputs.record(b_prime)
    return {"inputs": inputs, "command": request.extras.command} | result.record


def _record_of_several(request, found, records):
    """Record of a run: what all references share, and of each its share and its own record."""
    first, inputs = records[0], request.inputs
    return {
        "inputs": {"a": inputs.a, "references": inputs.b_primes} | inputs.guides,
        "command": request.extras.command,
        **{name: first[name] for name in ("model", "device", "providers", "versions")},
        "parameters": first["parameters"],
        "shares": found.shares,
        "seconds": {
            "total": round(sum(record["seconds"]["total"] for record in records), 3),
        },
        "peak_memory_bytes": records[-1]["peak_memory_bytes"],
        "runs": records,
    }


def _write_pair(folder, images, result, trace, record, extras):
    # Removed while it computed? Then made anew: the work need not be lost.
    folder = make_folder(folder)
    _write_pictures(folder, result)
    write_array(folder / "flow_ab.npy", result.flow_ab)
    write_array(folder / "flow_ba.npy", result.flow_ba)
    write_image(folder / "confidence_a.png", result.confidence_a)
    write_image(folder / "confidence_b.png", result.confidence_b)
    if result.poses is not None:
        write_array(folder / "transform.npy", result.poses)
    write_json(folder / "report.json", record)
    if trace:
        _show_pair(folder, images, result, trace, record, extras)


def _write_pictures(folder, result):
    pictures = {folder / f"{name}.png": picture for name, picture in result.pictures.items()}
    # Deflating a large one takes a second, in which another can be.
    with ThreadPoolExecutor() as pool:
        list(pool.map(write_picture, pictures, pictures.values()))


def _write_several(folder, run, found, record):
    from analogy.visualization.colours import choice_colours

    _write_pictures(folder, found)
    write_image(folder / "choice.png", choice_colours(found.choice))
    write_array(folder / "choice.npy", found.choice)
    write_array(folder / "flow_ab.npy", found.flow_ab)
    write_image(folder / "confidence_a.png", found.confidence_a)
    write_json(folder / "report.json", record)
    if run.request.extras.report:
        from analogy.report.page import write_report_of_several

        b_primes = [picture.shown for picture in run.b_primes]
        write_report_of_several(folder / "report.html", run.a.shown, b_primes, found, record)


def _level_trace():
    # Matplotlib takes half a second to import.
    from analogy.visualization.levels import LevelTrace

    return LevelTrace()


def _show_pair(folder, images, result, trace, record, extras):
    from analogy.report.page import write_report
    from analogy.visualization.files import write_visualization
    from analogy.visualization.levels import picture_levels

    (a, b_prime), parameters = images, record["parameters"]
    pictures = picture_levels(trace, a, b_prime, parameters["vote_side"], parameters["vote_width"])
    if extras.viz:
        write_visualization(folder / "viz", a, b_prime, result, pictures)
    if extras.report:
        write_report(folder / "report.html", a, b_prime, result, pictures, record)
