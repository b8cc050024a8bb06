"""The two sides of a search, checked, and what its kernels take of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from analogy_kernels.arguments import (
    FLOATS,
    INT32,
    PLANE,
    aligned,
    as_map,
    checked,
    device_function,
    items,
    number,
    odd,
    positive,
)
from analogy_kernels.half import storage
from analogy_kernels.matching.displacements import (
    Displacements,
    bounds_of,
    reversed_displacements,
)
from analogy_kernels.matching.labels import no_labels
from analogy_kernels.matching.search_costs import HUGE
from analogy_kernels.matching.search_kernels import COST_TAKES, MOST_PAIRS, search_kernels
from analogy_kernels.matching.sketch import no_sketches, sketches_of
from analogy_kernels.target import on_target

# In pixels, of anchors: its square is a float32.
_LARGEST_REACH = 1e18

# Values of a map's row on a device, where what is left of a patch's is counted by an int32.
_LONGEST_ROW = 2**31 - 1


@dataclass(frozen=True)
class Sides:
    """Two sides of a search, checked, and what its kernels take of them.

    Attributes
    ----------
    on : Host or Device
    sources, others : tuples of arrays, (height, width, channels)
    labels, sketches : pairs of arrays
        See :class:`Problem`.
    half : int
    bound : float
    cost : device function or None
    anchors, anchor_cost, anchor_reach_square
        See :class:`Problem`.
    displacements : two pairs of int, or None
        See :mod:`analogy_kernels.matching.displacements`.
    bounds : four int
        The same for kernels, see :class:`Problem`.
    """

    on: Any
    sources: tuple
    others: tuple
    labels: tuple
    sketches: tuple
    half: int
    bound: float
    cost: Callable | None
    displacements: Displacements | None
    bounds: tuple
    anchors: Any
    anchor_cost: float = 0.0
    anchor_reach_square: float = 1.0

    def anchored(self, anchors, cost, reach):
        """The same with anchors, which are checked."""
        _, anchors, source = on_target(anchors=anchors, maps=self.sources[0])
        return replace(
            self,
            anchors=checked("anchors", anchors, (*source.shape[:2], 2), INT32),
            anchor_cost=number("anchor_cost", cost, 0),
            anchor_reach_square=positive("anchor_reach", reach, _LARGEST_REACH) ** 2,
        )

    def unanchored(self):
        """The same without anchors."""
        return replace(self, anchors=_no_anchors(self.on))

    def reversed(self):
        """The same with source and other exchanged, and without anchors."""
        displacements = self.displacements and reversed_displacements(self.displacements)
        shapes = self.others[0].shape[:2], self.sources[0].shape[:2]
        return replace(
            self.unanchored(),
            sources=self.others,
            others=self.sources,
            labels=self.labels[::-1],
            sketches=self.sketches[::-1],
            displacements=displacements,
            bounds=bounds_of("reversed displacements", displacements, *shapes),
        )

    def arguments(self):
        """What every kernel takes first: sources, others, channels and the problem."""
        channels = tuple(features.shape[2] for features in self.sources)
        maps = (tuple(map(storage, side)) for side in (self.sources, self.others))
        if self.cost is None:
            maps = (tuple(map(_flat, side)) for side in maps)
        return *maps, channels, self._problem()

    def _problem(self):
        sketches, other_sketches = map(_flat, self.sketches)
        labels, other_labels = self.labels
        height, width = self.sources[0].shape[:2]
        other_height, other_width = self.others[0].shape[:2]
        low_y, high_y, low_x, high_x = self.bounds
        return Problem(
            source_sketch=sketches,
            other_sketch=other_sketches,
            sketched=self.sketches[0].shape[2],
            labels=labels,
            other_labels=other_labels,
            height=height,
            width=width,
            other_height=other_height,
            other_width=other_width,
            half=self.half,
            bound=np.float32(self.bound),
            charges=self.on.empty((0, 0)),
            rises=self.on.empty((0, 0)),
            own_rises=self.on.empty((0, 0)),
            floors=self.on.empty((0, 0, 0)),
            anchors=self.anchors,
            anchor_cost=np.float32(self.anchor_cost),
            anchor_reach_square=np.float32(self.anchor_reach_square),
            low_y=low_y,
            high_y=high_y,
            low_x=low_x,
            high_x=high_x,
        )

    def kernels(self):
        return search_kernels(len(self.sources), self.cost, self.displacements is not None)


class Problem(NamedTuple):
    """What a pass of the search goes by, beside the maps; a kernel takes it as one argument.

    Attributes
    ----------
    source_sketch, other_sketch : float32 arrays, (height * width * sketched,)
        See :mod:`analogy_kernels.matching.sketch`.
    sketched : int
        Channels of a sketch; 0 where there are none.
    labels, other_labels : int32 arrays, (height, width)
        See :mod:`analogy_kernels.matching.labels`.
    height, width, other_height, other_width : int
    half : int
        Pixels between a patch's middle and its border.
    bound : float32
        Bound of the inner product of two channel vectors.
    charges : float32 array, (other_height, other_width)
        What a match costs beside its patches, by its place; (0, 0) where nothing.
    rises : float32 array, of the same size
        How much `charges` rose last.
    own_rises : float32 array, (height, width)
        How much dearer the match became that a pixel had then; (0, 0) where nothing is charged.
    floors : float32 array, (height, width, 16)
        What the match of each neighbour that a propagation hears of costs without its charge, at
        least; (0, 0, 0) where that is not kept.
    anchors : int32 array, (height, width, 2)
        Positions (y, x) that matches are drawn to; (0, 0, 2) where there are none.
    anchor_cost, anchor_reach_square : float32
        What a match costs more at most, and the square of the distance from which on it does.
    low_y, high_y, low_x, high_x : int
        Bounds of a match's position less its pixel's, all included.
    """

    source_sketch: Any
    other_sketch: Any
    sketched: int
    labels: Any
    other_labels: Any
    height: int
    width: int
    other_height: int
    other_width: int
    half: int
    bound: Any
    charges: Any
    rises: Any
    own_rises: Any
    floors: Any
    anchors: Any
    anchor_cost: Any
    anchor_reach_square: Any
    low_y: Any
    high_y: Any
    low_x: Any
    high_x: Any


def sides_of(sides, patch_side, labels, bound, cost, displacements, stream, sketching=True):
    """Check two sides, maps by the names of the arguments, and what they are compared by.

    Sketches are made where they can be, unless nothing is going to be passed over by them.
    """
    half, bound = odd("patch_side", patch_side) // 2, number("bound", bound, 0, float(HUGE))
    if cost is not None:
        device_function("cost", cost, COST_TAKES)
    named = {name: _by_name(name, maps) for name, maps in sides.items()}
    first, second = named.values()
    count = len(first)
    if not 0 < count <= MOST_PAIRS or count != len(second):
        of_one, of_other = sides
        raise ValueError(
            f"{of_one} has {count} maps and {of_other} {len(second)}; they have to have as many, "
            f"1 to {MOST_PAIRS}"
        )
    on, *maps = on_target(**first, **second, stream=stream)
    sources = _checked_side(on, first, maps[:count], ["channels"] * count, FLOATS)
    depths = [features.shape[2] for features in sources]
    others = _checked_side(on, second, maps[count:], depths, sources[0].dtype)
    labels = _labels(labels, sources[0], others[0], on)
    shapes = sources[0].shape[:2], others[0].shape[:2]
    within = displacements, bounds_of("displacements", displacements, *shapes)
    can_sketch = sketching and count == 1 and cost is None
    sketched = sketches_of if can_sketch else no_sketches
    maps = sources, others, labels, sketched(sources[0], others[0])
    return Sides(on, *maps, half, bound, cost, *within, _no_anchors(on))


def _no_anchors(on):
    return on.empty((0, 0, 2), np.int32)


def _by_name(name, maps):
    """One map or several by what they are to be called."""
    if isinstance(maps, list | tuple):
        return {f"{name}[{i}]": features for i, features in enumerate(maps)}
    return {name: maps}


def _checked_side(on, names, maps, depths, dtypes):
    """Maps of one side, if they are of one size and dtype and have so many channels each."""
    size, sides = PLANE, []
    for name, features, depth in zip(names, maps, depths, strict=True):
        features = checked(name, as_map(features), (*size, depth), dtypes)
        if on.is_cuda:
            _check_for_device(name, features)
        size, dtypes = features.shape[:2], features.dtype
        sides.append(features)
    return tuple(sides)


def _check_for_device(name, features):
    _, width, channels = features.shape
    if channels % 4 == 0:
        # Read by fours, see `load4`.
        aligned(name, features, 4 * features.dtype.itemsize)
    if width * channels > _LONGEST_ROW:
        raise ValueError(
            f"{name} has {width} x {channels} values in a row; on a device it has to have at most "
            f"{_LONGEST_ROW}"
        )


def _labels(labels, source, other, on):
    if labels is None:
        return tuple(no_labels(features.shape[0], on) for features in (source, other))
    own, of_other = items("labels", labels, 2)
    _, own, of_other, _ = on_target(**{"labels[0]": own, "labels[1]": of_other}, maps=source)
    return (
        checked("labels[0]", own, source.shape[:2], INT32),
        checked("labels[1]", of_other, other.shape[:2], INT32),
    )


def _flat(features):
    return features.reshape(features.size)
