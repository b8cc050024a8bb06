import numpy as np
import pytest

from analogy_kernels import patchmatch_both_ways, round_trip, warp
from analogy_kernels.positions import checked_field, checked_nnf, inside
from analogy_kernels.target import CPU, CUDA

OUTSIDE = [(-1, 0), (0, -1), (4, 0), (0, 5), (2**31 - 1, 0), (0, -(2**31))]


@pytest.mark.parametrize("position", OUTSIDE)
def test_a_field_leads_inside_the_other_map(position):
    nnf = np.zeros((2, 3, 2), np.int32)
    assert checked_nnf("nnf", nnf, "source", (4, 5, 3)) is nnf
    nnf[1, 2] = position

    told = rf"nnf leads to \({position[0]}, {position[1]}\); .* inside source, 4 x 5 pixels"
    with pytest.raises(ValueError, match=told):
        checked_nnf("nnf", nnf, "source", (4, 5, 3))


def test_the_last_pixel_is_inside():
    nnf = np.full((2, 3, 2), (3, 4), np.int32)

    assert checked_nnf("nnf", nnf, "source", (4, 5)) is nnf


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_positions_are_finite(value):
    field = np.zeros((2, 3, 2), np.float32)
    assert checked_field("field", field) is field
    field[0, 1, 1] = value

    with pytest.raises(ValueError, match="field has values that are not finite"):
        checked_field("field", field)


@pytest.mark.parametrize("position", OUTSIDE)
def test_the_nearest_pixel_is_taken_for_one_outside(position):
    nnf = np.full((1, 1, 2), position, np.int32)

    assert inside(nnf, 0, 0, (4, 5, 3)) == tuple(np.clip(position, 0, (3, 4)))


def test_a_device_stays_inside_whatever_a_field_says(random):
    source = random.random((4, 5, 3), np.float32)
    nnf = random.integers(-3, 9, (4, 5, 2)).astype(np.int32)
    near = np.clip(nnf, 0, (3, 4)).astype(np.int32)

    def on_device(function, *arrays):
        return CUDA.to_host(function(*map(CUDA.asarray, arrays)))

    np.testing.assert_array_equal(on_device(warp, source, nnf), warp(source, near))
    np.testing.assert_array_equal(on_device(round_trip, nnf, near), round_trip(near, near))
    for function, arrays in ((warp, (source, nnf)), (round_trip, (nnf, near))):
        with pytest.raises(ValueError, match="nnf leads to"):
            function(*arrays)


@pytest.mark.parametrize("on", [CPU, CUDA])
def test_no_start_leads_a_search_outside(on, random):
    """A match is where the other field's offers are written to."""
    maps = [on.asarray(random.random((4, 5, 3), np.float32)) for _ in range(2)]
    starts = [random.integers(-9, 9, (4, 5, 2)).astype(np.int32) for _ in range(2)]

    def search():
        return patchmatch_both_ways(*maps, 3, starts=tuple(map(on.asarray, starts)), iterations=1)

    if not on.is_cuda:
        with pytest.raises(ValueError, match=r"starts\[0\] leads to"):
            search()
        return
    for nnf, _ in search():
        found = on.to_host(nnf)
        assert found.min() >= 0
        assert (found < (4, 5)).all()
