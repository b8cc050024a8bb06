from dataclasses import replace

import numpy as np
import pytest

from analogy.method.algorithm import match_from_small_to_large
from analogy.method.masks import Masks, MatchingMasks
from analogy.method.points import MatchingPoints, as_points
from analogy.method.progress import Progress
from analogy.method.rematching import SizesKept, match_again
from analogy.parameters import PRESETS
from analogy_kernels.target import CPU, CUDA
from tests.analogy.tiny import TinyExtractor, tiny_network

QUICK = replace(PRESETS["default"], search_iterations=(2,) * 5, deconv_iterations=2)
VOTED = replace(PRESETS["matches"], search_iterations=(2,) * 5, deconv_iterations=2)

# Of A and of B', from small to large.
SIZES = (((21, 27), (20, 34)), ((41, 54), (39, 67)))
TINY = (((2, 4), (3, 3)), ((4, 7), (5, 6)))
POINT = (10, 8, 50, 30)


def points_of(*points, sizes=SIZES):
    return MatchingPoints(as_points(points), *sizes[-1]) if points else None


def matched(target=CPU, parameters=QUICK, sizes=SIZES, points=None, masks=None):
    """Matches of two images of noise, and what is kept of them."""
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes[-1]]
    network, kept = tiny_network(random), SizesKept(len(sizes))
    found, _ = match_from_small_to_large(
        *images,
        sizes,
        network,
        TinyExtractor(network, target),
        parameters,
        Progress(None, {}),
        masks=MatchingMasks(masks),
        points=points,
        watch=kept,
    )
    return fields(target, found), kept.sizes


def again(target, sizes, points, count=2, watch=None):
    return fields(target, match_again(sizes, points, Progress(None, {}), count, watch))


def fields(target, matches):
    return [target.to_host(nnf) for nnf in (matches.ab, matches.ba)]


@pytest.mark.parametrize("sizes", [SIZES, SIZES[1:]], ids=["two sizes", "one"])
@pytest.mark.parametrize("parameters", [QUICK, VOTED], ids=["searched", "voted"])
def test_nothing_changes_without_points(sizes, parameters):
    first, kept = matched(parameters=parameters, sizes=sizes)

    for nnf, same in zip(again(CPU, kept, None, len(sizes)), first, strict=True):
        np.testing.assert_array_equal(nnf, same)


@pytest.mark.parametrize("sizes", [SIZES, SIZES[1:]], ids=["two sizes", "one"])
@pytest.mark.parametrize("parameters", [QUICK, VOTED], ids=["searched", "voted"])
def test_a_point_is_held_both_ways(sizes, parameters):
    first, kept = matched(parameters=parameters, sizes=sizes)

    ab, ba = again(CPU, kept, points_of(POINT), len(sizes))

    assert ab[8, 10].tolist() == [30, 50]
    assert ba[30, 50].tolist() == [8, 10]
    assert first[0][8, 10].tolist() != [30, 50]
    # What was kept is left as it was.
    np.testing.assert_array_equal(again(CPU, kept, None, len(sizes))[0], first[0])


def test_what_is_far_from_a_point_stays():
    """A point draws as far as 0.36 of 160 pixels, and around that 2 are matched anew at a level."""
    sizes = (((41, 160), (39, 160)),)
    first, kept = matched(sizes=sizes)

    found = again(CPU, kept, points_of((5, 20, 20, 10), sizes=sizes), 1)

    assert found[0][20, 5].tolist() == [10, 20]
    reached = 20 + 0.36 * 160 + 2 * sum(2 ** (level - 1) for level in range(1, 6))
    assert reached < 145
    for nnf, before in zip(found, first, strict=True):
        np.testing.assert_array_equal(nnf[:, 145:], before[:, 145:])
        assert (nnf[:, :60] != before[:, :60]).any()


def test_the_features_of_a_prime_follow_the_point():
    _, kept = matched()
    told = {}
    again(CPU, kept, points_of(POINT), watch=lambda state: told.update({state.scale: state}))

    was, now = kept[1].levels[1].a_prime, told[1].a_prime
    assert (was != now).any()
    assert (was == now).all(axis=-1).any()


def test_a_point_that_is_left_out_no_longer_draws():
    _, kept = matched(points=points_of(POINT))
    assert kept[1].levels[1].matches.ab[8, 10].tolist() == [30, 50]

    ab, _ = again(CPU, kept, None)

    assert ab[8, 10].tolist() != [30, 50]


def test_points_are_held_on_every_target(target):
    point = (1, 2, 4, 3)
    # Deconvolved once, at level 2.
    few = {"deconv_iterations": 1, "coarsest_reconstruction": 2}
    parameters = replace(QUICK, search_iterations=(1,) * 5, **few)
    _, kept = matched(target, parameters, TINY[1:])

    ab, ba = again(target, kept, points_of(point, sizes=TINY), 1)

    assert ab[2, 1].tolist() == [3, 4]
    assert ba[3, 4].tolist() == [2, 1]


def test_targets_agree():
    """Where nothing is deconvolved, which would lead each target its own way."""
    parameters = replace(QUICK, search_iterations=(1,) * 5, reconstruction="resampling")
    found = []
    for target in (CPU, CUDA):
        _, kept = matched(target, parameters, TINY)
        found.append(again(target, kept, points_of((1, 2, 4, 3), sizes=TINY)))

    # Sums are taken in another order, which may decide between two matches of like cost.
    for nnf, expected in zip(*found, strict=True):
        assert (nnf == expected).all(axis=-1).mean() > 0.9


def test_labels_win_over_points():
    labels_a, labels_b = np.ones((41, 54), int), np.ones((39, 67), int)
    labels_a[:, 27:], labels_b[:, 33:] = 2, 2
    _, kept = matched(masks=Masks(labels_a, labels_b))

    ab, _ = again(CPU, kept, points_of(POINT))

    np.testing.assert_array_equal(labels_b[ab[..., 0], ab[..., 1]], labels_a)


def test_bytes_are_of_all_maps_once():
    _, kept = matched()

    size = kept[1]
    maps = {id(one): one for one in (*size.pair.a, *size.pair.b_prime)}
    assert size.nbytes > sum(one.nbytes for one in maps.values())
    # Levels 5 and 4 have A for A', and count it once.
    assert size.levels[5].a_prime is size.pair.a[5]
    assert size.nbytes < 3 * sum(one.nbytes for one in maps.values())
