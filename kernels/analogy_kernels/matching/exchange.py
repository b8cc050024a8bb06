"""Two fields between the same maps offer each other their matches.

The cost of a match is symmetric: what q of the one map pays for p of the other, p would pay for q,
unless p's label forbids it (:mod:`analogy_kernels.matching.labels`). So where the search of one
direction has found a better match for p than the other direction's own, that match is taken over
with its cost, and no patch is compared. Of several offers a pixel takes the cheapest, and of equal
ones the first in the order of rows, whatever the order of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from analogy_kernels.matching.labels import is_allowed
from analogy_kernels.target import cuda, element_launch

_NO_OFFER = np.float32(np.inf)
_NO_PLACE = np.int32(np.iinfo(np.int32).max)


def offers_scratch(shape, target):
    """Scratch of :func:`take_offers` for a field of a shape: the cheapest offer and its place.

    Empty on the CPU, where offers are taken one after another.
    """
    shape = shape if target.is_cuda else (0, 0)
    return target.empty(shape), target.empty(shape, np.int32)


def take_offers(
    on, nnf, cost, stamps, other_nnf, other_cost, labels, other_labels, launch, scratch
):
    """Take over what the field of the reverse direction has found better.

    Parameters
    ----------
    on : Host or Device of `analogy_kernels.target`
        Where all arrays live.
    nnf : int32 array, (height, width, 2)
        Positions (y, x) in the other map. Changed.
    cost : float32 array, (height, width)
        Changed.
    stamps : int32 array, (height, width)
        Set to `launch` where a match is taken over.
    other_nnf, other_cost
        The same of the reverse direction, (other height, other width, ...), by the same measure
        of cost.
    labels, other_labels : int32 arrays, (height, width), (other height, other width)
        Both with no columns where all pixels are free.
    launch : int
    scratch
        Arrays from :func:`offers_scratch`.
    """
    offers = other_nnf, other_cost, labels, other_labels
    if not on.is_cuda:
        _take_offers_cpu(nnf, cost, stamps, *offers, launch)
        return
    here, there = element_launch(*cost.shape), element_launch(*other_cost.shape)
    on.launch(_clear_cuda, here, *scratch)
    on.launch(_offer_cost_cuda, there, *offers, scratch[0])
    on.launch(_offer_place_cuda, there, *offers, *scratch)
    on.launch(_take_cuda, here, nnf, cost, stamps, other_cost.shape[1], launch, *scratch)


# One thread: the offers of a whole field take a millisecond, a lock for each would take more.
@njit(cache=True)
def _take_offers_cpu(nnf, cost, stamps, other_nnf, other_cost, labels, other_labels, launch):
    for y in range(other_cost.shape[0]):
        for x in range(other_cost.shape[1]):
            to_y, to_x = other_nnf[y, x, 0], other_nnf[y, x, 1]
            better = other_cost[y, x] < cost[to_y, to_x]
            if better and is_allowed(labels, other_labels, to_y, to_x, y, x):
                cost[to_y, to_x], stamps[to_y, to_x] = other_cost[y, x], launch
                nnf[to_y, to_x, 0], nnf[to_y, to_x, 1] = y, x


@cuda.jit(cache=True)
def _clear_cuda(lowest, place):
    x, y = cuda.grid(2)
    if y < lowest.shape[0] and x < lowest.shape[1]:
        lowest[y, x], place[y, x] = _NO_OFFER, _NO_PLACE


@cuda.jit(cache=True)
def _offer_cost_cuda(other_nnf, other_cost, labels, other_labels, lowest):
    x, y = cuda.grid(2)
    if y < other_cost.shape[0] and x < other_cost.shape[1]:
        to_y, to_x = other_nnf[y, x, 0], other_nnf[y, x, 1]
        if is_allowed(labels, other_labels, to_y, to_x, y, x):
            cuda.atomic.min(lowest, (to_y, to_x), other_cost[y, x])


@cuda.jit(cache=True)
def _offer_place_cuda(other_nnf, other_cost, labels, other_labels, lowest, place):
    x, y = cuda.grid(2)
    if y < other_cost.shape[0] and x < other_cost.shape[1]:
        to_y, to_x = other_nnf[y, x, 0], other_nnf[y, x, 1]
        cheapest = other_cost[y, x] == lowest[to_y, to_x]
        if cheapest and is_allowed(labels, other_labels, to_y, to_x, y, x):
            cuda.atomic.min(place, (to_y, to_x), np.int32(y * other_cost.shape[1] + x))


@cuda.jit(cache=True)
def _take_cuda(nnf, cost, stamps, other_width, launch, lowest, place):
    x, y = cuda.grid(2)
    if y < cost.shape[0] and x < cost.shape[1] and lowest[y, x] < cost[y, x]:
        cost[y, x], stamps[y, x] = lowest[y, x], launch
        nnf[y, x, 0], nnf[y, x, 1] = place[y, x] // other_width, place[y, x] % other_width
