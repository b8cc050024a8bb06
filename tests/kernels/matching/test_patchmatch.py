import numpy as np
import pytest

from analogy_kernels.matching import initialize, search_sides
from analogy_kernels.matching.labels import label_map, legal_nnf
from analogy_kernels.matching.patchmatch import patchmatch, patchmatch_both_ways
from analogy_kernels.target import CPU, CUDA
from tests import oracles

# (source size, target size, channels, patch side, radius): unequal sizes either way round, maps
# smaller than a patch and than the jumps, rows of a patch that a device reads in rounds.
SMALL = [((5, 7), (6, 4), 6, 3, 3), ((3, 4), (7, 9), 20, 5, 9), ((6, 6), (2, 1), 3, 3, 2)]
LARGE = [((24, 31), (20, 26), 12, 3, 26), ((17, 40), (30, 22), 7, 5, 4)]
# As many channels as have sketches, and more than one tile a row.
SKETCHED = ((12, 37), (10, 35), 128, 3, 5)

MAP = np.zeros((8, 8, 4), np.float32)

# Of anchors, in pixels.
REACH = 3.0


def unit_maps(random, source_shape, other_shape, channels):
    maps = []
    for shape in (source_shape, other_shape):
        values = random.standard_normal((*shape, channels), np.float32)
        maps.append(values / np.linalg.norm(values, axis=2, keepdims=True))
    return maps


def random_nnf(random, shape, other_shape):
    return random.integers(0, other_shape, (*shape, 2)).astype(np.int32)


def random_labels(random, *shapes):
    """Labels 0 to 2 of two maps, of which each has every label."""
    maps = [random.integers(0, 3, shape).astype(np.int32) for shape in shapes]
    for labels in maps:
        labels.ravel()[:3] = range(min(labels.size, 3))
    return maps


def check_against_oracle(
    on,
    random,
    case,
    iterations,
    bound,
    labels=None,
    anchor_cost=0.0,
    evenness=0.0,
    displacements=None,
    turns=1,
):
    source_shape, other_shape, channels, patch_side, radius = case
    source, other = unit_maps(random, source_shape, other_shape, channels)
    nnf = random_nnf(random, source_shape, other_shape)
    anchors = random_nnf(random, source_shape, other_shape) if anchor_cost else None

    found, cost = patchmatch(
        *map(on.asarray, (source, other)),
        patch_side,
        start=on.asarray(nnf),
        radius=radius,
        iterations=iterations,
        seed=3,
        bound=bound,
        labels=labels and tuple(map(on.asarray, labels)),
        anchors=None if anchors is None else on.asarray(anchors),
        anchor_cost=anchor_cost,
        anchor_reach=REACH,
        evenness=evenness,
        displacements=displacements,
        turns=turns,
    )

    expected_nnf, expected_cost = oracles.patchmatch(
        source,
        other,
        nnf,
        patch_side,
        radius,
        iterations,
        3,
        labels,
        None if anchors is None else (anchors, anchor_cost, REACH),
        evenness,
        displacements,
        turns,
    )
    np.testing.assert_array_equal(on.to_host(found), expected_nnf)
    # Means of float32 sums of a few hundred products of at most 1.
    np.testing.assert_allclose(on.to_host(cost), expected_cost, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_oracles_agree_on_every_pair_of_patches(random, case):
    source_shape, other_shape, channels, patch_side, _ = case
    source, other = unit_maps(random, source_shape, other_shape, channels)

    costs = oracles.patch_costs(source, other, patch_side // 2)

    for y, x, *match in np.ndindex(costs.shape):
        expected = oracles.patch_cost(source, other, (y, x), match, patch_side // 2)
        assert costs[(y, x, *match)] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_makes_the_same_choices_as_the_oracle(target, random, case):
    check_against_oracle(target, random, case, iterations=2, bound=1.0)


CHARGES = [{"anchor_cost": 0.4}, {"evenness": 0.3}, {"anchor_cost": 0.2, "evenness": 0.1}]


# What one iteration charges for use, the next adds to; some matches are farther than the reach.
@pytest.mark.parametrize("charges", CHARGES, ids=str)
def test_charges_are_those_of_the_oracle(target, random, charges):
    case = (3, 4), (5, 4), 3, 3, 3
    check_against_oracle(target, random, case, iterations=2, bound=1.0, **charges)


@pytest.mark.parametrize("case", SMALL, ids=str)
@pytest.mark.parametrize("charges", CHARGES, ids=str)
def test_charges_of_odd_sizes_are_those_of_the_oracle(random, case, charges):
    check_against_oracle(CPU, random, case, iterations=3, bound=1.0, **charges)


@pytest.mark.parametrize("case", [*LARGE, SKETCHED], ids=str)
def test_charges_go_together_with_shortcuts_and_labels(random, case):
    labels = random_labels(random, *case[:2])
    charges = {"anchor_cost": 0.2, "evenness": 0.1}

    check_against_oracle(CPU, random, case, iterations=3, bound=1.0, labels=labels, **charges)


# Of as many iterations as it takes to come round to the same distances twice, and one more.
@pytest.mark.parametrize("charges", [{}, CHARGES[1]], ids=str)
@pytest.mark.parametrize("turns", [2, 3])
def test_distances_take_turns(target, random, turns, charges):
    case = (3, 4), (5, 4), 3, 3, 3
    options = {"iterations": 2 * turns + 1, "bound": 1.0, "turns": turns}
    check_against_oracle(target, random, case, **options, **charges)


@pytest.mark.parametrize("turns", [2, 3, 4])
def test_turns_go_together_with_shortcuts_charges_and_labels(random, turns):
    labels = random_labels(random, *LARGE[0][:2])
    options = {"iterations": 2 * turns + 1, "bound": 1.0, "turns": turns}
    check_against_oracle(CPU, random, LARGE[0], labels=labels, evenness=0.1, **options)


def test_what_anchors_cost_beyond_doubt_holds_matches_to_them(random):
    (shape, other_shape, *_), (first, second) = LARGE[0], unit_maps(random, *LARGE[0][:3])
    anchors = random_nnf(random, shape, other_shape)

    found, _ = patchmatch(
        *(first, second, 3),
        start=anchors,
        radius=6,
        anchors=anchors,
        anchor_cost=1e6,
        anchor_reach=1.0,
    )

    np.testing.assert_array_equal(found, anchors)


def test_evenness_uses_more_of_the_other_map(random):
    (shape, other_shape, *_), (first, second) = LARGE[0], unit_maps(random, *LARGE[0][:3])
    nnf = random_nnf(random, shape, other_shape)

    used = [
        len(
            np.unique(
                patchmatch(first, second, 3, start=nnf, radius=20, evenness=evenness)[0].reshape(
                    -1, 2
                ),
                axis=0,
            )
        )
        for evenness in (0.0, 0.02)
    ]

    assert used[1] > 1.1 * used[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"anchors": np.zeros((8, 7, 2), np.int32)}, "anchors is int32"),
        (
            {"anchors": np.zeros((8, 8, 2), np.int32), "anchor_reach": 0.0},
            "anchor_reach is 0",
        ),
    ],
)
def test_refuses_anchors_that_do_not_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        patchmatch(MAP, MAP, 3, **changes)


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_labels_forbid_what_they_forbid_in_the_oracle(target, random, case):
    labels = random_labels(random, *case[:2])

    check_against_oracle(target, random, case, iterations=2, bound=1.0, labels=labels)


@pytest.mark.parametrize("case", [*LARGE, SKETCHED], ids=str)
def test_labels_go_together_with_shortcuts(random, case):
    labels = random_labels(random, *case[:2])

    check_against_oracle(CPU, random, case, iterations=4, bound=1.0, labels=labels)


def test_no_match_crosses_labels_from_a_start_that_does_not(random):
    case = LARGE[0]
    maps, nnfs, patch_side, radii = both_ways(random, case)
    labels = random_labels(random, *case[:2])
    starts = [
        legal_nnf(nnf, *map(label_map, pair), seed=1)
        for nnf, pair in zip(nnfs, (labels, labels[::-1]), strict=True)
    ]

    found = patchmatch_both_ways(
        *maps, patch_side, starts=starts, radii=radii, labels=tuple(labels)
    )

    for (nnf, cost), (own, other) in zip(found, (labels, labels[::-1]), strict=True):
        matched = other[nnf[..., 0], nnf[..., 1]]
        assert ((own == 0) | (own == matched)).all()
        assert (matched != own).any()
        assert cost.max() <= 1


@pytest.mark.parametrize("case", [*LARGE, SKETCHED], ids=str)
@pytest.mark.parametrize("bound", [1.0, 1e30])
def test_shortcuts_change_nothing(random, case, bound):
    check_against_oracle(CPU, random, case, iterations=4, bound=bound)


def both_ways(random, case):
    first_shape, second_shape, channels, patch_side, radius = case
    maps = unit_maps(random, first_shape, second_shape, channels)
    nnfs = [
        random_nnf(random, *shapes)
        for shapes in ((first_shape, second_shape), (second_shape, first_shape))
    ]
    return maps, nnfs, patch_side, (radius, radius + 1)


def check_both_ways_against_oracle(
    on, random, case, iterations, labels=None, displacements=None, turns=1
):
    maps, nnfs, patch_side, radii = both_ways(random, case)

    found = patchmatch_both_ways(
        *map(on.asarray, maps),
        patch_side,
        starts=[on.asarray(nnf) for nnf in nnfs],
        radii=radii,
        iterations=iterations,
        seeds=(3, 4),
        bound=1.0,
        labels=labels and tuple(map(on.asarray, labels)),
        displacements=displacements,
        turns=turns,
    )

    expected = oracles.patchmatch_both_ways(
        *maps, nnfs, patch_side, radii, iterations, (3, 4), labels, displacements, turns
    )
    for (nnf, cost), (expected_nnf, expected_cost) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(on.to_host(nnf), expected_nnf)
        np.testing.assert_allclose(on.to_host(cost), expected_cost, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_labels_forbid_offers_as_in_the_oracle(target, random, case):
    labels = random_labels(random, *case[:2])

    check_both_ways_against_oracle(target, random, case, iterations=2, labels=labels)


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_both_ways_make_the_same_choices_as_the_oracle(target, random, case):
    check_both_ways_against_oracle(target, random, case, iterations=2)


@pytest.mark.parametrize("case", LARGE, ids=str)
@pytest.mark.parametrize("turns", [1, 2])
def test_shortcuts_change_nothing_both_ways(random, case, turns):
    check_both_ways_against_oracle(CPU, random, case, iterations=4, turns=turns)


@pytest.mark.parametrize("turns", [0, 5])
def test_distances_have_as_many_turns_as_there_are(random, turns):
    first, second = unit_maps(random, *SMALL[0][:3])
    for search in (patchmatch, patchmatch_both_ways):
        with pytest.raises(ValueError, match=f"turns is {turns}; it has to be a whole number from"):
            search(first, second, 3, turns=turns)


@pytest.mark.parametrize("case", LARGE, ids=str)
def test_eight_iterations_with_exchange_find_more_than_ten_without(random, case):
    maps, nnfs, patch_side, radii = both_ways(random, case)

    together = patchmatch_both_ways(*maps, patch_side, starts=nnfs, radii=radii, bound=1.0)
    apart = [
        patchmatch(*pair, patch_side, start=nnf, radius=radius, seed=seed, bound=1.0)
        for pair, nnf, radius, seed in zip((maps, maps[::-1]), nnfs, radii, (0, 1), strict=True)
    ]

    assert sum(cost.mean() for _, cost in together) < sum(cost.mean() for _, cost in apart)


def test_finds_a_shift(random):
    scene = unit_maps(random, (70, 80), (1, 1), 16)[0]
    source, other = scene[:60, :70].copy(), scene[7:67, 5:75].copy()

    found, cost = patchmatch(source, other, 3)

    inner = np.s_[10:, 8:]
    expected = np.stack(np.mgrid[:60, :70], axis=-1) - (7, 5)
    assert np.mean((found == expected).all(axis=-1)[inner]) > 0.99
    np.testing.assert_allclose(cost[inner].mean(), -1, atol=0.01)


def test_starts_are_not_changed_and_zero_vectors_do_no_harm(random):
    source, other = unit_maps(random, (9, 9), (9, 9), 4)
    source[2:6], other[:, 3:5] = 0, 0
    nnf = random_nnf(random, (9, 9), (9, 9))
    before = nnf.copy()

    found, cost = patchmatch(source, other, 3, start=nnf)

    np.testing.assert_array_equal(nnf, before)
    assert np.isfinite(cost).all()
    assert found.min() >= 0
    assert found.max() < 9


def test_seeds_differ(random):
    source, other = unit_maps(random, (30, 30), (30, 30), 4)
    nnf = random_nnf(random, (30, 30), (30, 30))
    first, again, another = (
        patchmatch(source, other, 3, start=nnf, iterations=1, seed=seed)[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != another).any()


@pytest.mark.parametrize(
    ("source", "other", "patch_side", "told"),
    [
        (MAP, MAP, 4, "patch_side is 4; it has to be odd"),
        (MAP, np.zeros((8, 8, 5), np.float32), 3, r"has to be float32 \(height, width, 4\)"),
        (MAP, np.zeros((8, 8, 4), np.float16), 3, "other is float16"),
        (MAP.astype(np.float64), MAP.astype(np.float64), 3, "has to be float32 or float16"),
        ([MAP, MAP], [MAP], 3, "source has 2 maps and other 1"),
        ([MAP] * 5, [MAP] * 5, 3, "1 to 4"),
        ([MAP, MAP[:7]], [MAP, MAP], 3, r"source\[1\] is float32"),
        (MAP[:, ::2], MAP, 3, "not C-contiguous"),
    ],
)
def test_rejects_what_cannot_be_matched(source, other, patch_side, told):
    with pytest.raises(ValueError, match=told):
        patchmatch(source, other, patch_side)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"start": np.zeros((4, 4, 2), np.int32)}, r"start is int32 \(4, 4, 2\)"),
        ({"start": np.zeros((4, 5, 2), np.int64)}, "start is int64"),
        ({"labels": [np.zeros((4, 5), np.int32)] * 2}, r"labels\[1\] is"),
        ({"labels": [np.zeros((4, 6), np.int32)] * 2}, r"labels\[0\] is"),
    ],
)
def test_what_does_not_belong_to_the_maps_is_refused(changed, told):
    """A kernel would read beyond it."""
    source, other = np.zeros((4, 5, 3), np.float32), np.zeros((4, 6, 3), np.float32)

    with pytest.raises(ValueError, match=told):
        patchmatch(source, other, patch_side=3, **changed)


def test_maps_on_a_device_start_where_fours_can_be_read(random):
    memory = CUDA.asarray(random.random(4 * 5 * 4 + 1, np.float32))
    source, other = memory[:-1].reshape(4, 5, 4), memory[1:].reshape(4, 5, 4)

    with pytest.raises(ValueError, match="other starts at no multiple of 16 bytes"):
        patchmatch(source, other, 3)


def test_a_grey_map_has_one_channel(target, random):
    source, other = (random.random((5, 6), np.float32) for _ in range(2))
    nnf = random_nnf(random, (5, 6), (5, 6))

    def search(*maps):
        start = target.asarray(nnf)
        found = patchmatch(*map(target.asarray, maps), 3, start=start, radius=4, iterations=2)
        return [target.to_host(array) for array in found]

    grey_maps, with_channels = search(source, other), search(source[..., None], other[..., None])
    for grey, flat in zip(grey_maps, with_channels, strict=True):
        np.testing.assert_array_equal(grey, flat)


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"radius": 20.5}, TypeError, "radius is 20.5; it has to be a whole number"),
        ({"radius": -1}, ValueError, "radius is -1"),
        ({"seed": -1}, ValueError, "seed is -1"),
        ({"iterations": -1}, ValueError, "iterations is -1"),
        ({"bound": np.nan}, ValueError, "bound is nan"),
        ({"cost": lambda *arguments: 1.0}, TypeError, "cost is <lambda>, .*register_jitable"),
        ({"labels": np.zeros((8, 8), np.int32)}, ValueError, "labels has 8 items"),
        ({"start": np.full((8, 8, 2), 8, np.int32)}, ValueError, r"start leads to \(8, 8\)"),
        ({"other": None}, TypeError, "other is None; it has to be an array"),
    ],
)
def test_options_that_make_no_search_are_refused(options, error, told):
    arguments = {"source": MAP, "other": MAP, "patch_side": 3}
    with pytest.raises(error, match=told):
        patchmatch(**arguments | options)


@pytest.mark.parametrize("seed", [0, 7])
def test_without_a_start_it_is_random_and_without_a_radius_the_whole_map(target, random, seed):
    maps = [target.asarray(features) for features in unit_maps(random, (4, 3), (5, 7), 3)]
    start = initialize.random_nnf((4, 3), (5, 7), seed, target)

    found = patchmatch(*maps, 3, iterations=1, seed=seed)

    expected = patchmatch(*maps, 3, start=start, radius=7, iterations=1, seed=seed)
    for array, same in zip(found, expected, strict=True):
        np.testing.assert_array_equal(target.to_host(array), target.to_host(same))


def test_both_ways_start_at_random_by_their_seeds(target, random):
    maps = [target.asarray(features) for features in unit_maps(random, (4, 3), (5, 7), 3)]
    shapes = (4, 3), (5, 7)
    starts = [
        initialize.random_nnf(*pair, seed, target)
        for pair, seed in ((shapes, 5), (shapes[::-1], 6))
    ]
    options = {"iterations": 1, "seeds": (5, 6)}

    found = patchmatch_both_ways(*maps, 3, **options)

    expected = patchmatch_both_ways(*maps, 3, starts=starts, radii=(7, 4), **options)
    for (nnf, _), (same, _) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(target.to_host(nnf), target.to_host(same))


@pytest.mark.parametrize("options", [{"starts": [None]}, {"radii": (1,)}, {"seeds": (1, 2, 3)}])
def test_both_ways_take_pairs(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} has . items"):
        patchmatch_both_ways(MAP, MAP, 3, **options)


# Bounds that leave each pixel of both maps a place, and cut off some of what the radius reaches.
CONFINED = [
    (((5, 7), (6, 4), 6, 3, 3), ((-1, 2), (-3, 0))),
    (((3, 4), (7, 9), 20, 5, 9), ((-1, 4), (0, 6))),
    (((4, 6), (4, 6), 3, 3, 6), ((0, 0), (-3, 0))),
]


@pytest.mark.parametrize(("case", "displacements"), CONFINED, ids=str)
def test_no_match_leaves_the_displacements_of_the_oracle(target, random, case, displacements):
    options = {"bound": 1.0, "displacements": displacements}
    check_against_oracle(target, random, case, iterations=2, **options)


@pytest.mark.parametrize(("case", "displacements"), CONFINED, ids=str)
def test_both_ways_have_reverse_displacements(target, random, case, displacements):
    check_both_ways_against_oracle(target, random, case, iterations=2, displacements=displacements)


BOUNDED = [
    (LARGE[0], ((-9, 14), (-11, 6))),
    (LARGE[1], ((-2, 13), (-20, 3))),
    (SKETCHED, ((-4, 1), (-9, 30))),
]


@pytest.mark.parametrize(("case", "displacements"), BOUNDED, ids=str)
def test_displacements_go_together_with_shortcuts_labels_and_charges(random, case, displacements):
    labels = random_labels(random, *case[:2])
    charges = {"anchor_cost": 0.2, "evenness": 0.1}
    options = {"bound": 1.0, "labels": labels, "displacements": displacements}

    check_against_oracle(CPU, random, case, iterations=3, **charges, **options)


def test_displacements_hold_from_every_start_and_find_what_is_there(random):
    scene = unit_maps(random, (40, 60), (1, 1), 8)[0]
    source, other = scene[:, 10:50].copy(), scene[:, 4:44].copy()
    bounds = (0, 0), (0, 12)

    for start in (None, random_nnf(random, (40, 40), (40, 40))):
        found, _ = patchmatch(source, other, 3, start=start, displacements=bounds)

        away = found - np.moveaxis(np.indices((40, 40)), 0, -1)
        assert (away[..., 0] == 0).all()
        assert (away[..., 1] >= 0).all()
        assert (away[..., 1] <= 12).all()
        # The last columns show what the other map does not.
        assert np.mean(away[:, :33, 1] == 6) > 0.99


@pytest.mark.parametrize(
    ("displacements", "error", "told"),
    [
        (((1, 0), (0, 0)), ValueError, r"displacements\[0\] is \(1, 0\)"),
        (((0, 0), (1, 3)), ValueError, r"displacements\[1\] is \(1, 3\).* at most 0"),
        (((0, 0), (-3, -1)), ValueError, r"displacements\[1\] is \(-3, -1\)"),
        ((4, 4), TypeError, r"displacements\[0\] is 4; it has to have 2 items"),
        (((0, 0),), ValueError, "displacements has 1 items"),
        (((0, 0), (0, 0.5)), TypeError, r"displacements\[1\]\[1\] is 0.5"),
    ],
)
def test_displacements_leave_each_pixel_a_place(displacements, error, told):
    for search in (patchmatch, patchmatch_both_ways):
        with pytest.raises(error, match=told):
            search(MAP, MAP, 3, displacements=displacements)


def test_displacements_leave_each_pixel_a_place_in_the_reverse_direction():
    with pytest.raises(ValueError, match=r"reversed displacements\[0\] is \(-2, -1\)"):
        patchmatch_both_ways(MAP[:6], MAP, 3, displacements=((1, 2), (0, 0)))


def test_rows_that_a_device_cannot_count_are_refused(monkeypatch):
    monkeypatch.setattr(search_sides, "_LONGEST_ROW", 31)
    options = {"iterations": 0, "start": np.zeros((8, 8, 2), np.int32)}

    patchmatch(MAP, MAP, 3, **options)
    with pytest.raises(ValueError, match=r"source has 8 x 4 values in a row; on a device it has"):
        patchmatch(*map(CUDA.asarray, (MAP, MAP)), 3)
