"""PatchMatch between feature maps: the nearest-neighbour field search of section 4.2.

Each iteration propagates matches by jump flooding (neighbours 8, 4, 2 and 1 pixels away, four
directions each) and then tries random positions in shrinking windows around the present match
(Barnes et al., 2009; jump flooding after Rong and Tan, 2006, as the authors' program has it).
Every one of these passes is a launch of its own that reads one field and writes another, so no
thread sees half of a pass, and the result does not depend on the order of threads.

A neighbour's match that has not changed since it was last tried from the same distance was turned
down then and would be turned down again: each match carries the pass that made it, and such
candidates are passed over. The others are compared row by row of the patch, and no further than
the rest could still make up for, by what their pixels' sketches allow
(:mod:`analogy_kernels.matching.sketch`). The search is the same, most of its work is not done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import (
    FLOATS,
    INT32,
    PLANE,
    aligned,
    as_map,
    checked,
    device_function,
    items,
    low_bits,
    number,
    odd,
    positive,
    whole,
)
from analogy_kernels.half import as_float32, storage
from analogy_kernels.hashing import hash_random, random_below
from analogy_kernels.matching.displacements import (
    Displacements,
    bounds_of,
    confine,
    places_within,
    reversed_displacements,
)
from analogy_kernels.matching.exchange import offers_scratch, take_offers
from analogy_kernels.matching.initialize import random_nnf
from analogy_kernels.matching.labels import is_allowed, no_labels
from analogy_kernels.matching.occurrence import charge_occurrence
from analogy_kernels.matching.patch_cost import patch_overlap
from analogy_kernels.matching.sketch import no_sketches, sketches_of
from analogy_kernels.positions import checked_nnf, inside
from analogy_kernels.reduction import lane_sum
from analogy_kernels.target import (
    ELEMENT_BLOCK,
    INNER,
    LANES,
    PIXELS_PER_BLOCK,
    Array,
    Kernel,
    Result,
    Stream,
    cuda,
    element_launch,
    launch_bounds,
    load4,
    on_target,
    pixel_index,
    pixel_launch,
)

JUMPS = (8, 4, 2, 1)

# Propagations, a random search, and an exchange where both directions are searched.
PASSES_PER_ITERATION = len(JUMPS) + 2

_MOST_PAIRS = 4

# Side, in pixels, of what a CPU thread works through at a time: few enough rows of patches that
# they stay in its cache until the next row of pixels needs them again.
_TILE = 32

# What a cost is called with.
_COST_TAKES = "sources others y x match_y match_x half best"

# In pixels, of anchors: its square is a float32.
_LARGEST_REACH = 1e18

# Stands for infinity in costs and bounds: finite, so that it may be multiplied by zero.
HUGE = np.float32(1e30)

# Of a pixel's inner product: what rounding may change between a sketch's and the whole one.
_ROUNDING = np.float32(1e-5)


def patchmatch(
    source: Array | Sequence[Array],
    other: Array | Sequence[Array],
    patch_side: int,
    *,
    start: Array | None = None,
    radius: int | None = None,
    iterations: int = 10,
    seed: int = 0,
    displacements: Displacements | None = None,
    bound: float = float(HUGE),
    labels: tuple[Array, Array] | None = None,
    cost: Callable | None = None,
    anchors: Array | None = None,
    anchor_cost: float = 0.0,
    anchor_reach: float = 4.0,
    evenness: float = 0.0,
    stream: Stream = None,
) -> tuple[Result, Result]:
    """Find the nearest-neighbour field between two maps, or improve one.

    By default the cost of a match is minus the mean inner product of the two patches' channel
    vectors, over the patch positions inside both maps. For maps of unit vectors that is eq. 3 of
    the paper up to a factor and a constant, and the sum over two pairs of maps is eq. 2.

    Parameters
    ----------
    source : float32 or float16 array, (height, width[, channels])
        Or one to four such maps of the same places, whose costs add up. On a device maps whose
        channels come in fours start at multiples of four values' size, as all but slices do.
    other : array of the same dtype, (other height, other width[, channels])
        Or as many maps as of `source`.
    patch_side : int
        Odd, in pixels.
    start : int32 array, (height, width, 2), optional
        Field to start from: positions (y, x) inside `other`. Not changed. When absent
        :func:`random_nnf` draws one by `seed`, from numbers that the search does not use.
    radius : int, optional
        Of the first random-search window, in pixels of `other`; when absent the larger side of
        `other`.
    iterations : int
    seed : int
        Not negative. A seed gives the same candidates on every target; independent searches want
        different seeds.
    displacements : two pairs of int, optional
        How far from its pixel's place a match may lie: lowest and highest y of the match less the
        pixel's, and lowest and highest x, all included. ``((0, 0), (-64, 0))`` are the disparities
        of a rectified pair of pictures. Nothing is matched beyond; a match of `start` that lies
        there is brought to the nearest place within. When absent matches may lie anywhere.
    bound : float, optional
        Upper bound of the inner product of two channel vectors (1 for unit vectors, 2 for two
        pairs of maps of them), by which hopeless candidates are given up early.
    labels : two int32 arrays, (height, width), optional
        Of `source` and of `other`: which pixels may be matched with which, see
        :mod:`analogy_kernels.matching.labels`. A match of `start` that they forbid costs 1e30, so
        that any other replaces it.
    cost : device function, optional
        Another cost, made by ``numba.extending.register_jitable``: see
        :mod:`analogy_kernels.matching.patch_cost`. Its kernels are compiled the first time. On a
        device one thread works on a pixel then, not a warp.
    anchors : int32 array, (height, width, 2), optional
        Positions (y, x) in `other` that matches are drawn to, so that neighbours stay side by side
        where the patches leave a choice.
    anchor_cost : float, optional
        By how much the cost of a match rises, with the square of its distance from the anchor, up
        to `anchor_reach`, and no further beyond.
    anchor_reach : float, optional
        In pixels of `other`, more than 0.
    evenness : float, optional
        What each iteration adds to the cost of a match for every use of its patch beyond those of
        the patches around it, as a multiple of its fair share, see
        :mod:`analogy_kernels.matching.occurrence`: what is much in demand becomes dear, and more of
        `other` is used.
    stream : Numba stream, optional
        That a device queues the work on.

    Returns
    -------
    nnf : int32 array, (height, width, 2)
    cost : float32 array, (height, width)
        Of the patches alone, without what anchors and use add.

    Raises
    ------
    TypeError
        If something is no array, an option no number, or the cost no device function.
    ValueError
        If the arrays do not fit each other, the patch side is even, `anchor_reach` is not above 0,
        another option is negative or not finite, `displacements` leave a pixel no place, or a
        position to start from is outside the other map. A device does not say so of a position: the
        nearest pixel is taken there.

    Notes
    -----
    An iteration tries, for each pixel, 16 matches of neighbours and floor(log2(radius)) + 1 at
    random, each of up to patch_side^2 * channels multiply-adds and two patches read; most are
    passed over or given up early. Allocates 28 bytes a pixel, 8 more without `start`, and on the
    CPU, for one pair of float32 maps of 128 to 256 channels, sketches of 128 bytes a pixel of both;
    with `evenness` 4 bytes a pixel and 20 a pixel of `other` more. Does not wait for a device.
    Barnes et al. (2009), section 4.2 of the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import normalize, patchmatch
    >>> features = normalize(np.random.default_rng(0).standard_normal((6, 6, 4), np.float32))
    >>> nnf, cost = patchmatch(features, features, 3)
    >>> nnf[2, 3].tolist(), round(float(cost[2, 3]), 4)
    ([2, 3], -1.0)
    """
    by = labels, bound, cost, displacements
    sides = sides_of({"source": source, "other": other}, patch_side, *by, stream)
    if anchors is not None:
        sides = sides.anchored(anchors, anchor_cost, anchor_reach)
    field = _Field(sides, ("start", start), ("radius", radius), ("seed", seed))
    evenness = number("evenness", evenness, 0)
    for iteration in range(whole("iterations", iterations)):
        if evenness:
            field.charge(evenness)
        field.improve(iteration)
    if anchors is not None or evenness:
        field.forget_charges()
    return field.nnf, field.cost


def patchmatch_both_ways(
    first: Array | Sequence[Array],
    second: Array | Sequence[Array],
    patch_side: int,
    *,
    starts: tuple[Array, Array] | None = None,
    radii: tuple[int, int] | None = None,
    iterations: int = 8,
    seeds: tuple[int, int] = (0, 1),
    displacements: Displacements | None = None,
    bound: float = float(HUGE),
    labels: tuple[Array, Array] | None = None,
    cost: Callable | None = None,
    stream: Stream = None,
) -> tuple[tuple[Result, Result], tuple[Result, Result]]:
    """Find, or improve, the fields of both directions between two maps together.

    As :func:`patchmatch` for either direction, but after each iteration each field takes over
    what the other has found better (:mod:`analogy_kernels.matching.exchange`), which costs no
    comparison: eight iterations come to lower costs than ten of two searches apart.

    Parameters
    ----------
    first, second : float32 or float16 arrays, (height, width[, channels])
        Or one to four maps each, as for :func:`patchmatch`.
    patch_side : int
        Odd, in pixels.
    starts : two int32 arrays, optional
        Fields to start from, from `first` to `second` and the reverse. Not changed. When absent
        they are drawn by `seeds`.
    radii : two int, optional
        Of the first random-search windows, in pixels of `second` and of `first`; when absent the
        larger sides of those.
    iterations : int
    seeds : two int
        Of the two directions; they should differ.
    displacements : two pairs of int, optional
        From `first` to `second`, as for :func:`patchmatch`; the reverse direction has the reverse
        ones.
    bound : float, optional
        As for :func:`patchmatch`.
    labels : two int32 arrays, (height, width), optional
        Of `first` and of `second`, as for :func:`patchmatch`.
    cost : device function, optional
        As for :func:`patchmatch`, but symmetric: the same for two patches either way round.
    stream : Numba stream, optional
        That a device queues the work on.

    Returns
    -------
    two pairs (nnf, cost)
        Of `first` to `second` and of the reverse.

    Raises
    ------
    TypeError
        If something is no array, an option no number, or the cost no device function.
    ValueError
        If the arrays do not fit each other, the patch side is even, another option is negative or
        not finite, `displacements` leave a pixel no place, or a position to start from is outside
        the other map. A device does not say so of a position: the nearest pixel is taken there.

    Notes
    -----
    Twice the work and the memory of :func:`patchmatch`, sketches but once, and an exchange of a few
    operations a pixel after each iteration; on a device 8 bytes a pixel more for it. Does not wait
    for a device.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import normalize, patchmatch_both_ways
    >>> first = normalize(np.random.default_rng(0).standard_normal((6, 6, 4), np.float32))
    >>> second = np.ascontiguousarray(first[:, ::-1])
    >>> there, back = patchmatch_both_ways(first, second, 1)
    >>> there[0][2, 1].tolist(), back[0][2, 4].tolist()
    ([2, 4], [2, 1])
    """
    by = labels, bound, cost, displacements
    sides = sides_of({"first": first, "second": second}, patch_side, *by, stream)
    pairs = _named("starts", starts), _named("radii", radii), _named("seeds", seeds)
    iterations = whole("iterations", iterations)
    fields = [_Field(*one) for one in zip((sides, sides.reversed()), *pairs, strict=True)]
    forward, reverse = fields
    scratch = [offers_scratch(field.cost.shape, sides.on) for field in fields]
    for iteration in range(iterations):
        for field in fields:
            field.improve(iteration)
        forward.take_offers(reverse, iteration, scratch[0])
        reverse.take_offers(forward, iteration, scratch[1])
    return (forward.nnf, forward.cost), (reverse.nnf, reverse.cost)


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
        Of the inner product of two channel vectors.
    charges : float32 array, (other_height, other_width)
        What a match costs beside its patches, by its place; (0, 0) where nothing.
    rises : float32 array, of the same size
        By how much `charges` rose last.
    own_rises : float32 array, (height, width)
        By how much the match that a pixel had then became dearer; (0, 0) where nothing is charged.
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
    anchors: Any
    anchor_cost: Any
    anchor_reach_square: Any
    low_y: Any
    high_y: Any
    low_x: Any
    high_x: Any


@dataclass(frozen=True)
class _Sides:
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
        sketches, sketched = map(_flat, self.sketches), self.sketches[0].shape[2]
        shapes = *self.sources[0].shape[:2], *self.others[0].shape[:2]
        numbers = map(np.float32, (self.bound, self.anchor_cost, self.anchor_reach_square))
        bound, *anchor_numbers = numbers
        problem = Problem(
            *sketches,
            sketched,
            *self.labels,
            *shapes,
            self.half,
            bound,
            *(self.on.empty((0, 0)) for _ in range(3)),
            self.anchors,
            *anchor_numbers,
            *self.bounds,
        )
        return *maps, channels, problem

    def kernels(self):
        return search_kernels(len(self.sources), self.cost, self.displacements is not None)


def sides_of(sides, patch_side, labels, bound, cost, displacements, stream):
    """Check two sides, maps by the names of the arguments, and what they are compared by."""
    half, bound = odd("patch_side", patch_side) // 2, number("bound", bound, 0, float(HUGE))
    if cost is not None:
        device_function("cost", cost, _COST_TAKES)
    named = {name: _by_name(name, maps) for name, maps in sides.items()}
    first, second = named.values()
    count = len(first)
    if not 0 < count <= _MOST_PAIRS or count != len(second):
        of_one, of_other = sides
        raise ValueError(
            f"{of_one} has {count} maps and {of_other} {len(second)}; they have to have as many, "
            f"1 to {_MOST_PAIRS}"
        )
    on, *maps = on_target(**first, **second, stream=stream)
    sources = _checked_side(on, first, maps[:count], ["channels"] * count, FLOATS)
    depths = [features.shape[2] for features in sources]
    others = _checked_side(on, second, maps[count:], depths, sources[0].dtype)
    labels = _labels(labels, sources[0], others[0], on)
    shapes = sources[0].shape[:2], others[0].shape[:2]
    within = displacements, bounds_of("displacements", displacements, *shapes)
    sketched = sketches_of if count == 1 and cost is None else no_sketches
    maps = sources, others, labels, sketched(sources[0], others[0])
    return _Sides(on, *maps, half, bound, cost, *within, _no_anchors(on))


def _no_anchors(on):
    return on.empty((0, 0, 2), np.int32)


class _Field:
    """A field that is being improved, and what its passes write.

    Attributes
    ----------
    nnf : int32 array, (height, width, 2)
    cost : float32 array, (height, width)
    """

    def __init__(self, sides, start, radius, seed):
        seed = int(low_bits(*seed))
        radius = _radius_of(sides, *radius)
        start = _start_of(sides, *start, seed)
        self._on, self._labels, self._kernels = sides.on, sides.labels, sides.kernels()
        self._sides, self._radius, self._seed = sides, radius, seed
        *self._maps, self._problem = sides.arguments()
        on, shape = sides.on, sides.sources[0].shape[:2]
        self.nnf, self._spare_nnf = (on.empty((*shape, 2), np.int32) for _ in range(2))
        self._stamps, self._spare_stamps = (on.empty(shape, np.int32) for _ in range(2))
        self.cost = on.empty(shape)
        self._run(self._kernels.start, start, self.nnf, self._stamps, self.cost)

    def charge(self, evenness):
        """Raise what each place costs by how often it is used."""
        if self._problem.charges.shape[0] == 0:
            places = self._sides.others[0].shape[:2]
            self._problem = self._problem._replace(
                charges=self._on.zeros(places),
                rises=self._on.empty(places),
                own_rises=self._on.empty(self.cost.shape),
            )
        problem = self._problem
        written = self.cost, problem.charges, problem.rises, problem.own_rises
        charge_occurrence(self._on, self.nnf, self._sides.half, evenness, *written)

    def forget_charges(self):
        """Let costs be those of the patches alone."""
        *_, self._problem = self._sides.unanchored().arguments()
        self._run(self._kernels.start, self.nnf, self._spare_nnf, self._spare_stamps, self.cost)

    def improve(self, iteration):
        """Propagate from far to near, then search at random."""
        launch = iteration * PASSES_PER_ITERATION
        for jump in JUMPS:
            launch += 1
            present = self.nnf, self._stamps
            new = self._spare_nnf, self._spare_stamps
            self._run(self._kernels.propagate, *present, *new, self.cost, jump, launch)
            (self.nnf, self._stamps), (self._spare_nnf, self._spare_stamps) = new, present
        present = self.nnf, self._stamps, self.cost
        self._run(self._kernels.search, *present, self._radius, self._seed, launch + 1)

    def take_offers(self, other, iteration, scratch):
        """Take over what the field of the reverse direction has found better."""
        launch = (iteration + 1) * PASSES_PER_ITERATION
        mine = self.nnf, self.cost, self._stamps
        offers = other.nnf, other.cost, *self._labels
        take_offers(self._on, *mine, *offers, launch, scratch)

    def _run(self, kernel, *arguments):
        self._on.run(kernel, self.cost.shape, *self._maps, self._problem, *arguments)


def _named(name, pair):
    """Both values of a pair with what each is called, or two that are absent."""
    values = (None, None) if pair is None else items(name, pair, 2)
    return [(f"{name}[{i}]", value) for i, value in enumerate(values)]


def _radius_of(sides, name, radius):
    return max(sides.others[0].shape[:2]) if radius is None else whole(name, radius)


def _start_of(sides, name, start, seed):
    """The field to start from, checked, or a random one."""
    shape, other_shape = sides.sources[0].shape[:2], sides.others[0].shape[:2]
    if start is None:
        return random_nnf(shape, other_shape, seed, sides.on, displacements=sides.displacements)
    _, start, _ = on_target(**{name: start}, maps=sides.sources[0])
    start = checked_nnf(name, start, "the other map", other_shape, (*shape, 2))
    if sides.displacements is None:
        return start
    return confine(sides.on, start, sides.bounds, other_shape)


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
        if on.is_cuda and features.shape[2] % 4 == 0:
            # Read by fours, see `load4`.
            aligned(name, features, 4 * features.dtype.itemsize)
        size, dtypes = features.shape[:2], features.dtype
        sides.append(features)
    return tuple(sides)


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


class SearchKernels(NamedTuple):
    """Kernels of the three kinds of pass; extents: height, width.

    Attributes
    ----------
    start, propagate, search : Kernel
    """

    start: Kernel
    propagate: Kernel
    search: Kernel


def search_kernels(
    pairs: int = 1, cost: Callable | None = None, is_confined: bool = False
) -> SearchKernels:
    """Make the kernels of a search.

    Parameters
    ----------
    pairs : int
        Of maps.
    cost : device function, optional
        As for :func:`analogy_kernels.patchmatch`. Without one patches are compared by inner
        products, for which the threads of a warp share a pixel.
    is_confined : bool
        Whether the random search keeps to displacements. Propagation does so by itself: a
        neighbour's displacement is one that the pixel may have.

    Returns
    -------
    SearchKernels
        With `start`, `propagate` and `search`; extents: height, width.

    Raises
    ------
    TypeError
        If `pairs` is no whole number, or the cost no device function.
    ValueError
        If there are no pairs, or more than four.

    Notes
    -----
    Made once for the same arguments, and compiled when they are first run. A propagation tries four
    matches a pixel, a search floor(log2(radius)) + 1.

    Examples
    --------
    >>> from analogy_kernels.launches import search_kernels
    >>> search_kernels(pairs=2)._fields
    ('start', 'propagate', 'search')
    """
    pairs = whole("pairs", pairs, 1, _MOST_PAIRS)
    if cost is not None:
        device_function("cost", cost, _COST_TAKES)
    kernels = _search_kernels(pairs, cost, _places_everywhere)
    if is_confined:
        return kernels._replace(search=_search_kernels(pairs, cost, allowed_places).search)
    return kernels


@lru_cache
def _search_kernels(pairs, cost, places_of):
    if cost is None:
        of_cpu = inner_product_cost(pairs, run_product, has_sketches=True)
        of_cuda = inner_product_cost(pairs, _run_product_cuda, has_sketches=False)
        return _kernels(
            _pixel_functions(of_cpu, places_of),
            _pixel_functions(of_cuda, places_of),
            pixel_index,
            pixel_launch,
            # Their registers then let a multiprocessor hide one pixel's reads behind others'.
            launch_bounds(LANES * PIXELS_PER_BLOCK, 4),
        )
    functions = _pixel_functions(given_cost(cost), places_of)
    return _kernels(functions, functions, _element_index, element_launch, {})


def inner_product_cost(pairs, product_of_runs, has_sketches):
    """Cost of a match by inner products, given the function for those of two runs of memory.

    ``product_of_runs(source, first, other, match_first, length, channels, lane)`` is of so many
    elements of two flat maps from two places on. On the CPU a pixel has one thread, on CUDA the
    threads of a warp share it, each telling its `lane`. There may be sketches or never are: what
    looks for them takes registers.
    """
    row_product = _row_product(product_of_runs)
    row_products = _row_products(pairs, row_product)

    @register_jitable
    def patch_cost(maps, problem, y, x, match_y, match_x, best, lane):
        """Cost of a match, or `HUGE` once it cannot be below `best`."""
        sources, others, channels = maps
        sketch, other_sketch = problem.source_sketch, problem.other_sketch
        sketched, bound = problem.sketched if has_sketches else 0, problem.bound
        shape = problem.height, problem.width
        match_shape = problem.other_height, problem.other_width
        top, bottom, left, right = patch_overlap(
            problem.half, y, x, match_y, match_x, shape, match_shape
        )
        columns = left + right + 1
        count = (top + bottom + 1) * columns
        # Of the two patches' left pixels, in the row of their middles.
        first, match_first = y * shape[1] + x - left, match_y * match_shape[1] + match_x - left

        # What the rows that are not yet compared can give at most, and what they have to.
        rest, needed = bound * np.float32(count), -best * np.float32(count)
        if sketched > 0:
            rest = _ROUNDING * np.float32(count)
            for dy in range(-top, bottom + 1):
                place = first + dy * shape[1], match_first + dy * match_shape[1], columns, lane
                rest += row_product(sketch, other_sketch, sketched, *place)
            if rest <= needed:
                return HUGE

        total = np.float32(0)
        for dy in range(-top, bottom + 1):
            place = first + dy * shape[1], match_first + dy * match_shape[1], columns, lane
            total += row_products(sources, others, channels, *place)
            if sketched > 0:
                rest -= row_product(sketch, other_sketch, sketched, *place)
            else:
                rest = bound * np.float32((bottom - dy) * columns)
            if total + rest <= needed:
                return HUGE
        return -total / np.float32(count)

    return patch_cost


def _row_product(product_of_runs):
    @register_jitable
    def row_product(source, other, channels, pixel, match_pixel, columns, lane):
        """Inner product of one row of two patches, from their left pixels on."""
        # Channels last and pixels side by side: the row of a patch is one run of memory.
        place = pixel * channels, other, match_pixel * channels
        return product_of_runs(source, *place, columns * channels, channels, lane)

    return row_product


def _row_products(pairs, row_product):
    """Sum of the products of several pairs of maps.

    One function for each pair more: a map has to be told by a constant, for which Numba takes it
    out of the tuple when it compiles and not at every row.
    """
    last = pairs - 1
    if last == 0:

        @register_jitable
        def row_of_one(sources, others, channels, pixel, match_pixel, columns, lane):
            place = pixel, match_pixel, columns, lane
            return row_product(sources[0], others[0], channels[0], *place)

        return row_of_one

    of_those_before = _row_products(last, row_product)

    @register_jitable
    def row_of_all(sources, others, channels, pixel, match_pixel, columns, lane):
        place = pixel, match_pixel, columns, lane
        before = of_those_before(sources, others, channels, *place)
        return before + row_product(sources[last], others[last], channels[last], *place)

    return row_of_all


def given_cost(cost):
    @register_jitable
    def patch_cost(maps, problem, y, x, match_y, match_x, best, lane):
        sources, others, _ = maps
        return np.float32(cost(sources, others, y, x, match_y, match_x, problem.half, best))

    return patch_cost


# As functions, of which a search is made with one: looking for bounds takes registers.
@register_jitable
def _places_everywhere(problem, y, x):
    return (0, problem.other_height - 1), (0, problem.other_width - 1)


@register_jitable
def allowed_places(problem, y, x):
    rows = places_within(y, problem.low_y, problem.high_y, problem.other_height)
    return rows, places_within(x, problem.low_x, problem.high_x, problem.other_width)


def _pixel_functions(patch_cost, places_of):
    """Work of one pixel in each pass, for a cost of patches that labels allow.

    ``places_of(problem, y, x)`` gives the first and last row and the first and last column of the
    other map that a pixel may be matched with.
    """

    @register_jitable
    def whole_cost(maps, problem, y, x, match_y, match_x, best, lane):
        """Cost of the patches and of the match itself; `HUGE` or more if not below `best`."""
        charge = _charge(problem, y, x, match_y, match_x)
        return patch_cost(maps, problem, y, x, match_y, match_x, best - charge, lane) + charge

    @register_jitable
    def start(maps, problem, y, x, match_y, match_x, lane):
        """Cost of the match to start from, or `HUGE` if labels forbid it."""
        if not is_allowed(problem.labels, problem.other_labels, y, x, match_y, match_x):
            return HUGE
        return whole_cost(maps, problem, y, x, match_y, match_x, HUGE, lane)

    @register_jitable
    def propagate(maps, problem, matches, stamps, y, x, best, jump, launch, lane):
        """Best of a pixel's match and those of its neighbours `jump` pixels away."""
        labels, other_labels = problem.labels, problem.other_labels
        height, width = matches.shape[0], matches.shape[1]
        match_height, match_width = problem.other_height, problem.other_width
        best_y, best_x, stamp = matches[y, x, 0], matches[y, x, 1], stamps[y, x]
        for neighbour in range(4):
            dy, dx = _neighbour_offset(neighbour, jump)
            if not _inside(y + dy, x + dx, height, width):
                continue
            match_y = matches[y + dy, x + dx, 0] - dy
            match_x = matches[y + dy, x + dx, 1] - dx
            if match_y == best_y and match_x == best_x:
                continue
            # A neighbour's displacement is within the bounds as it is.
            if not _inside(match_y, match_x, match_height, match_width):
                continue
            was_tried = stamps[y + dy, x + dx] < launch - PASSES_PER_ITERATION
            if was_tried and not _has_gained(problem, y, x, match_y, match_x):
                continue
            if not is_allowed(labels, other_labels, y, x, match_y, match_x):
                continue
            cost = whole_cost(maps, problem, y, x, match_y, match_x, best, lane)
            if cost < best:
                best, best_y, best_x, stamp = cost, match_y, match_x, launch
        return best, best_y, best_x, stamp

    @register_jitable
    def search(maps, problem, matches, stamps, y, x, best, radius, seed, launch, lane):
        """Best of a pixel's match and random ones in shrinking windows around it."""
        labels, other_labels = problem.labels, problem.other_labels
        rows, columns = places_of(problem, y, x)
        best_y, best_x, stamp = matches[y, x, 0], matches[y, x, 1], stamps[y, x]
        attempt = 0
        while radius >= 1:
            match_y = _random_near(best_y, radius, rows, seed, launch, y, x, 2 * attempt)
            match_x = _random_near(best_x, radius, columns, seed, launch, y, x, 2 * attempt + 1)
            is_new = match_y != best_y or match_x != best_x
            if is_new and is_allowed(labels, other_labels, y, x, match_y, match_x):
                cost = whole_cost(maps, problem, y, x, match_y, match_x, best, lane)
                if cost < best:
                    best, best_y, best_x, stamp = cost, match_y, match_x, launch
            radius //= 2
            attempt += 1
        return best, best_y, best_x, stamp

    return start, propagate, search


def _kernels(cpu_functions, cuda_functions, pixel_of_thread, launch_of, bounds):
    cpu = _cpu_kernels(*cpu_functions)
    on_cuda = _cuda_kernels(*cuda_functions, pixel_of_thread, bounds)
    pairs = zip(cpu, on_cuda, strict=True)
    return SearchKernels(*[Kernel(kernel, twin, launch_of) for kernel, twin in pairs])


def _cpu_kernels(start_pixel, propagate_pixel, search_pixel):
    @njit(parallel=True, cache=True, fastmath=True)
    def start(sources, others, channels, problem, nnf, matches, stamps, cost):
        for tile in prange(_tile_count(cost)):
            top, bottom, left, right = _tile_bounds(tile, cost)
            for y in range(top, bottom):
                for x in range(left, right):
                    match_y, match_x = nnf[y, x, 0], nnf[y, x, 1]
                    matches[y, x, 0], matches[y, x, 1], stamps[y, x] = match_y, match_x, 0
                    cost[y, x] = start_pixel(
                        (sources, others, channels), problem, y, x, match_y, match_x, 0
                    )

    @njit(parallel=True, cache=True, fastmath=True)
    def propagate(
        sources,
        others,
        channels,
        problem,
        matches,
        stamps,
        new_matches,
        new_stamps,
        cost,
        jump,
        launch,
    ):
        for tile in prange(_tile_count(cost)):
            top, bottom, left, right = _tile_bounds(tile, cost)
            for y in range(top, bottom):
                for x in range(left, right):
                    cost[y, x], new_matches[y, x, 0], new_matches[y, x, 1], new_stamps[y, x] = (
                        propagate_pixel(
                            (sources, others, channels),
                            problem,
                            matches,
                            stamps,
                            y,
                            x,
                            cost[y, x],
                            jump,
                            launch,
                            0,
                        )
                    )

    @njit(parallel=True, cache=True, fastmath=True)
    def search(sources, others, channels, problem, matches, stamps, cost, radius, seed, launch):
        for tile in prange(_tile_count(cost)):
            top, bottom, left, right = _tile_bounds(tile, cost)
            for y in range(top, bottom):
                for x in range(left, right):
                    cost[y, x], matches[y, x, 0], matches[y, x, 1], stamps[y, x] = search_pixel(
                        (sources, others, channels),
                        problem,
                        matches,
                        stamps,
                        y,
                        x,
                        cost[y, x],
                        radius,
                        seed,
                        launch,
                        0,
                    )

    return start, propagate, search


def _cuda_kernels(start_pixel, propagate_pixel, search_pixel, pixel_of_thread, bounds):
    # Run once a search, and with fewer registers one of its variants would spill.
    @cuda.jit(cache=True)
    def start(sources, others, channels, problem, nnf, matches, stamps, cost):
        y, x, lane = pixel_of_thread(cost.shape[1])
        if y >= cost.shape[0] or x >= cost.shape[1]:
            return
        match_y, match_x = inside(nnf, y, x, (problem.other_height, problem.other_width))
        first = start_pixel((sources, others, channels), problem, y, x, match_y, match_x, lane)
        if lane == 0:
            matches[y, x, 0], matches[y, x, 1], stamps[y, x] = match_y, match_x, 0
            cost[y, x] = first

    @cuda.jit(cache=True, **bounds)
    def propagate(
        sources,
        others,
        channels,
        problem,
        matches,
        stamps,
        new_matches,
        new_stamps,
        cost,
        jump,
        launch,
    ):
        y, x, lane = pixel_of_thread(cost.shape[1])
        if y >= cost.shape[0] or x >= cost.shape[1]:
            return
        best, best_y, best_x, stamp = propagate_pixel(
            (sources, others, channels),
            problem,
            matches,
            stamps,
            y,
            x,
            cost[y, x],
            jump,
            launch,
            lane,
        )
        if lane == 0:
            cost[y, x], new_stamps[y, x] = best, stamp
            new_matches[y, x, 0], new_matches[y, x, 1] = best_y, best_x

    @cuda.jit(cache=True)
    def search(sources, others, channels, problem, matches, stamps, cost, radius, seed, launch):
        y, x, lane = pixel_of_thread(cost.shape[1])
        if y >= cost.shape[0] or x >= cost.shape[1]:
            return
        best, best_y, best_x, stamp = search_pixel(
            (sources, others, channels),
            problem,
            matches,
            stamps,
            y,
            x,
            cost[y, x],
            radius,
            seed,
            launch,
            lane,
        )
        if lane == 0:
            cost[y, x], stamps[y, x] = best, stamp
            matches[y, x, 0], matches[y, x, 1] = best_y, best_x

    return start, propagate, search


@cuda.jit(device=True, inline="always")
def _element_index(width):
    """(y, x, lane) of a thread that has a pixel to itself."""
    return (
        cuda.blockIdx.y * ELEMENT_BLOCK[1] + cuda.threadIdx.y,
        cuda.blockIdx.x * ELEMENT_BLOCK[0] + cuda.threadIdx.x,
        0,
    )


# No dispatcher, which Numba could not tell in another process: what captures it would be compiled
# anew there.
@register_jitable(fastmath=True, **INNER)
def run_product(source, first, other, match_first, length, channels, lane):
    total = np.float32(0)
    run, match_run = source[first : first + length], other[match_first : match_first + length]
    for k in range(length):
        total += as_float32(run[k]) * as_float32(match_run[k])
    return total


@register_jitable
def _run_product_cuda(source, first, other, match_first, length, channels, lane):
    # Unsigned, so that no step and no index is asked for its sign; see `analogy_kernels.reduction`.
    first, match_first = np.uint64(first), np.uint64(match_first)
    k, size, total = np.uint64(lane), np.uint64(length), np.float32(0)
    if channels % 4 == 0:
        # Both runs begin at a multiple of 16 bytes: a quarter of the accesses.
        k *= np.uint64(4)
        while k < size:
            total += _product_of_four(load4(source, first + k), load4(other, match_first + k))
            k += np.uint64(4 * LANES)
    else:
        while k < size:
            total += as_float32(source[first + k]) * as_float32(other[match_first + k])
            k += np.uint64(LANES)
    return lane_sum(total)


@register_jitable
def _product_of_four(a, b):
    total = as_float32(a[0]) * as_float32(b[0]) + as_float32(a[1]) * as_float32(b[1])
    return total + as_float32(a[2]) * as_float32(b[2]) + as_float32(a[3]) * as_float32(b[3])


@njit(**INNER)
def _tile_count(cost):
    height, width = cost.shape
    return -(-height // _TILE) * -(-width // _TILE)


@njit(**INNER)
def _tile_bounds(tile, cost):
    """Rows and columns of a tile: first, and first no more."""
    height, width = cost.shape
    across = -(-width // _TILE)
    top, left = tile // across * _TILE, tile % across * _TILE
    return top, min(top + _TILE, height), left, min(left + _TILE, width)


@register_jitable
def _neighbour_offset(neighbour, jump):
    """(dy, dx) of the neighbours above, to the left, to the right and below."""
    if neighbour == 0:
        return -jump, 0
    if neighbour == 1:
        return 0, -jump
    if neighbour == 2:
        return 0, jump
    return jump, 0


@register_jitable
def _charge(problem, y, x, match_y, match_x):
    """What a match costs whatever its patches look like."""
    charge = np.float32(0)
    if problem.charges.shape[0] > 0:
        charge += problem.charges[match_y, match_x]
    if problem.anchors.shape[0] > 0:
        dy, dx = match_y - problem.anchors[y, x, 0], match_x - problem.anchors[y, x, 1]
        share = np.float32(dy * dy + dx * dx) / problem.anchor_reach_square
        charge += problem.anchor_cost * min(share, np.float32(1))
    return charge


@register_jitable
def _has_gained(problem, y, x, match_y, match_x):
    """Whether the last charges leave a match better off against the pixel's own than before."""
    if problem.rises.shape[0] == 0:
        return False
    return problem.rises[match_y, match_x] < problem.own_rises[y, x]


@register_jitable
def _inside(y, x, height, width):
    return y >= 0 and y < height and x >= 0 and x < width


@register_jitable
def _random_near(position, radius, places, seed, launch, y, x, k):
    """Random position at most `radius` from `position`, from a first to a last place."""
    low, high = max(position - radius, places[0]), min(position + radius, places[1])
    return low + random_below(hash_random(seed, launch, y, x, k), high - low + 1)
