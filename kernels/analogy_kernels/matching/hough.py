"""Hough matching: likely matches vote for matches of like displacement beside them.

Similarity alone takes one repeated part for another. Pixels that lie together on a thing are
displaced alike, so a match is believed in as much as others of nearly its displacement are: the
probabilistic Hough matching of Cho et al., "Unsupervised object discovery and localization in the
wild" (CVPR 2015), regularised as by Min et al., "Hyperpixel flow" (ICCV 2019). There all matches
of two images vote for one displacement; here a vote counts the less the farther away it is cast,
so that parts of a thing may move apart.

A table holds a value for each match, (height * width, other height * other width). The other map
may be several sheets of one size, one below another: its columns are then those of one sheet after
the other, all matches of a pixel compete, and votes are cast within a sheet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.arguments import checked, extents, items, number, positive, whole
from analogy_kernels.matching.correlation import best_of_columns, best_of_rows
from analogy_kernels.target import (
    INNER,
    UNCOUNTED,
    Array,
    Kernel,
    Result,
    Stream,
    cuda,
    element_launch,
    on_target,
)

# Gaussians are cut off at so many standard deviations.
_CUT = 2.5

# Of a Gaussian, in pixels: beyond any map that a table can be made of.
_WIDEST = 10000.0

# Below it a product of two maxima has lost digits, and its root is no scale.
_SMALLEST = np.finfo(np.float32).tiny


def hough_matching(
    similarity: Array,
    shape: tuple[int, int],
    other_shape: tuple[int, int],
    exponent: float,
    rounds: Iterable[tuple[float, float]],
    *,
    sheets: int = 1,
    stream: Stream = None,
) -> tuple[Result, Result]:
    """Beliefs in all matches of two maps, and the best of them both ways.

    Parameters
    ----------
    similarity : float32 array, (height * width, sheets * other height * other width)
        Likeness of each pixel with each of the other map; at most 1. What is negative counts as 0.
    shape, other_shape : (int, int)
        Height and width of the maps, of the other one's sheets.
    exponent : float
        Power that sharpens similarities before they vote; not negative.
    rounds : sequence of (float, float)
        How far votes reach, and how much displacements may differ: standard deviations in pixels,
        of one round of voting after the other.
    sheets : int
        Sheets of the other map, one below another.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    nnf : int32 array, (height, width, 2)
        Positions (y, x) in the other map, all sheets counted.
    other_nnf : int32 array, (sheets * other height, other width, 2)

    Raises
    ------
    TypeError
        If `similarity` is no array, or something else no number.
    ValueError
        If `similarity` does not belong to maps of these shapes, the exponent is negative, a
        deviation is not above 0 and at most 10000, or there is no sheet.

    Notes
    -----
    A round reads and writes the table about eight times and takes, for each of its entries, the
    multiply-adds of :func:`gather_votes`. Allocates up to five tables of the size of `similarity`.
    A device is given the Gaussians' weights from the host, whose copies may wait for work before
    them. Cho et al. (2015), Min et al. (2019).

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import hough_matching
    >>> similarity = np.eye(4, dtype=np.float32)
    >>> nnf, _ = hough_matching(similarity, (2, 2), (2, 2), 1.0, [(1.0, 0.5)])
    >>> nnf.tolist()
    [[[0, 0], [0, 1]], [[1, 0], [1, 1]]]
    """
    on, similarity = on_target(similarity=similarity, stream=stream)
    shape, other_shape = extents("shape", shape), extents("other_shape", other_shape)
    sheets = whole("sheets", sheets, 1)
    similarity = _checked_table("similarity", similarity, shape, other_shape, sheets)
    exponent, rounds = np.float32(number("exponent", exponent, 0)), _checked_rounds(rounds)
    prior = _sharpened_table(on, similarity, exponent)
    belief = prior
    for deviations in rounds:
        votes = _balanced(on, belief, stream)
        votes = gather_votes(votes, shape, other_shape, *deviations, sheets=sheets, stream=stream)
        belief = on.empty(prior.shape)
        on.run(_believe_kernel, prior.shape, prior, votes, belief)
    _, place = best_of_rows(belief, stream=stream)
    _, other_place = best_of_columns(belief, stream=stream)
    other_shape = sheets * other_shape[0], other_shape[1]
    return _field(on, place, shape, other_shape), _field(on, other_place, other_shape, shape)


def hough_votes(
    similarity: Array,
    shape: tuple[int, int],
    other_shape: tuple[int, int],
    exponent: float,
    reach: float,
    slack: float,
    *,
    sheets: int = 1,
    stream: Stream = None,
) -> Result:
    """Votes for all matches of two maps, of one round of :func:`hough_matching`.

    Every pixel of either map has about one vote, which goes to what it is like, and is gathered by
    the matches of like displacement around: what a pixel's best match has of them says how well
    the maps, or sheets of the other one, go together around it.

    Parameters
    ----------
    similarity, shape, other_shape, exponent, sheets, stream
        As for :func:`hough_matching`.
    reach, slack : float
        As of a round there.

    Returns
    -------
    float32 array, of the shape of `similarity`

    Raises
    ------
    TypeError, ValueError
        As :func:`hough_matching`.

    Notes
    -----
    As a round of :func:`hough_matching`, which reads and writes the table about seven times.
    Allocates up to four tables of the size of `similarity`, one of which is the result.

    Examples
    --------
    >>> import numpy as np
    >>> from analogy_kernels import hough_votes
    >>> similarity = np.eye(4, dtype=np.float32)
    >>> votes = hough_votes(similarity, (2, 2), (2, 2), 1.0, 1.0, 0.1)
    >>> bool(votes[0, 0] > 0.3 > votes[0, 3])
    True
    """
    on, similarity = on_target(similarity=similarity, stream=stream)
    shape, other_shape = extents("shape", shape), extents("other_shape", other_shape)
    sheets = whole("sheets", sheets, 1)
    similarity = _checked_table("similarity", similarity, shape, other_shape, sheets)
    prior = _sharpened_table(on, similarity, np.float32(number("exponent", exponent, 0)))
    votes = _balanced(on, prior, stream)
    return gather_votes(votes, shape, other_shape, reach, slack, sheets=sheets, stream=stream)


def gather_votes(
    votes: Array,
    shape: tuple[int, int],
    other_shape: tuple[int, int],
    reach: float,
    slack: float,
    *,
    sheets: int = 1,
    stream: Stream = None,
) -> Result:
    """Votes for each match from those of like displacement around it.

    ``out[p, q]`` is the sum over steps d and e of ``votes[p + d, q + d + e]``, weighted by
    Gaussians of d, with the standard deviation `reach`, and of e, with `slack`; matches that would
    lie outside the maps, or on another sheet, have no vote.

    Parameters
    ----------
    votes : float32 array, (height * width, sheets * other height * other width)
    shape, other_shape : (int, int)
        Of the maps, of the other one's sheets.
    reach, slack : float
        In pixels.
    sheets : int
        Sheets of the other map, one below another.
    stream : Numba stream, optional
        See :mod:`analogy_kernels`.

    Returns
    -------
    float32 array, of the shape of `votes`

    Raises
    ------
    TypeError
        If `votes` is no array, or something else no number.
    ValueError
        If `votes` does not belong to maps of these shapes, a deviation is not above 0 and at most
        10000, or there is no sheet.

    Notes
    -----
    Four passes over the table, each of ``2 * ceil(2.5 * deviation) + 1`` multiply-adds an entry:
    Gaussians are separable, and cut off at 2.5 standard deviations. Allocates two tables, of which
    one is the result. A device is given the weights from the host, whose copies may wait for work
    before them.

    Examples
    --------
    A vote is spread over the matches beside it, and what would lie outside the maps is lost:

    >>> import numpy as np
    >>> from analogy_kernels import gather_votes
    >>> votes = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0]], np.float32)
    >>> gathered = gather_votes(votes, (1, 3), (1, 3), 1.0, 0.1)
    >>> bool(gathered[0, 0] > gathered[1, 1] > gathered[2, 2] > gathered[0, 1])
    True
    """
    on, votes = on_target(votes=votes, stream=stream)
    shape, other_shape = extents("shape", shape), extents("other_shape", other_shape)
    sheets = whole("sheets", sheets, 1)
    votes = _checked_table("votes", votes, shape, other_shape, sheets)
    shapes = *shape, *other_shape
    near = _gaussian(positive("reach", reach, _WIDEST), on)
    alike = _gaussian(positive("slack", slack, _WIDEST), on)
    spare, out = on.empty(votes.shape), on.empty(votes.shape)
    # Gaussians are separable: one axis at a time, along y and x of both maps, then of the other.
    for source, result, weights, step in (
        (votes, spare, near, (1, 0, 1, 0)),
        (spare, out, near, (0, 1, 0, 1)),
        (out, spare, alike, (0, 0, 1, 0)),
        (spare, out, alike, (0, 0, 0, 1)),
    ):
        on.run(_gather_kernel, votes.shape, source, weights, shapes, step, result)
    return out


def _checked_table(name, table, shape, other_shape, sheets):
    return checked(name, table, (shape[0] * shape[1], sheets * other_shape[0] * other_shape[1]))


def _sharpened_table(on, similarity, exponent):
    prior = on.empty(similarity.shape)
    on.run(_sharpen_kernel, similarity.shape, similarity, exponent, prior)
    return prior


def _balanced(on, belief, stream):
    """Votes of which every pixel of either map has about one."""
    best, _ = best_of_rows(belief, stream=stream)
    other_best, _ = best_of_columns(belief, stream=stream)
    votes = on.empty(belief.shape)
    on.run(_balance_kernel, belief.shape, belief, best, other_best, votes)
    return votes


def _checked_rounds(rounds):
    try:
        rounds = list(rounds)
    except TypeError:
        raise TypeError("rounds is no sequence; it has to be one of pairs of numbers") from None
    return [
        items(f"rounds[{i}]", deviations, 2, positive, _WIDEST)
        for i, deviations in enumerate(rounds)
    ]


def _gaussian(deviation, target):
    radius = math.ceil(_CUT * deviation)
    steps = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (steps / deviation) ** 2)
    return target.asarray((weights / weights.sum()).astype(np.float32))


def _field(on, place, shape, other_shape):
    nnf = on.empty((*shape, 2), np.int32)
    on.run(_field_kernel, shape, place, other_shape[1], nnf)
    return nnf


@njit(parallel=True, **UNCOUNTED)
def _sharpen_cpu(similarity, exponent, prior):
    for row in prange(prior.shape[0]):
        for column in range(prior.shape[1]):
            prior[row, column] = _sharpened(similarity[row, column], exponent)


@cuda.jit(cache=True)
def _sharpen_cuda(similarity, exponent, prior):
    column, row = cuda.grid(2)
    if row < prior.shape[0] and column < prior.shape[1]:
        prior[row, column] = _sharpened(similarity[row, column], exponent)


@njit(parallel=True, **UNCOUNTED)
def _balance_cpu(belief, best, other_best, votes):
    for row in prange(votes.shape[0]):
        for column in range(votes.shape[1]):
            scale = _balance(best[row], other_best[column])
            votes[row, column] = belief[row, column] * scale


@cuda.jit(cache=True)
def _balance_cuda(belief, best, other_best, votes):
    column, row = cuda.grid(2)
    if row < votes.shape[0] and column < votes.shape[1]:
        scale = _balance(best[row], other_best[column])
        votes[row, column] = belief[row, column] * scale


@njit(parallel=True, **UNCOUNTED)
def _gather_cpu(votes, weights, shapes, step, out):
    _, width, other_height, other_width = shapes
    for row in prange(out.shape[0]):
        # Of all sheets, one below another.
        for other_row in range(out.shape[1] // other_width):
            place = row // width, row % width, other_row % other_height
            _gather_row(votes, weights, shapes, step, place, row, other_row * other_width, out)


@njit(**INNER)
def _gather_row(votes, weights, shapes, step, place, row, first, out):
    """Votes for the matches of a pixel with those of a row of a sheet, step by step for all."""
    other_width, (step_y, step_x, other_step_y, other_step_x) = shapes[3], step
    radius = weights.size // 2
    before, after = _span(shapes, (*place, 0), (step_y, step_x, other_step_y, 0), radius)
    row_step, column_step = _strides(shapes, step)
    values, sums = votes.reshape(-1), out.reshape(-1)
    begin, apart = row * out.shape[1] + first, row_step * out.shape[1] + column_step
    for x in range(other_width):
        sums[np.uint64(begin + x)] = np.float32(0)
    for k in range(-before, after + 1):
        weight, away = weights[radius + k], k * other_step_x
        at = begin + k * apart
        for x in range(max(-away, 0), min(other_width - away, other_width)):
            sums[np.uint64(begin + x)] += weight * values[np.uint64(at + x)]


@cuda.jit(cache=True)
def _gather_cuda(votes, weights, shapes, step, out):
    column, row = cuda.grid(2)
    if row < out.shape[0] and column < out.shape[1]:
        out[row, column] = _gathered(votes, weights, shapes, step, row, column)


@njit(parallel=True, **UNCOUNTED)
def _believe_cpu(prior, votes, belief):
    for row in prange(belief.shape[0]):
        for column in range(belief.shape[1]):
            belief[row, column] = _believed(prior[row, column], votes[row, column])


@cuda.jit(cache=True)
def _believe_cuda(prior, votes, belief):
    column, row = cuda.grid(2)
    if row < belief.shape[0] and column < belief.shape[1]:
        belief[row, column] = _believed(prior[row, column], votes[row, column])


@njit(**UNCOUNTED)
def _field_cpu(place, other_width, nnf):
    for y in range(nnf.shape[0]):
        for x in range(nnf.shape[1]):
            match = place[y * nnf.shape[1] + x]
            nnf[y, x, 0], nnf[y, x, 1] = match // other_width, match % other_width


@cuda.jit(cache=True)
def _field_cuda(place, other_width, nnf):
    x, y = cuda.grid(2)
    if y < nnf.shape[0] and x < nnf.shape[1]:
        match = place[y * nnf.shape[1] + x]
        nnf[y, x, 0], nnf[y, x, 1] = match // other_width, match % other_width


@register_jitable
def _sharpened(similarity, exponent):
    return max(similarity, np.float32(0)) ** exponent


@register_jitable
def _balance(best, other_best):
    """Scale that gives every pixel of either map about one vote."""
    product = best * other_best
    if product < _SMALLEST:
        return np.float32(0)
    return np.float32(1) / np.float32(math.sqrt(product))


@register_jitable
def _gathered(votes, weights, shapes, step, row, column):
    """Weighted votes on the line through a match, as far as it lies in the map and the sheet."""
    _, width, other_height, other_width = shapes
    other_y, other_x = column // other_width % other_height, column % other_width
    place = row // width, row % width, other_y, other_x
    radius = weights.size // 2
    before, after = _span(shapes, place, step, radius)
    row_step, column_step = _strides(shapes, step)
    total = np.float32(0)
    for k in range(-before, after + 1):
        total += weights[radius + k] * votes[row + k * row_step, column + k * column_step]
    return total


@register_jitable
def _strides(shapes, step):
    """Rows and columns of the table of votes that a step along a line leads on."""
    step_y, step_x, other_step_y, other_step_x = step
    return step_y * shapes[1] + step_x, other_step_y * shapes[3] + other_step_x


@register_jitable
def _span(shapes, place, step, radius):
    """How many steps a line has before and after a match, along y and x of both maps."""
    before = min(
        min(_room(place[0], step[0], radius), _room(place[1], step[1], radius)),
        min(_room(place[2], step[2], radius), _room(place[3], step[3], radius)),
    )
    left = (
        shapes[0] - 1 - place[0],
        shapes[1] - 1 - place[1],
        shapes[2] - 1 - place[2],
        shapes[3] - 1 - place[3],
    )
    after = min(
        min(_room(left[0], step[0], radius), _room(left[1], step[1], radius)),
        min(_room(left[2], step[2], radius), _room(left[3], step[3], radius)),
    )
    return before, after


@register_jitable
def _room(pixels, step, radius):
    """How many steps fit into so many pixels, the weights' radius at most."""
    return min(pixels, radius) if step else radius


@register_jitable
def _believed(prior, votes):
    # Squared, as votes tell more than similarity does: measured, see docs/evaluation-keypoints.md.
    return prior * votes * votes


# Extents: pixels of the one map, of the other.
_sharpen_kernel = Kernel(_sharpen_cpu, _sharpen_cuda, element_launch)
# Extents: pixels of the one map, of the other.
_balance_kernel = Kernel(_balance_cpu, _balance_cuda, element_launch)
# Extents: pixels of the one map, of the other.
_gather_kernel = Kernel(_gather_cpu, _gather_cuda, element_launch)
# Extents: pixels of the one map, of the other.
_believe_kernel = Kernel(_believe_cpu, _believe_cuda, element_launch)
# Extents: height, width.
_field_kernel = Kernel(_field_cpu, _field_cuda, element_launch)
