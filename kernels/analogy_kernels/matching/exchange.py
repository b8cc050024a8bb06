"""Two fields between the same maps offer each other their matches.

The cost of a match is symmetric: what q of the one map pays for p of the other, p would pay for q,
unless p's label forbids it (:mod:`analogy_kernels.matching.labels`). So where the search of one
direction has found a better match for p than the other direction's own, that match is taken over
with its cost, and no patch is compared. Of several offers a pixel takes the cheapest, and of equal
ones the first in the order of rows, whatever the order of threads: on a device both are one number
of 64 bits, the cost before the place, of which the smallest is found by atomics.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from analogy_kernels.matching.labels import is_allowed
from analogy_kernels.target import UNCOUNTED, cuda, element_launch

# Above every offer.
_NO_OFFER = np.int64(np.iinfo(np.int64).max)

_LOW_31, _LOW_32 = np.int64(2**31 - 1), np.int64(2**32 - 1)


def offers_scratch(shape, target):
    """Scratch of :func:`take_offers` for a field of a shape, which leaves it as it finds it.

    Empty on the CPU, where offers are taken one after another.
    """
    offers = target.empty(shape if target.is_cuda else (0, 0), np.int64)
    if target.is_cuda:
        target.launch(_clear_cuda, element_launch(*shape), offers)
    return offers


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
        Array from :func:`offers_scratch`.
    """
    offers = other_nnf, other_cost, labels, other_labels
    if not on.is_cuda:
        _take_offers_cpu(nnf, cost, stamps, *offers, launch)
        return
    here, there = element_launch(*cost.shape), element_launch(*other_cost.shape)
    on.launch(_offer_cuda, there, *offers, cost, scratch)
    on.launch(_take_cuda, here, nnf, cost, stamps, other_cost, launch, scratch)


# One thread: the offers of a whole field take a millisecond, a lock for each would take more.
@njit(**UNCOUNTED)
def _take_offers_cpu(nnf, cost, stamps, other_nnf, other_cost, labels, other_labels, launch):
    for y in range(other_cost.shape[0]):
        for x in range(other_cost.shape[1]):
            to_y, to_x = other_nnf[y, x, 0], other_nnf[y, x, 1]
            better = other_cost[y, x] < cost[to_y, to_x]
            if better and is_allowed(labels, other_labels, to_y, to_x, y, x):
                cost[to_y, to_x], stamps[to_y, to_x] = other_cost[y, x], launch
                nnf[to_y, to_x, 0], nnf[to_y, to_x, 1] = y, x


@cuda.jit(cache=True)
def _clear_cuda(offers):
    x, y = cuda.grid(2)
    if y < offers.shape[0] and x < offers.shape[1]:
        offers[y, x] = _NO_OFFER


@cuda.jit(cache=True)
def _offer_cuda(other_nnf, other_cost, labels, other_labels, cost, offers):
    x, y = cuda.grid(2)
    if y < other_cost.shape[0] and x < other_cost.shape[1]:
        to_y, to_x = other_nnf[y, x, 0], other_nnf[y, x, 1]
        better = other_cost[y, x] < cost[to_y, to_x]
        if better and is_allowed(labels, other_labels, to_y, to_x, y, x):
            offer = _offer(other_cost[y, x], y * other_cost.shape[1] + x)
            cuda.atomic.min(offers, (to_y, to_x), offer)


@cuda.jit(cache=True)
def _take_cuda(nnf, cost, stamps, other_cost, launch, offers):
    x, y = cuda.grid(2)
    if y < cost.shape[0] and x < cost.shape[1] and offers[y, x] != _NO_OFFER:
        place, width = np.uint32(offers[y, x] & _LOW_32), np.uint32(other_cost.shape[1])
        match_y, match_x = place // width, place % width
        cost[y, x], stamps[y, x] = other_cost[match_y, match_x], launch
        nnf[y, x, 0], nnf[y, x, 1] = match_y, match_x
        offers[y, x] = _NO_OFFER


@cuda.jit(device=True)
def _offer(cost, place):
    """A number that is the smaller the cheaper an offer is, and of equal costs the earlier."""
    # Two zeros are equal: adding one makes both the same.
    bits = np.int64(np.float32(cost + np.float32(0)).view(np.int32))
    # A negative float's bits grow with its size, those of an integer against it.
    ordered = bits ^ _LOW_31 if bits < 0 else bits
    return ordered * (_LOW_32 + 1) + place
