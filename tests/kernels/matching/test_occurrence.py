import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analogy_kernels.matching.initialize import identity_nnf
from analogy_kernels.matching.occurrence import occurrence
from tests import oracles
from tests.strategies import generators, property_test, random_nnf, shapes


@property_test
@given(generators, shapes, shapes, st.sampled_from([1, 3, 5]))
def test_counts_uses_as_the_oracle_does(target, generator, shape, other_shape, patch_side):
    nnf = random_nnf(generator, shape, other_shape)

    found = target.to_host(occurrence(target.asarray(nnf), other_shape, patch_side))

    # A mean of whole numbers, a scale rounded to float32 and their product: three roundings.
    np.testing.assert_allclose(found, oracles.occurrence(nnf, other_shape, patch_side), rtol=4e-7)


@pytest.mark.parametrize("patch_side", [1, 3, 5])
def test_even_use_is_one_where_no_border_is_near(target, patch_side):
    shape = 12, 11

    found = target.to_host(occurrence(identity_nnf(shape, shape, target), shape, patch_side))

    inner = slice(patch_side - 1, 1 - patch_side or None)
    np.testing.assert_allclose(found[inner, inner], 1, rtol=4e-7)


def test_refuses_an_even_patch():
    with pytest.raises(ValueError, match="patch_side is 4; it has to be odd"):
        occurrence(np.zeros((2, 2, 2), np.int32), (2, 2), 4)
