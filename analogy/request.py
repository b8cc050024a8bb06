"""One transfer of files, as the command line, a row of a table or the page asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from analogy.parameters import Parameters


@dataclass(frozen=True)
class Inputs:
    """Files that a run reads.

    Attributes
    ----------
    a : pathlib.Path
    b_primes : sequence of pathlib.Path
        One B', or several references.
    guides : dict, "mask_a", "mask_b", "keep" or "points" -> pathlib.Path
        Those that were given.
    """

    a: Path
    b_primes: list[Path]
    guides: dict[str, Path] = field(default_factory=dict)

    def record(self, b_prime: Path) -> dict[str, Any]:
        """Names of the files of A with one reference, for a report."""
        return {"a": self.a, "b_prime": b_prime} | self.guides


@dataclass(frozen=True)
class Extras:
    """What a run writes beside its results.

    Attributes
    ----------
    viz, report : bool
        Pictures of every level; a page to look through the run.
    command : str
        The command line that repeats the run.
    preview : bool
        A picture of what A' is going to look like, as soon as that is known.
    """

    viz: bool = False
    report: bool = False
    command: str = ""
    preview: bool = False


@dataclass(frozen=True)
class Request:
    """One transfer of files.

    Attributes
    ----------
    inputs : Inputs
    folder : pathlib.Path
        For the results.
    parameters : Parameters
    extras : Extras
    model : pathlib.Path or None
        ONNX weights, None for the bundled ones.
    device : "auto", "cuda" or "cpu"
    """

    inputs: Inputs
    folder: Path
    parameters: Parameters
    extras: Extras = Extras()
    model: Path | None = None
    device: Literal["auto", "cuda", "cpu"] = "auto"

    @property
    def name(self) -> str:
        """Name of the folder, which is that of the pair in a batch."""
        return self.folder.name
