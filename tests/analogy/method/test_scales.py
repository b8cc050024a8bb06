import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analogy.errors import AnalogyError
from analogy.method.scales import FIRST_LEVEL, carried_matches, scale_shapes
from analogy.method.search import Matches
from analogy.parameters import Parameters
from analogy_kernels.matching.initialize import identity_nnf
from analogy_kernels.target import CPU
from tests.strategies import generators, property_test, random_nnf

# What a side grows by, at most, from one size to the next; whole pixels add a little.
LARGEST_STEP = 2.3 * (1 + 1 / 32)


def shapes_of(shape_a, shape_b=None, **changes):
    parameters = Parameters(**{"first_scale": 224, "ratio": 1.0, "max_side": None} | changes)
    return scale_shapes(shape_a, shape_b or shape_a, parameters)


def sides_of(shapes):
    """Sides of squares of the areas of A, from small to large."""
    return [math.sqrt(math.prod(shape_a)) for shape_a, _ in shapes]


def test_sizes_grow_from_the_first_scale_to_the_images_own():
    assert shapes_of((448, 448)) == [((224, 224),) * 2, ((448, 448),) * 2]


@pytest.mark.parametrize(("side", "count"), [(500, 2), (537, 2), (538, 3), (1290, 3), (1291, 4)])
def test_there_are_as_many_sizes_as_steps_ask_for(side, count):
    # 2.4 times 224 is 537.6, and 2.4 squared times 224 is 1290.2.
    shapes = shapes_of((side, side))

    assert len(shapes) == count
    sides = sides_of(shapes)
    assert sides[0] == pytest.approx(224, abs=1)
    steps = np.divide(sides[1:], sides[:-1])
    np.testing.assert_allclose(steps, (side / 224) ** (1 / (count - 1)), rtol=0.01)


@pytest.mark.parametrize("shape", [(289, 289), (200, 400), (224, 224), (60, 90), (32, 32)])
def test_images_hardly_larger_than_the_first_scale_have_one_size(shape):
    # The first size of 289 x 289 pixels would have six tenths of its area.
    assert shapes_of(shape) == [(shape, shape)]
    assert len(shapes_of((290, 290))) == 2


def test_the_larger_image_decides_on_the_number_of_sizes():
    # Each shrinks to the area of the first scale, and by equal steps.
    shapes = shapes_of((224, 224), (672, 672))

    assert [shape_a for shape_a, _ in shapes] == [(224, 224)] * 3
    assert [shape_b for _, shape_b in shapes] == [(224, 224), (388, 388), (672, 672)]
    assert shapes_of((672, 672), (224, 224)) == [pair[::-1] for pair in shapes]


def test_an_image_smaller_than_the_first_scale_is_not_enlarged():
    shapes = shapes_of((100, 120), (672, 672))

    assert {shape_a for shape_a, _ in shapes} == {(100, 120)}
    assert len(shapes) == 3


def test_the_first_scale_is_an_area():
    (height, width), _ = shapes_of((300, 1200))[0]

    assert height * width == pytest.approx(224**2, rel=0.01)
    assert width / height == pytest.approx(4, rel=0.01)


def test_thin_images_keep_the_room_that_their_shorter_side_needs():
    shapes = [shape_a for shape_a, _ in shapes_of((40, 3000))]

    assert shapes[-1] == (40, 3000)
    assert min(height for height, _ in shapes) == 32
    # Level 5 of the smallest is two pixels high, as that of the smallest image that is accepted.
    assert shapes[0] == (32, 2400)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ratio": 0.5}, (600, 400)),
        ({"max_side": 700}, (700, 467)),
        ({"ratio": 0.5, "max_side": 500}, (500, 333)),
        ({"ratio": 1.0}, (1200, 800)),
    ],
)
def test_ratio_and_side_bound_the_last_size(changes, expected):
    shapes = shapes_of((1200, 800), **changes)

    assert shapes[-1] == (expected, expected)
    assert sides_of(shapes)[0] == pytest.approx(224, abs=1)
    assert all(np.less_equal(shape_a, expected).all() for shape_a, _ in shapes)


@pytest.mark.parametrize(
    "change", [{"first_scale": None}, {"finest_level": 4}, {"independent_levels": True}], ids=str
)
def test_there_is_one_size_where_none_would_lead(change):
    assert shapes_of((900, 700), **change) == [((900, 700),) * 2]


@pytest.mark.parametrize(("shape_a", "shape_b", "name"), [(0, 1, "the cat"), (1, 0, "the dog")])
def test_an_image_shrunk_too_far_is_named(shape_a, shape_b, name):
    shapes = (300, 40), (300, 300)

    with pytest.raises(AnalogyError, match=f"{name}: shrunk to 20 x 150 px"):
        scale_shapes(
            shapes[shape_a], shapes[shape_b], Parameters(ratio=0.5), ("the cat", "the dog")
        )


sides = st.integers(32, 4000)


@settings(property_test, max_examples=100)
@given(
    st.tuples(sides, sides),
    st.tuples(sides, sides),
    st.sampled_from([32, 100, 224, 400]),
    st.sampled_from([1.0, 0.7]),
    st.sampled_from([None, 700]),
)
def test_sizes_grow_by_bounded_steps_and_hold_a_level_5(shape_a, shape_b, first, ratio, max_side):
    # Thin ones that are refused are another test's.
    lengths = [max(shape) / min(shape) for shape in (shape_a, shape_b)]
    if max(lengths) > 15 or min(*shape_a, *shape_b) < 50:
        ratio, max_side = 1.0, None

    shapes = shapes_of(shape_a, shape_b, first_scale=first, ratio=ratio, max_side=max_side)

    for image, own in enumerate((shape_a, shape_b)):
        sizes = np.array([pair[image] for pair in shapes])
        assert (np.diff(sizes, axis=0) >= 0).all()
        assert (sizes[1:] <= LARGEST_STEP * sizes[:-1]).all()
        assert (sizes >= 32).all()
        assert (sizes[-1] <= own).all()
        # Sides are rounded to pixels twice: as matched, and smaller.
        ratios = sizes[:, 0] / sizes[:, 1]
        np.testing.assert_allclose(ratios, own[0] / own[1], rtol=3 / sizes.min())


def levels_of(shape):
    """Stand-ins for features, of the sizes that the levels of an image have; level 0 first."""
    height, width = shape
    features = [np.empty((height, width, 1), np.float32)]
    for _ in range(5):
        features.append(np.empty((height, width, 1), np.float32))
        height, width = (height + 1) // 2, (width + 1) // 2
    return features


def carry(on, matches, shape_a, shape_b):
    features = ([on.asarray(level) for level in levels_of(shape)] for shape in (shape_a, shape_b))
    carried = carried_matches(Matches(*map(on.asarray, matches)), *features)
    return {level: (on.to_host(found.ab), on.to_host(found.ba)) for level, found in carried.items()}


# Level 3 is as large as the size that was matched, smaller and larger.
@pytest.mark.parametrize(
    ("small", "shape"), [((16, 12), (64, 48)), ((33, 35), (70, 90)), ((10, 7), (53, 37))]
)
def test_an_identity_stays_one_at_every_level(target, small, shape):
    matches = (identity_nnf(small, small),) * 2

    for level, fields in carry(target, matches, shape, shape).items():
        size = levels_of(shape)[level].shape[:2]
        for nnf in fields:
            np.testing.assert_array_equal(nnf, identity_nnf(size, size), err_msg=str(level))


small_shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
large_shapes = st.tuples(st.integers(8, 60), st.integers(8, 60))


@property_test
@given(generators, small_shapes, small_shapes, large_shapes, large_shapes)
def test_carried_matches_lie_inside(target, generator, small_a, small_b, shape_a, shape_b):
    matches = random_nnf(generator, small_a, small_b), random_nnf(generator, small_b, small_a)

    carried = carry(target, matches, shape_a, shape_b)

    assert sorted(carried) == list(range(FIRST_LEVEL, 6))
    for level, fields in carried.items():
        sizes = [levels_of(shape)[level].shape[:2] for shape in (shape_a, shape_b)]
        for nnf, own, other in zip(fields, sizes, sizes[::-1], strict=True):
            assert nnf.shape == (*own, 2)
            assert (nnf >= 0).all()
            assert (nnf < other).all()


def test_matches_carried_down_lead_where_they_led(random):
    small, shape, other_small, other_shape = (20, 24), (80, 96), (18, 30), (90, 150)
    nnf, reverse = random_nnf(random, small, other_small), random_nnf(random, other_small, small)

    carried = carry(CPU, (nnf, reverse), shape, other_shape)

    for level, (ab, _) in carried.items():
        size = levels_of(other_shape)[level].shape[:2]
        places = np.stack(np.mgrid[: ab.shape[0], : ab.shape[1]], axis=-1) + 0.5
        start = np.floor(places * np.divide(small, ab.shape[:2])).astype(int)
        led = (nnf[start[..., 0], start[..., 1]] + 0.5) / other_small
        # Anywhere in the pixel of the smaller map that was matched, to a pixel of the level.
        bound = 0.5 / np.array(size) + 0.5 / np.array(other_small) + 1e-6
        assert (np.abs((ab + 0.5) / size - led) <= bound).all()
