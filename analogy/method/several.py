"""Several references: A in the look of many images, every pixel by the best of them.

The paper has one B'. Here A is matched with each reference by itself, and every pixel takes its
match from the reference whose matches cost least there, over all levels: the coarse ones tell
whether it shows the same thing, the fine ones whether it looks alike.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from skimage.transform import resize

from analogy.errors import AnalogyError
from analogy.images import Picture, as_picture
from analogy.method.algorithm import LevelState
from analogy.method.colour_refinement import refine_picture
from analogy.method.composition import choose, compose, picked
from analogy.method.masks import Masks
from analogy.method.session import Session
from analogy.method.transfer import Analogy, transfer
from analogy.parameters import Parameters
from analogy_kernels.target import target_of


@dataclass(frozen=True)
class SeveralAnalogies:
    """Result of a transfer from several references.

    Attributes
    ----------
    a_prime : uint8 array, (height of A, width of A, 3)
        A in the look of the reference that suits each pixel.
    choice : uint8 array, (height of A, width of A)
        Which reference that is, from 0.
    flow_ab : float32 array, (height of A, width of A, 2)
        From each pixel to its match in the chosen reference, (dx, dy) in pixels.
    confidence_a : uint8 array, (height of A, width of A)
        Confidence of that match, see :class:`analogy.Analogy`.
    analogies : tuple of Analogy
        What each reference by itself gives.
    a_prime_refined : uint8 array, (height of A, width of A, 3), or None where not asked for
        See :class:`analogy.Analogy`.
    pictures : dict, str -> Picture
        See :class:`analogy.Analogy`.
    """

    a_prime: np.ndarray
    choice: np.ndarray
    flow_ab: np.ndarray
    confidence_a: np.ndarray
    analogies: tuple[Analogy, ...]
    a_prime_refined: np.ndarray | None = None
    pictures: dict[str, Picture] = field(default_factory=dict)

    @property
    def shares(self) -> list[float]:
        """Share of A's pixels that each reference gives."""
        counts = np.bincount(self.choice.ravel(), minlength=len(self.analogies))
        return [float(share) for share in counts / self.choice.size]


def transfer_from_several(
    a: ArrayLike | Picture,
    b_primes: Sequence[ArrayLike | Picture],
    parameters: Parameters | None = None,
    *,
    model: str | os.PathLike | None = None,
    device: str = "auto",
    session: Session | None = None,
    progress: Callable[[float, str], None] | None = None,
    on_level: Callable[[int, LevelState], None] | None = None,
    masks: Masks | None = None,
    points: ArrayLike | None = None,
    on_preview: Callable[[np.ndarray, np.ndarray], None] | None = None,
) -> SeveralAnalogies:
    """Give A the look of several images, each pixel that of the image which suits it best.

    Takes as long as a transfer with each of them.

    Parameters
    ----------
    a, b_primes, parameters, model, device, session, progress
        As for :func:`analogy.transfer`; `b_primes` is a sequence of 2 to 255 images.
    on_level : callable, (index of the reference, LevelState) -> None, optional
    masks : Masks, optional
        Masks of what is kept; labels belong to a pair.
    points : None
        They belong to a pair, too.
    on_preview : callable, (A', B) -> None, optional
        As for :func:`analogy.transfer`; of the first reference.

    Returns
    -------
    SeveralAnalogies

    Raises
    ------
    AnalogyError
        As :func:`analogy.transfer`, or if there are too few or too many references, or labels
        or points.
    """
    if not 2 <= len(b_primes) <= 255:
        raise AnalogyError(f"{len(b_primes)} references; give from 2 to 255 of them")
    if masks and masks.a is not None:
        raise AnalogyError(
            f"{masks.names[0]}: labels say what of one reference belongs to A; leave them out or "
            "give one reference"
        )
    if points is not None:
        raise AnalogyError(
            "points: they say where in one reference something of A is; leave them out or give one "
            "reference"
        )
    parameters, session = parameters or Parameters(), session or Session(model, device)
    a = as_picture(a, "a")
    analogies, costs = [], []
    for index, b_prime in enumerate(b_primes):
        costs.append(_Cost())
        analogies.append(
            transfer(
                a,
                b_prime,
                parameters,
                session=session,
                progress=_part_of(progress, index, len(b_primes)),
                on_level=_both(costs[-1], on_level, index),
                masks=masks,
                on_preview=None if index else on_preview,
            )
        )
    choice = choose([cost.map for cost in costs], a.shape)
    a_primes = [one.pictures["a_prime"].values() for one in analogies]
    a_prime = compose(a_primes, choice, parameters.vote_side)
    if masks and masks.keep is not None:
        a_prime[masks.keep != 0] = a.values_in(a_prime.dtype)[masks.keep != 0]
    pictures = {"a_prime": a.with_values(a_prime)}
    if parameters.refine:
        pictures["a_prime_refined"] = refine_picture(
            pictures["a_prime"], a, parameters, session.target
        )
    shown = {name: picture.shown for name, picture in pictures.items()}
    return SeveralAnalogies(
        shown.pop("a_prime"),
        choice,
        picked([one.flow_ab for one in analogies], choice),
        picked([one.confidence_a for one in analogies], choice),
        tuple(analogies),
        **shown,
        pictures=pictures,
    )


class _Cost:
    """Adds up what the matches of A cost, from level to level, at the size of the finest."""

    map: Any = None

    def __call__(self, state):
        cost = target_of(state.matches.cost_ab).to_host(state.matches.cost_ab)
        coarser = 0 if self.map is None else resize(self.map, cost.shape, order=1)
        self.map = cost + coarser


def _both(cost, on_level, index):
    def told(state):
        cost(state)
        if on_level:
            on_level(index, state)

    return told


def _part_of(progress, index, count):
    if progress is None:
        return None
    return lambda fraction, text: progress(
        (index + fraction) / count, f"reference {index + 1} of {count}: {text}"
    )
