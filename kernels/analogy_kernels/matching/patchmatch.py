"""PatchMatch between feature maps: the nearest-neighbour field search of section 4.2.

Each iteration propagates matches by jump flooding (neighbours 8, 4, 2 and 1 pixels away, four
directions each) and then tries random positions in shrinking windows around the present match
(Barnes et al., 2009; jump flooding after Rong and Tan, 2006, as the authors' program has it). The
distances may take turns, so that an iteration has only some of them. Every one of these passes is a
launch of its own that reads one field and writes another, so no thread sees half of a pass, and the
result does not depend on the order of threads.

A neighbour's match that has not changed since it was last tried from the same distance was turned
down then and would be turned down again: each match carries the pass that made it, and such
candidates are passed over. Where places are charged for their use, what was turned down may have
become cheap: on the CPU it is remembered what each cost at least without its charge, and a device
compares those whose charge rose less than that of the pixel's own match, or all where distances
take turns. The others are compared
row by row of the patch, and no further than the rest could still make up for, by what their pixels'
sketches allow (:mod:`analogy_kernels.matching.sketch`). The search is the same, most of its work is
not done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from analogy_kernels.arguments import items, low_bits, number, whole
from analogy_kernels.matching.displacements import Displacements, confine
from analogy_kernels.matching.exchange import offers_scratch, take_offers
from analogy_kernels.matching.initialize import random_nnf
from analogy_kernels.matching.occurrence import charge_occurrence
from analogy_kernels.matching.search_costs import HUGE
from analogy_kernels.matching.search_kernels import (
    JUMPS,
    NEIGHBOURS,
    PASSES_PER_ITERATION,
    SearchKernels,
    search_kernels,
)
from analogy_kernels.matching.search_sides import Problem, sides_of
from analogy_kernels.positions import checked_nnf
from analogy_kernels.target import Array, Result, Stream, on_target

__all__ = [
    "JUMPS",
    "PASSES_PER_ITERATION",
    "Problem",
    "SearchKernels",
    "patchmatch",
    "patchmatch_both_ways",
    "search_kernels",
]


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
    turns: int = 1,
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
        Radius of the first random-search window, in pixels of `other`; when absent the larger
        side of `other`.
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
        Labels of `source` and of `other`: which pixels may be matched with which, see
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
        How much the cost of a match rises, with the square of its distance from the anchor, up
        to `anchor_reach`, and no further beyond.
    anchor_reach : float, optional
        In pixels of `other`, more than 0.
    evenness : float, optional
        What each iteration adds to the cost of a match for every use of its patch beyond those of
        the patches around it, as a multiple of its fair share, see
        :mod:`analogy_kernels.matching.occurrence`: what is much in demand becomes dear, and more of
        `other` is used.
    turns : int, optional
        Iterations in which a pixel hears once of its neighbours at all four distances. With 2 they
        take turns, 8 and 2 pixels in one iteration, 4 and 1 in the next, and an iteration takes
        little more than half of the time; at most 4.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    nnf : int32 array, (height, width, 2)
    cost : float32 array, (height, width)
        Costs of the patches alone, without what anchors and use add.

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
    An iteration tries, for each pixel, 16 matches of neighbours, or as many in all turns together,
    and floor(log2(radius)) + 1 at random, each of up to patch_side^2 * channels multiply-adds and
    two patches read; most are passed over or given up early. Allocates 28 bytes a pixel, 8 more
    without `start`, and on the CPU, for one pair of float32 maps of 128 to 256 channels, sketches
    of 128 bytes a pixel of both; with `evenness` 4 bytes a pixel and 20 a pixel of `other` more,
    and on the CPU 64 a pixel of `source`. Does not wait for a device.
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
    iterations = whole("iterations", iterations)
    # What is not searched passes nothing over.
    sketching = iterations > 0
    sides = sides_of({"source": source, "other": other}, patch_side, *by, stream, sketching)
    if anchors is not None:
        sides = sides.anchored(anchors, anchor_cost, anchor_reach)
    turns = whole("turns", turns, 1, len(JUMPS))
    field = _Field(sides, ("start", start), ("radius", radius), ("seed", seed), turns)
    evenness = number("evenness", evenness, 0)
    for iteration in range(iterations):
        if evenness:
            field.charge(evenness)
        field.improve(iteration)
    if anchors is not None or (evenness and iterations):
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
    turns: int = 1,
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
        Radii of the first random-search windows, in pixels of `second` and of `first`; when absent
        the larger sides of those.
    iterations : int
    seeds : two int
        Seeds of the two directions; they should differ.
    displacements : two pairs of int, optional
        From `first` to `second`, as for :func:`patchmatch`; the reverse direction has the reverse
        ones.
    bound : float, optional
        As for :func:`patchmatch`.
    labels : two int32 arrays, (height, width), optional
        Labels of `first` and of `second`, as for :func:`patchmatch`.
    cost : device function, optional
        As for :func:`patchmatch`, but symmetric: the same for two patches either way round.
    turns : int, optional
        As for :func:`patchmatch`.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    two pairs (nnf, cost)
        Fields and costs of `first` to `second` and of the reverse.

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
    iterations, turns = whole("iterations", iterations), whole("turns", turns, 1, len(JUMPS))
    both = sides, sides.reversed()
    fields = [_Field(*one, turns) for one in zip(both, *pairs, strict=True)]
    forward, reverse = fields
    scratch = [offers_scratch(field.cost.shape, sides.on) for field in fields]
    for iteration in range(iterations):
        for field in fields:
            field.improve(iteration)
        forward.take_offers(reverse, iteration, scratch[0])
        reverse.take_offers(forward, iteration, scratch[1])
    return (forward.nnf, forward.cost), (reverse.nnf, reverse.cost)


class _Field:
    """A field that is being improved, and what its passes write.

    Attributes
    ----------
    nnf : int32 array, (height, width, 2)
    cost : float32 array, (height, width)
    """

    def __init__(self, sides, start, radius, seed, turns):
        seed = int(low_bits(*seed))
        radius = _radius_of(sides, *radius)
        name, given = start
        start = _start_of(sides, name, given, seed)
        self._on, self._labels, self._kernels = sides.on, sides.labels, sides.kernels()
        self._sides, self._radius, self._seed, self._turns = sides, radius, seed, turns
        *self._maps, self._problem = sides.arguments()
        on, shape = sides.on, sides.sources[0].shape[:2]
        self.nnf, self._spare_nnf = (on.empty((*shape, 2), np.int32) for _ in range(2))
        self._stamps, self._spare_stamps = (on.empty(shape, np.int32) for _ in range(2))
        self.cost = on.empty(shape)
        self._run(self._kernels.start, start, self.nnf, self._stamps, self.cost)

    @property
    def _keeps_floors(self):
        """A function that is given does not say what a match costs at least.

        On a device, comparing takes less than reading what was kept.
        """
        return self._sides.cost is None and not self._on.is_cuda

    def charge(self, evenness):
        """Raise what each place costs by how often it is used."""
        if not self._is_charged:
            places, shape = self._sides.others[0].shape[:2], self.cost.shape
            self._problem = self._problem._replace(
                charges=self._on.zeros(places),
                rises=self._on.empty(places),
                own_rises=self._on.empty(shape),
                floors=self._on.empty((*shape, NEIGHBOURS) if self._keeps_floors else (0, 0, 0)),
            )
        problem = self._problem
        written = self.cost, problem.charges, problem.rises, problem.own_rises
        charge_occurrence(self._on, self.nnf, self._sides.half, evenness, *written)

    @property
    def _is_charged(self):
        return self._problem.charges.shape[0] > 0

    def forget_charges(self):
        """Let costs be those of the patches alone."""
        *_, self._problem = self._sides.unanchored().arguments()
        self._run(self._kernels.start, self.nnf, self._spare_nnf, self._spare_stamps, self.cost)

    def improve(self, iteration):
        """Propagate from far to near, then search at random."""
        launch = iteration * PASSES_PER_ITERATION
        for turn, jump in enumerate(JUMPS):
            launch += 1
            if turn % self._turns != iteration % self._turns:
                continue
            present = self.nnf, self._stamps
            new = self._spare_nnf, self._spare_stamps
            by = jump, launch, self._heard_since(launch)
            self._run(self._kernels.propagate, *present, *new, self.cost, *by)
            (self.nnf, self._stamps), (self._spare_nnf, self._spare_stamps) = new, present
        present = self.nnf, self._stamps, self.cost
        self._run(self._kernels.search, *present, self._radius, self._seed, launch + 1)

    def _heard_since(self, launch):
        """The launch before this one from as far away; 0, before all, if nothing can be told by it.

        Of charges it is known by how much they rose in one iteration.
        """
        if self._is_charged and self._turns > 1 and not self._keeps_floors:
            return 0
        return launch - self._turns * PASSES_PER_ITERATION

    def take_offers(self, other, iteration, scratch):
        """Take over what the field of the reverse direction has found better."""
        launch = (iteration + 1) * PASSES_PER_ITERATION
        labels, other_labels = self._labels
        take_offers(
            self._on,
            self.nnf,
            self.cost,
            self._stamps,
            other.nnf,
            other.cost,
            labels,
            other_labels,
            launch,
            scratch,
        )

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
