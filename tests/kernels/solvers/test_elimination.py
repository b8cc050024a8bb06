import numpy as np
import pytest

from analogy_kernels.solvers.elimination import EAST, MARGIN, MASS, SOUTH, ColourElimination
from analogy_kernels.target import CPU

INSIDE = (..., slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))


def board_system(random, height, width):
    """Ties of weights between 0.1 and 1000, none across the end of the board."""
    system = np.zeros((5, height + 2 * MARGIN, width + 2 * MARGIN), np.float32)
    weights = 10 ** random.uniform(-1, 3, (2, height, width))
    weights[0, :, -1], weights[1, -1] = 0, 0
    inside = system[INSIDE]
    inside[EAST], inside[SOUTH], inside[MASS] = *weights, random.uniform(0.5, 2, (height, width))
    return system


def board_matrix(system):
    inside = system[INSIDE].astype(np.float64)
    height, width = inside.shape[1:]
    places = np.arange(height * width).reshape(height, width)
    matrix = np.diag(inside[MASS].ravel())
    for y, x in np.ndindex(height, width):
        for plane, near in ((EAST, (y, x + 1)), (SOUTH, (y + 1, x))):
            if near[0] < height and near[1] < width:
                pair = [places[y, x], places[near]]
                matrix[np.ix_(pair, pair)] += inside[plane, y, x] * np.array([[1, -1], [-1, 1]])
    return matrix


def kept_pixels(height, width):
    y, x = np.indices((height, width))
    return ((y + x) % 2 == 0).ravel()


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (3, 5), (4, 3)])
def test_the_first_colour_is_eliminated_exactly(target, random, shape):
    system = board_system(random, *shape)
    matrix, kept = board_matrix(system), kept_pixels(*shape)
    elimination = ColourElimination(target.asarray(system), 1, target)
    x = np.zeros((1, *target.to_host(elimination.reduced_map()).shape[1:]), np.float32)
    y, place = np.nonzero(_places(shape))
    values = random.standard_normal(kept.sum()).astype(np.float32)
    x[0, y + MARGIN, place + MARGIN] = values
    out = elimination.reduced_map()

    elimination.apply(target.asarray(x), out)

    couplings = matrix[np.ix_(kept, ~kept)]
    schur = matrix[np.ix_(kept, kept)] - couplings @ np.linalg.solve(
        matrix[np.ix_(~kept, ~kept)], couplings.T
    )
    expected = schur @ values
    scale = np.abs(schur).sum(axis=1).max() * np.abs(values).max()
    result = target.to_host(out)[0][INSIDE][y, place]
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6 * scale)


def _places(shape):
    """Which places of a diagonal map are pixels: the last of an odd row may be none."""
    height, width = shape
    y, place = np.indices((height, -(-width // 2)))
    return 2 * place + y % 2 < width


def test_preconditioner_is_symmetric_and_positive(random):
    elimination = ColourElimination(board_system(random, 13, 10), 1, CPU)
    used = _places((13, 10))
    matrix = np.empty((used.sum(), used.sum()))
    for i, (y, place) in enumerate(zip(*np.nonzero(used), strict=True)):
        unit, out = elimination.reduced_map(), elimination.reduced_map()
        unit[0, y + MARGIN, place + MARGIN] = 1
        elimination.precondition(unit, out)
        matrix[i] = out[0][INSIDE][used]

    np.testing.assert_allclose(matrix, matrix.T, rtol=0, atol=1e-5 * np.abs(matrix).max())
    assert np.linalg.eigvalsh((matrix + matrix.T) / 2).min() > 0


def test_margins_and_places_off_the_board_stay_zero(random):
    elimination = ColourElimination(board_system(random, 9, 7), 2, CPU)
    residual, out = elimination.reduced_map(), elimination.reduced_map()
    residual[INSIDE][:, _places((9, 7))] = 1

    elimination.precondition(residual, out)

    pixels = np.zeros(out.shape[1:], bool)
    pixels[INSIDE] = _places((9, 7))
    assert (out[:, ~pixels] == 0).all()
    assert (out[:, pixels] != 0).all()
