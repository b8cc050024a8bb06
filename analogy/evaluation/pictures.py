"""Pictures judged by two figures, beside those published of the same pairs, and laid side by side.

The figures are those of :mod:`analogy.evaluation.judge`. They do not see a crooked mouth, so there
is a sheet for every pair, to be looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analogy.errors import AnalogyError, brief
from analogy.evaluation.json_file import read_json
from analogy.evaluation.judge import Judge
from analogy.evaluation.pairs import find_image, find_pairs
from analogy.images import read_image, resize
from analogy.parameters import PRESETS
from analogy.request import Inputs, Request
from analogy.run_files import transfer_files
from analogy.system.tables import Table, mean, write_sheet, write_tables

PRESETS_FILE = "presets.json"

# What the others are held against.
_PUBLISHED = "published"

# Up to so many times the published figure counts as no worse.
_NO_WORSE = 1.005

_FIGURES = ("structure", "style")


@dataclass(frozen=True)
class Kind:
    """One of the two pictures that a transfer gives, and how its files are called.

    Attributes
    ----------
    name : "A'" or "B"
    published : str
        After the pair's name, the published picture's.
    in_run : tuple of str
        Names of its file in a run's folder, the best first.
    alone : str
        After the pair's name, where pictures of all pairs lie in one folder.
    """

    name: str
    published: str
    in_run: tuple[str, ...]
    alone: str

    def find(self, folder, pair):
        """Path of this picture of a pair, by its name, in a folder; None where there is none."""
        paths = [*(Path(pair, name) for name in self.in_run), Path(f"{pair}{self.alone}")]
        return next((folder / path for path in paths if (folder / path).is_file()), None)


A_PRIME = Kind("A'", "_published_AP", ("a_prime_refined.png", "a_prime.png"), ".png")
B = Kind("B", "_published_B", ("b_refined.png", "b.png"), ".B.png")
KINDS = (A_PRIME, B)


@dataclass(frozen=True)
class Pair:
    """Two images, and what others have made of them.

    Attributes
    ----------
    name : str
    a, b_prime : pathlib.Path
    published : dict, name of a `Kind` -> pathlib.Path
        Those that there are.
    """

    name: str
    a: Path
    b_prime: Path
    published: dict[str, Path]


def read_pairs(folder, only=None):
    """Find the pairs of a folder, and what was published of them.

    Parameters
    ----------
    folder : path-like
        Holds ``<pair>_A.<format>`` and ``<pair>_B.<format>``; ``<pair>_published_AP.<format>`` and
        ``<pair>_published_B.<format>`` where there are any.
    only : sequence of str, optional
        Names of pairs to take, all by default.

    Returns
    -------
    list of Pair

    Raises
    ------
    AnalogyError
        If there is no pair, or none of a name in `only`.
    """
    found = find_pairs(folder)
    for name in only or ():
        if name not in found:
            raise AnalogyError(f"{folder}: holds no pair {name!r}; it has {', '.join(found)}")
    pairs = []
    for name, (a, b_prime) in found.items():
        if not only or name in only:
            paths = {kind.name: find_image(folder, name + kind.published) for kind in KINDS}
            published = {kind: path for kind, path in paths.items() if path}
            pairs.append(Pair(name, a, b_prime, published))
    return pairs


def read_presets(folder, pairs, usual="default"):
    """Names of the presets of a folder's pairs.

    Parameters
    ----------
    folder : path-like
        May hold ``presets.json``, an object: name of a pair -> name of a preset.
    pairs : sequence of Pair
    usual : str
        Preset of the pairs that the file does not name.

    Returns
    -------
    dict, name of a pair -> str

    Raises
    ------
    AnalogyError
        If the file cannot be read, is no such object, or names a preset that there is not.
    """
    path = Path(folder, PRESETS_FILE)
    presets = read_json(path) if path.exists() else {}
    if not isinstance(presets, dict):
        raise AnalogyError(f"{path}: no object of pairs and presets; mend the file")
    for pair, preset in presets.items():
        if not isinstance(preset, str) or preset not in PRESETS:
            named = preset if isinstance(preset, str) else type(preset).__name__
            raise AnalogyError(
                f"{path}: {brief(pair, 40)}: {brief(named, 40)!r} is no preset; "
                f"give one of {', '.join(PRESETS)}"
            )
    return {pair.name: presets.get(pair.name, usual) for pair in pairs}


def running(folder, parameters, session):
    """A way to get pictures: run each pair, and write all that a run writes.

    Parameters
    ----------
    folder : pathlib.Path
        Takes a folder for each pair.
    parameters : dict, name of a pair -> Parameters
    session : Session

    Returns
    -------
    callable, Pair -> pathlib.Path
        As :func:`evaluate` takes them.
    """

    def run(pair):
        inputs = Inputs(pair.a, [pair.b_prime])
        request = Request(inputs, folder / pair.name, parameters[pair.name])
        transfer_files(request, session=session)
        return folder

    return run


def made_before(folders, pairs):
    """Ways to get pictures that were made before.

    Parameters
    ----------
    folders : sequence of pathlib.Path
        Each holds a folder for each pair, as ``run`` and ``batch`` write them, or pictures called
        ``<pair>.png`` and ``<pair>.B.png``. Pictures may be missing.
    pairs : sequence of Pair

    Returns
    -------
    dict, str -> callable, Pair -> pathlib.Path
        Methods by the folders' names, or by their paths where names are not enough.

    Raises
    ------
    AnalogyError
        If a folder holds no picture of any of the pairs.
    """
    for folder in folders:
        if not any(kind.find(folder, pair.name) for kind in KINDS for pair in pairs):
            raise AnalogyError(
                f"{folder}: holds no pictures of {_briefly(pairs)}; give a folder of what `run` or "
                "`batch` wrote for each pair, <pair>/a_prime.png, or of <pair>.png"
            )
    paths = [folder.resolve() for folder in folders]
    names = [_PUBLISHED, *(path.name for path in paths)]
    return {
        path.name if names.count(path.name) == 1 else str(path): lambda pair, folder=path: folder
        for path in paths
    }


def evaluate(pairs, methods, out, session, *, height=440, report=print, **facts):
    """Judge pictures of pairs and lay them side by side.

    Writes ``pictures.md``, ``pictures.json`` and a sheet ``sheet_<pair>.png`` for each pair.

    Parameters
    ----------
    pairs : sequence of Pair
    methods : dict, str -> callable, Pair -> pathlib.Path
        What says for a pair in which folder its pictures are, by name; see :func:`made_before`.
    out : path-like
        Folder, opened by :func:`analogy.system.outputs.staged`.
    session : Session
        Session whose network judges.
    height : int
        Height of the pictures on the sheets, in pixels.
    report : callable, str -> None
        Called with a line for each picture when it is judged.
    **facts
        What else the JSON file is to hold.

    Returns
    -------
    list of Table

    Raises
    ------
    AnalogyError
        If an image cannot be read or made, or a file cannot be written.
    """
    found = {}
    for pair in pairs:
        folders = {name: method(pair) for name, method in methods.items()}
        images = read_image(pair.a), read_image(pair.b_prime)
        pictures = _read_pictures(pair, folders)
        figures = {
            kind: _judge(kind, images, by_name, session.extractor)
            for kind, by_name in pictures.items()
        }
        for kind, by_name in figures.items():
            found[f"{pair.name} {kind.name}"] = by_name
            report(f"{pair.name} {kind.name}: {_described(by_name)}")
        write_sheet(Path(out, f"sheet_{pair.name}.png"), _sheet(images, pictures, figures, height))
    tables = _tables(found, list(methods))
    write_tables(out, "pictures", tables, device=session.extractor.device, **facts)
    return tables


def _read_pictures(pair, folders):
    """Pictures of a pair by their kind and by whom they are, as far as there are any."""
    found = {}
    for kind in KINDS:
        paths = {_PUBLISHED: pair.published.get(kind.name)}
        paths |= {name: kind.find(folder, pair.name) for name, folder in folders.items()}
        found[kind] = {name: read_image(path) for name, path in paths.items() if path}
    return {kind: pictures for kind, pictures in found.items() if pictures}


def _judge(kind, images, pictures, extractor):
    """Figures of pictures of one kind: A' has A's structure and B' its style, B the reverse."""
    structure, style = images if kind is A_PRIME else images[::-1]
    shape = pictures.get(_PUBLISHED, structure).shape[:2]
    judge = Judge(structure, style, shape, extractor)
    return {name: judge(picture) for name, picture in pictures.items()}


def _tables(found, methods):
    is_published = any(_PUBLISHED in figures for figures in found.values())
    tables = [_measured(found, [_PUBLISHED, *methods] if is_published else methods)]
    if is_published:
        tables += [_ratios(found, methods), _summary(found, methods)]
    return tables


def _measured(found, names):
    rows = [
        [picture, *(_figure(figures, name, of) for name in names for of in _FIGURES)]
        for picture, figures in found.items()
    ]
    complete = [figures for _, *figures in rows if None not in figures]
    means = map(mean, zip(*complete, strict=True)) if complete else [None] * len(_columns(names))
    return Table(
        "Pictures",
        ("picture", *_columns(names)),
        [*rows, ["mean", *means]],
        (
            "Structure: how far what lies where is from A in A', and from B' in B. Style: how far "
            "what it is made of is from the other image; 1 is as far as the two images are from "
            "one another. Lower is better, and only both together say anything. Mean: of the "
            "pictures that have all figures.",
        ),
        decimals=3,
    )


def _ratios(found, methods):
    return Table(
        "As shares of the published pictures' figures",
        ("picture", *_columns(methods)),
        [
            [picture, *(_ratio(figures, method, of) for method in methods for of in _FIGURES)]
            for picture, figures in found.items()
            if _PUBLISHED in figures
        ],
        decimals=3,
    )


def _summary(found, methods):
    rows = []
    for method in methods:
        ratios = [[_ratio(figures, method, of) for of in _FIGURES] for figures in found.values()]
        ratios = [both for both in ratios if None not in both]
        means = [mean([both[k] for both in ratios]) for k in range(len(_FIGURES))]
        rows.append([method, len(ratios), *means, sum(max(both) <= _NO_WORSE for both in ratios)])
    return Table(
        "Beside the published pictures",
        ("method", "pictures", *_FIGURES, "no worse in both"),
        rows,
        (
            "Means of the shares, over the pictures that have them, and how many of these have "
            f"figures of at most {_NO_WORSE:g} times the published picture's.",
        ),
        decimals=3,
    )


def _columns(names):
    return [f"{name}, {of}" for name in names for of in _FIGURES]


def _figure(figures, name, of):
    return getattr(figures[name], of) if name in figures else None


def _ratio(figures, name, of):
    """Share of the published picture's figure; None where there is none of either."""
    figure, published = _figure(figures, name, of), _figure(figures, _PUBLISHED, of)
    return figure / published if published and figure is not None else None


def _sheet(images, pictures, figures, height):
    """A, B' and each A' in a row, each B below."""
    judged = {
        kind: [
            (f"{name} {kind.name}: {_in_short(figures[kind][name])}", picture)
            for name, picture in by_name.items()
        ]
        for kind, by_name in pictures.items()
    }
    a, b_prime = images
    rows = [[("A", a), ("B'", b_prime), *judged.get(A_PRIME, [])], judged.get(B, [])]
    return [[(label, _of_height(image, height)) for label, image in row] for row in rows if row]


def _of_height(image, height):
    return resize(image, (height, max(1, round(image.shape[1] * height / image.shape[0]))))


def _described(figures):
    return ", ".join(f"{name} {_in_short(of_name)}" for name, of_name in figures.items())


def _in_short(figures):
    style = "-" if figures.style is None else f"{figures.style:.3f}"
    return f"{figures.structure:.3f}/{style}"


def _briefly(pairs):
    return brief(", ".join(pair.name for pair in pairs), 80)
