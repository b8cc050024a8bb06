import numpy as np
from hypothesis import given

from analogy_kernels.matching.consistency import round_trip
from tests import oracles
from tests.strategies import generators, property_test, random_nnf, shapes


@property_test
@given(generators, shapes, shapes)
def test_is_the_distance_from_where_the_match_leads_back(target, generator, shape, other_shape):
    nnf = random_nnf(generator, shape, other_shape)
    reverse = random_nnf(generator, other_shape, shape)

    out = target.to_host(round_trip(target.asarray(nnf), target.asarray(reverse)))

    # The square is exact, and a root is rounded once.
    np.testing.assert_array_equal(out, oracles.round_trip(nnf, reverse), strict=True)


def test_fields_that_undo_one_another_are_consistent(target, random):
    positions = np.moveaxis(np.indices((5, 8), np.int32), 0, -1).reshape(-1, 2)
    order = random.permutation(len(positions))
    nnf, reverse = positions[order], np.empty_like(positions)
    reverse[order] = positions
    fields = (target.asarray(field.reshape(5, 8, 2)) for field in (nnf, reverse))

    assert not target.to_host(round_trip(*fields)).any()


def test_writes_to_out(target, random):
    nnf, reverse = random_nnf(random, (5, 2), (4, 3)), random_nnf(random, (4, 3), (5, 2))
    out = target.asarray(np.full((5, 2), np.nan, np.float32))

    returned = round_trip(target.asarray(nnf), target.asarray(reverse), out=out)

    assert returned is out
    assert np.isfinite(target.to_host(out)).all()
