"""One run of the command line: image files in, a folder of results out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from analogy.images import matching_shape, read_image, read_mask
from analogy.method.masks import Masks, check_masks
from analogy.system.outputs import make_folder, staged, write_array, write_image, write_json


@dataclass(frozen=True)
class Inputs:
    """Files that a run reads.

    Attributes
    ----------
    a : pathlib.Path
    b_primes : sequence of pathlib.Path
        One B', or several references.
    masks : dict, "mask_a", "mask_b" or "keep" -> pathlib.Path
        Those that were given.
    """

    a: Path
    b_primes: list[Path]
    masks: dict[str, Path] = field(default_factory=dict)

    def record(self, b_prime):
        """Names of the files of A with one reference, for a report."""
        return {"a": self.a, "b_prime": b_prime} | self.masks


@dataclass(frozen=True)
class Extras:
    """What a run writes beside its results.

    Attributes
    ----------
    viz, report : bool
        Pictures of every level; a page to look through the run.
    command : str
        That repeats the run.
    """

    viz: bool = False
    report: bool = False
    command: str = ""


def transfer_files(inputs, folder, parameters, extras, **options):
    """Read images, transfer their looks and write what comes out.

    With several references A' and what belongs to it lie in `folder`, and in ``reference_1`` and
    so on what each of them by itself gives.

    Parameters
    ----------
    inputs : Inputs
    folder : pathlib.Path
        For the results; left as it was if anything fails.
    parameters : Parameters
    extras : Extras
    options
        `model`, `device`, `session` and `progress` of :func:`analogy.transfer`.

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
    a, *b_primes = _read_images(inputs, parameters)
    options["masks"] = _read_masks(a, b_primes[0], **inputs.masks) if inputs.masks else None
    with staged(folder) as staging:
        run = _run_pair if len(b_primes) == 1 else _run_several
        record = run(staging, a, b_primes, inputs, parameters, extras, options)
        names = sorted(path.name for path in staging.iterdir() if not path.name.startswith("."))
    return record, {name: folder / name for name in names}


def _read_images(inputs, parameters):
    paths = [inputs.a, *inputs.b_primes]
    images = [read_image(path) for path in paths]
    scale = parameters.ratio, parameters.max_side
    for path, image in zip(paths, images, strict=True):
        matching_shape(image.shape[:2], *scale, str(path))
    return images


def _read_masks(a, b_prime, mask_a=None, mask_b=None, keep=None):
    paths = mask_a, mask_b, keep
    files = [None if path is None else read_mask(path) for path in paths]
    masks = Masks(*files, names=tuple(map(str, paths)))
    check_masks(masks, a.shape[:2], b_prime.shape[:2])
    return masks


def _run_pair(staging, a, b_primes, inputs, parameters, extras, options):
    # Numba takes a second to import; bad input has been answered by now.
    from analogy.method.algorithm import transfer

    trace = _level_trace() if extras.viz or extras.report else None
    result = transfer(a, *b_primes, parameters, on_level=trace, **options)
    record = _record(inputs.record(*inputs.b_primes), extras, result)
    _write_pair(staging, (a, *b_primes), result, trace, record, extras)
    return record


def _run_several(staging, a, b_primes, inputs, parameters, extras, options):
    from analogy.method.several import transfer_from_several

    traces = [_level_trace() for _ in b_primes] if extras.viz or extras.report else None
    tell = (lambda index, state: traces[index](state)) if traces else None
    found = transfer_from_several(a, b_primes, parameters, on_level=tell, **options)
    records = []
    for index, one in enumerate(found.analogies):
        record = _record(inputs.record(inputs.b_primes[index]), extras, one)
        folder, trace = staging / f"reference_{index + 1}", traces[index] if traces else None
        _write_pair(folder, (a, b_primes[index]), one, trace, record, extras)
        records.append(record)
    record = _record_of_several(inputs, extras, found, records)
    _write_several(staging, a, b_primes, found, record, extras)
    return record


def _record(inputs, extras, result):
    return {"inputs": inputs, "command": extras.command} | result.record


def _record_of_several(inputs, extras, found, records):
    """Record of a run: what all references share, and of each its share and its own record."""
    first = records[0]
    return {
        "inputs": {"a": inputs.a, "references": inputs.b_primes} | inputs.masks,
        "command": extras.command,
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
    write_image(folder / "a_prime.png", result.a_prime)
    write_image(folder / "b.png", result.b)
    if result.a_prime_refined is not None:
        write_image(folder / "a_prime_refined.png", result.a_prime_refined)
        write_image(folder / "b_refined.png", result.b_refined)
    write_array(folder / "flow_ab.npy", result.flow_ab)
    write_array(folder / "flow_ba.npy", result.flow_ba)
    write_image(folder / "confidence_a.png", result.confidence_a)
    write_image(folder / "confidence_b.png", result.confidence_b)
    write_json(folder / "report.json", record)
    if trace:
        _show_pair(folder, images, result, trace, record, extras)


def _write_several(folder, a, b_primes, found, record, extras):
    from analogy.visualization.colours import choice_colours

    write_image(folder / "a_prime.png", found.a_prime)
    if found.a_prime_refined is not None:
        write_image(folder / "a_prime_refined.png", found.a_prime_refined)
    write_image(folder / "choice.png", choice_colours(found.choice))
    write_array(folder / "choice.npy", found.choice)
    write_array(folder / "flow_ab.npy", found.flow_ab)
    write_image(folder / "confidence_a.png", found.confidence_a)
    write_json(folder / "report.json", record)
    if extras.report:
        from analogy.report.page import write_report_of_several

        write_report_of_several(folder / "report.html", a, b_primes, found, record)


def _level_trace():
    # Matplotlib takes half a second to import.
    from analogy.visualization.levels import LevelTrace

    return LevelTrace()


def _show_pair(folder, images, result, trace, record, extras):
    from analogy.report.page import write_report
    from analogy.visualization.files import write_visualization
    from analogy.visualization.levels import picture_levels

    parameters = record["parameters"]
    votes = parameters["vote_side"], parameters["vote_width"]
    pictures = picture_levels(trace, *images, *votes)
    if extras.viz:
        write_visualization(folder / "viz", *images, result, pictures)
    if extras.report:
        write_report(folder / "report.html", *images, result, pictures, record)
