import numpy as np
import pytest

from analogy.full_size import vote_at_full_size
from tests import oracles
from tests.strategies import random_nnf

SHAPE, OTHER, MATCHED, OTHER_MATCHED = (11, 5), (7, 9), (4, 3), (5, 6)
SCALES = np.divide(SHAPE, MATCHED), np.divide(OTHER, OTHER_MATCHED)


# Single rows, strips of which the last is shorter, and all at once.
@pytest.mark.parametrize("strip", [1, 20, 1000])
def test_strips_make_the_whole(target, random, strip):
    nnf = random_nnf(random, MATCHED, OTHER_MATCHED)
    image = random.integers(0, 256, (*OTHER, 3), dtype=np.uint8)

    result, flow = vote_at_full_size(target.asarray(nnf), SHAPE, image, *SCALES, 5, strip)

    field = oracles.upsample_nnf(nnf, SHAPE, OTHER, *SCALES)
    np.testing.assert_array_equal(result, oracles.vote(image, field, 5), strict=True)
    displacement = field - np.stack(np.mgrid[: SHAPE[0], : SHAPE[1]], axis=-1)
    np.testing.assert_array_equal(flow, np.float32(displacement[..., ::-1]), strict=True)
