"""How results are shown: a Markdown table for each contest, and everything as JSON."""

from __future__ import annotations

from pathlib import Path

from analogy.system.outputs import write_json, write_text
from analogy.system.tables import Table, write_sheet

_COLUMNS = ("", "seconds", "times the first's", "MiB")

# Pictures side by side on a sheet.
_ACROSS = 4


def markdown(contest, results):
    """Table of a contest in GitHub's Markdown; the best of every column is bold."""
    columns = (*_COLUMNS, *contest.best)
    rows = [_cells(result, results[0], contest.best) for result in results]
    is_better = (None, min, None, min, *contest.best.values())
    marks = list(map(_best, zip(*rows, strict=True), is_better))
    shown = [
        [_text(cell, cell == mark) for cell, mark in zip(row, marks, strict=True)] for row in rows
    ]
    return Table(contest.title, columns, shown, contest.notes).markdown()


def record(contest, results):
    """What JSON is to hold of a contest."""
    return {
        "title": contest.title,
        "results": [
            {
                "name": result.contender.name,
                "distribution": result.contender.distribution,
                "version": result.contender.version,
                "status": result.status,
                "seconds": result.seconds,
                "mebibytes": result.mebibytes,
                **result.measures,
            }
            for result in results
        ],
        "notes": list(contest.notes),
    }


def write(folder, machine, held):
    """Write ``peers.md``, ``peers.json``, and a sheet for each contest that has pictures.

    Parameters
    ----------
    folder : path-like
        Made where absent.
    machine : dict
        What it was measured on.
    held : list of (Contest, list of Result)
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "peers.md", "\n".join(markdown(*both) for both in held))
    contests = [record(*both) for both in held]
    write_json(folder / "peers.json", {"machine": machine, "contests": contests})
    for contest, results in held:
        pictures = [(r.contender.name, r.picture) for r in results if r.picture is not None]
        if pictures:
            rows = [pictures[i : i + _ACROSS] for i in range(0, len(pictures), _ACROSS)]
            write_sheet(folder / f"{contest.title}.png", rows)


def _cells(result, first, measures):
    name = f"{result.contender.name} {result.contender.version or ''}".strip()
    if result.status != "done":
        return [name, result.status, *[None] * (len(_COLUMNS) - 2 + len(measures))]
    ratio = result.seconds / first.seconds if first.seconds else None
    figures = [result.seconds, ratio, result.mebibytes]
    return [name, *figures, *(result.measures[measure] for measure in measures)]


def _best(cells, better):
    numbers = [cell for cell in cells if isinstance(cell, float)]
    return better(numbers) if better and numbers else None


def _text(cell, is_best):
    if cell is None or isinstance(cell, str):
        return cell
    text = f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
    return f"**{text}**" if is_best else text
