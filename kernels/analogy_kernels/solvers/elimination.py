"""Elimination by colours: a preconditioner for systems that tie every pixel to its neighbours.

The system has one equation a pixel, ``mass * u + sum over neighbours w (u - u') = right side``,
all masses and weights positive. Coloured like a chess board, pixels of one colour have neighbours
of the other only: every second pixel can be eliminated exactly, and the pixels left are tied to
their neighbours along the diagonals and, two pixels off, along rows and columns. There every
second row is eliminated, which leaves a board of half the sides, and so on until one pixel is
left. Pixels to be eliminated that are tied to each other are cut loose first: that keeps masses and
weights positive, but makes the elimination of all but the first colour inexact (repeated red-black:
Brand, "An incomplete-factorization preconditioning using repeated red-black ordering", 1992).

What cutting loses is mostly between near pixels, so a few Jacobi steps on every system along the
diagonals, before and after the rest, make up for it. All is local and in any order: no sweeps.

A *board* has a value a pixel. A *diagonal* map has the pixels of even ``y + x`` of a board, pushed
together: place j of row y is column ``2 j + y % 2``. Maps have a margin of zeros, so that no kernel
asks where they end, and ties across the end weigh nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from analogy_kernels.target import UNCOUNTED, Kernel, cuda, element_launch

# Even, so that rows and columns keep their colour.
MARGIN = 2

# Indices are unsigned: of a signed one Numba asks at every access whether it counts from the end,
# which keeps the compiler from making vector code and costs ten times the arithmetic.
_ONE, _TWO = np.uint64(1), np.uint64(2)

# Planes of a system: weight of the tie to the pixel in that direction, and mass. On a board the
# next in the row, column or diagonal; on a diagonal map two columns or rows off, or the diagonal.
EAST, SOUTH, SOUTH_EAST, SOUTH_WEST, MASS = range(5)
# Of the first diagonal map: the equation's own coefficient, inverted.
_INVERSE = 5

# Planes of an elimination: the shares of four neighbours in the value of a pixel eliminated, and
# its own coefficient, inverted. On a diagonal map the neighbours are north-west, south-east, ...
_FROM_WEST, _FROM_EAST, _FROM_NORTH, _FROM_SOUTH, _OWN = range(5)
_FROM_NW, _FROM_SE, _FROM_NE, _FROM_SW = range(4)

# Of the Jacobi steps: below one, so that the preconditioner is positive whatever the weights.
_DAMPING = np.float32(0.7)

# Before and after the levels below, an odd number. One alone takes two to three times as many
# iterations; five save some, but no time.
_STEPS = 3


@dataclass(frozen=True)
class _Level:
    """A system of a diagonal map, what its odd rows' elimination leaves, and room for solving it.

    Attributes
    ----------
    system : float32 array, (6, height + 4, width + 4)
    x, other : float32 arrays, (channels, height + 4, width + 4)
    odd_rows, odd_colour : float32 arrays, (5, ...), or None at the last level, a single pixel
        Eliminations from this diagonal map to a board, and from that to the next diagonal map.
    board, below : float32 arrays, (channels, ...), or None at the last level
        Values of that board, and the right side of the next level.
    """

    system: Any
    x: Any
    other: Any
    odd_rows: Any = None
    odd_colour: Any = None
    board: Any = None
    below: Any = None


class ColourElimination:
    """A system of a board, reduced to one colour, and its preconditioner.

    Parameters
    ----------
    system : float32 array, (5, height + 4, width + 4)
        Planes EAST, SOUTH, SOUTH_EAST and SOUTH_WEST of weights, the diagonal ones zero, and MASS,
        with a margin of zeros.
    channels : int
        Right sides that are solved for at once.
    on : Host or Device of `analogy_kernels.target`
        Where all arrays live.
    """

    def __init__(self, system, channels, on):
        self._on, self._channels = on, channels
        self._odd_colour, diagonal = self._eliminate_colour(system)
        self._levels = []
        while _sides(diagonal) != (1, 1):
            odd_rows, board = self._eliminate_rows(diagonal)
            odd_colour, next_diagonal = self._eliminate_colour(board)
            eliminated = odd_rows, odd_colour, self._values(board), self._values(next_diagonal)
            self._levels.append(self._level(diagonal, *eliminated))
            diagonal = next_diagonal
        self._levels.append(self._level(diagonal))

    def reduced_map(self):
        """Zeros of the shape of the reduced system's unknowns."""
        return self._values(self._levels[0].system)

    def reduce(self, right_side, out):
        """Right side of the reduced system, from that of the board, (channels, height, width)."""
        self._fill(_restricted_to_colour, out, self._odd_colour, right_side)

    def complete(self, right_side, reduced, out):
        """Solution on the board, from that of the reduced system; `out` may be `right_side`."""
        self._fill(_interpolated_to_colour, out, self._odd_colour, right_side, reduced)

    def apply(self, x, out):
        """Left side of the reduced system."""
        self._fill(_left_side, out, self._levels[0].system, x)

    def precondition(self, residual, out):
        """Solve the reduced system roughly; the operation is linear, symmetric and positive."""
        self._solve(0, residual, out)

    def _solve(self, depth, right_side, out):
        level = self._levels[depth]
        system, x, other = level.system, level.x, level.other
        if level.board is None:
            self._fill(_divided, out, system, right_side)
            return
        self._fill(_first_step, x, system, right_side)
        self._step_on(level, right_side, _STEPS - 1)
        self._fill(_residual, other, system, x, right_side)
        self._fill(_restricted_to_rows, level.board, level.odd_rows, other)
        self._fill(_restricted_to_colour, level.below, level.odd_colour, level.board)
        solution = self._levels[depth + 1].other
        self._solve(depth + 1, level.below, solution)
        self._fill(_interpolated_to_colour, level.board, level.odd_colour, level.board, solution)
        self._fill(_corrected_by_rows, x, level.odd_rows, other, level.board, x)
        self._step_on(level, right_side, _STEPS - 1)
        self._fill(_step, out, system, x, right_side)

    def _step_on(self, level, right_side, steps):
        """Improve `level.x` by an even number of steps."""
        here, there = level.x, level.other
        for _ in range(steps):
            self._fill(_step, there, level.system, here, right_side)
            here, there = there, here

    def _fill(self, value, out, *maps):
        """Write ``value(plane, y, x, *maps)`` to every place of `out` inside its margin."""
        # The kernels take four maps; a value ignores those that it has no use for.
        maps = (*maps, *[maps[0]] * (4 - len(maps)))
        self._on.run(_fill_kernel(value), _sides(out), out, *maps)

    def _values(self, system):
        return self._on.zeros((self._channels, *system.shape[1:]))

    def _level(self, diagonal, *eliminated):
        return _Level(diagonal, self._values(diagonal), self._values(diagonal), *eliminated)

    def _eliminate_colour(self, board):
        height, width = _sides(board)
        odd_colour = self._on.zeros(board.shape)
        self._fill(_shares_of_colour, odd_colour, board)
        diagonal = self._on.zeros((_INVERSE + 1, height + 2 * MARGIN, -(-width // 2) + 2 * MARGIN))
        self._fill(_system_of_colour, diagonal[:_INVERSE], board, odd_colour)
        self._fill(_inverse_coefficient, diagonal[_INVERSE:], diagonal)
        return odd_colour, diagonal

    def _eliminate_rows(self, diagonal):
        height, width = _sides(diagonal)
        odd_rows = self._on.zeros((_OWN + 1, *diagonal.shape[1:]))
        self._fill(_shares_of_rows, odd_rows, diagonal)
        board = self._on.zeros((MASS + 1, -(-height // 2) + 2 * MARGIN, width + 2 * MARGIN))
        self._fill(_system_of_rows, board, diagonal, odd_rows)
        return odd_rows, board


def _sides(map_):
    return tuple(side - 2 * MARGIN for side in map_.shape[1:])


@lru_cache
def _fill_kernel(value):
    """Kernel that writes a value everywhere; extents: height and width inside the margin."""
    return Kernel(_fill_cpu(value), _fill_cuda(value), element_launch)


def _fill_cpu(value):
    @njit(parallel=True, **UNCOUNTED)
    def kernel(out, first, second, third, fourth):
        for y in prange(MARGIN, out.shape[1] - MARGIN):
            for plane in range(out.shape[0]):
                row = out[plane, y, MARGIN:]
                for place in range(out.shape[2] - 2 * MARGIN):
                    x = np.uint64(place) + _TWO
                    row[place] = value(plane, np.uint64(y), x, first, second, third, fourth)

    return kernel


def _fill_cuda(value):
    @cuda.jit(cache=True)
    def kernel(out, first, second, third, fourth):
        x, y = cuda.grid(2)
        x, y = np.uint64(x) + _TWO, np.uint64(y) + _TWO
        if y < np.uint64(out.shape[1] - MARGIN) and x < np.uint64(out.shape[2] - MARGIN):
            for plane in range(out.shape[0]):
                out[plane, y, x] = value(plane, y, x, first, second, third, fourth)

    return kernel


@register_jitable
def _shares_of_colour(plane, y, x, board, _b, _c, _d):
    if (y + x) & _ONE == 0:
        return np.float32(0)
    west, east = board[EAST, y, x - _ONE], board[EAST, y, x]
    north, south = board[SOUTH, y - _ONE, x], board[SOUTH, y, x]
    own = _inverse(west + east + north + south + board[MASS, y, x])
    if plane == _FROM_WEST:
        return west * own
    if plane == _FROM_EAST:
        return east * own
    if plane == _FROM_NORTH:
        return north * own
    if plane == _FROM_SOUTH:
        return south * own
    return own


@register_jitable
def _system_of_colour(plane, y, j, board, odd, _c, _d):
    x = _column(y, j)
    if plane == EAST:
        return _tie(odd, _FROM_WEST, _FROM_EAST, y, x + _ONE)
    if plane == SOUTH:
        return _tie(odd, _FROM_NORTH, _FROM_SOUTH, y + _ONE, x)
    if plane == SOUTH_EAST:
        around = _tie(odd, _FROM_WEST, _FROM_SOUTH, y, x + _ONE) + _tie(
            odd, _FROM_NORTH, _FROM_EAST, y + _ONE, x
        )
        return board[SOUTH_EAST, y, x] + around
    if plane == SOUTH_WEST:
        around = _tie(odd, _FROM_EAST, _FROM_SOUTH, y, x - _ONE) + _tie(
            odd, _FROM_NORTH, _FROM_WEST, y + _ONE, x
        )
        return board[SOUTH_WEST, y, x] + around
    return _restricted_to_colour(0, y, j, odd, board[MASS:], board, board)


@register_jitable
def _shares_of_rows(plane, y, j, diagonal, _b, _c, _d):
    if y & _ONE == 0:
        return np.float32(0)
    nw, se = diagonal[SOUTH_EAST, y - _ONE, j], diagonal[SOUTH_EAST, y, j]
    ne, sw = diagonal[SOUTH_WEST, y - _ONE, j + _ONE], diagonal[SOUTH_WEST, y, j]
    own = _inverse(nw + se + ne + sw + diagonal[MASS, y, j])
    if plane == _FROM_NW:
        return nw * own
    if plane == _FROM_SE:
        return se * own
    if plane == _FROM_NE:
        return ne * own
    if plane == _FROM_SW:
        return sw * own
    return own


@register_jitable
def _system_of_rows(plane, y, x, diagonal, odd, _c, _d):
    row = _row(y)
    if plane == EAST:
        around = _tie(odd, _FROM_NW, _FROM_NE, row + _ONE, x) + _tie(
            odd, _FROM_SW, _FROM_SE, row - _ONE, x
        )
        return diagonal[EAST, row, x] + around
    if plane == SOUTH:
        around = _tie(odd, _FROM_NW, _FROM_SW, row + _ONE, x) + _tie(
            odd, _FROM_NE, _FROM_SE, row + _ONE, x - _ONE
        )
        return diagonal[SOUTH, row, x] + around
    if plane == SOUTH_EAST:
        return _tie(odd, _FROM_NW, _FROM_SE, row + _ONE, x)
    if plane == SOUTH_WEST:
        return _tie(odd, _FROM_NE, _FROM_SW, row + _ONE, x - _ONE)
    return _restricted_to_rows(0, y, x, odd, diagonal[MASS:], diagonal, diagonal)


@register_jitable
def _restricted_to_colour(c, y, j, odd, board, _c, _d):
    """A pixel kept, and its shares of the pixels eliminated around it."""
    x = _column(y, j)
    total = board[c, y, x]
    total += odd[_FROM_EAST, y, x - _ONE] * board[c, y, x - _ONE]
    total += odd[_FROM_WEST, y, x + _ONE] * board[c, y, x + _ONE]
    total += odd[_FROM_SOUTH, y - _ONE, x] * board[c, y - _ONE, x]
    total += odd[_FROM_NORTH, y + _ONE, x] * board[c, y + _ONE, x]
    return total


@register_jitable
def _interpolated_to_colour(c, y, x, odd, board, diagonal, _d):
    """A board from its kept pixels, as found, and from the right side of those eliminated."""
    if (y + x) & _ONE == 0:
        return diagonal[c, y, _place(x)]
    total = odd[_OWN, y, x] * board[c, y, x]
    total += odd[_FROM_WEST, y, x] * diagonal[c, y, _place(x - _ONE)]
    total += odd[_FROM_EAST, y, x] * diagonal[c, y, _place(x + _ONE)]
    total += odd[_FROM_NORTH, y, x] * diagonal[c, y - _ONE, _place(x)]
    total += odd[_FROM_SOUTH, y, x] * diagonal[c, y + _ONE, _place(x)]
    return total


@register_jitable
def _restricted_to_rows(c, y, x, odd, diagonal, _c, _d):
    row = _row(y)
    total = diagonal[c, row, x]
    total += odd[_FROM_SE, row - _ONE, x - _ONE] * diagonal[c, row - _ONE, x - _ONE]
    total += odd[_FROM_SW, row - _ONE, x] * diagonal[c, row - _ONE, x]
    total += odd[_FROM_NE, row + _ONE, x - _ONE] * diagonal[c, row + _ONE, x - _ONE]
    total += odd[_FROM_NW, row + _ONE, x] * diagonal[c, row + _ONE, x]
    return total


@register_jitable
def _corrected_by_rows(c, y, j, odd, residual, board, x):
    """Add what eliminating the odd rows makes of the residual; `board` has the even ones."""
    above = (y >> _ONE) + _ONE
    total = x[c, y, j]
    if y & _ONE == 0:
        return total + board[c, above, j]
    total += odd[_OWN, y, j] * residual[c, y, j]
    total += odd[_FROM_NW, y, j] * board[c, above, j]
    total += odd[_FROM_NE, y, j] * board[c, above, j + _ONE]
    total += odd[_FROM_SW, y, j] * board[c, above + _ONE, j]
    total += odd[_FROM_SE, y, j] * board[c, above + _ONE, j + _ONE]
    return total


@register_jitable
def _left_side(c, y, j, system, x, _c, _d):
    right, here = j + (y & _ONE), x[c, y, j]
    total = system[MASS, y, j] * here
    total += system[EAST, y, j] * (here - x[c, y, j + _ONE])
    total += system[EAST, y, j - _ONE] * (here - x[c, y, j - _ONE])
    total += system[SOUTH, y, j] * (here - x[c, y + _TWO, j])
    total += system[SOUTH, y - _TWO, j] * (here - x[c, y - _TWO, j])
    total += system[SOUTH_EAST, y, j] * (here - x[c, y + _ONE, right])
    total += system[SOUTH_EAST, y - _ONE, right - _ONE] * (here - x[c, y - _ONE, right - _ONE])
    total += system[SOUTH_WEST, y, j] * (here - x[c, y + _ONE, right - _ONE])
    total += system[SOUTH_WEST, y - _ONE, right] * (here - x[c, y - _ONE, right])
    return total


@register_jitable
def _residual(c, y, j, system, x, right_side, _d):
    return right_side[c, y, j] - _left_side(c, y, j, system, x, system, system)


@register_jitable
def _first_step(c, y, j, system, right_side, _c, _d):
    """A Jacobi step from nothing."""
    return _DAMPING * system[_INVERSE, y, j] * right_side[c, y, j]


@register_jitable
def _step(c, y, j, system, x, right_side, _d):
    residual = _residual(c, y, j, system, x, right_side, system)
    return x[c, y, j] + _DAMPING * system[_INVERSE, y, j] * residual


@register_jitable
def _divided(c, y, j, system, residual, _c, _d):
    return system[_INVERSE, y, j] * residual[c, y, j]


@register_jitable
def _inverse_coefficient(_plane, y, j, system, _b, _c, _d):
    right = j + (y & _ONE)
    total = system[MASS, y, j]
    total += system[EAST, y, j] + system[EAST, y, j - _ONE]
    total += system[SOUTH, y, j] + system[SOUTH, y - _TWO, j]
    total += system[SOUTH_EAST, y, j] + system[SOUTH_EAST, y - _ONE, right - _ONE]
    total += system[SOUTH_WEST, y, j] + system[SOUTH_WEST, y - _ONE, right]
    return _inverse(total)


@register_jitable
def _tie(odd, one, other, y, x):
    """Weight between two neighbours of an eliminated pixel that its elimination leaves."""
    own = odd[_OWN, y, x]
    # Odd rows may end beyond the board: nothing is tied there.
    if own == np.float32(0):
        return np.float32(0)
    return odd[one, y, x] * odd[other, y, x] / own


@register_jitable
def _inverse(value):
    if value == np.float32(0):
        return np.float32(0)
    return np.float32(1) / value


@register_jitable
def _column(y, j):
    """Column on the board of a place in a diagonal map's row, both with their margins."""
    return _TWO * j - _TWO + (y & _ONE)


@register_jitable
def _place(x):
    return (x + _TWO) >> _ONE


@register_jitable
def _row(y):
    """Row of a diagonal map that a board's row was, both with their margins."""
    return _TWO * y - _TWO
