from dataclasses import replace

import numpy as np
import pytest

from analogy.method.blend_weight import choose_blend_weight
from analogy.parameters import BLEND_WEIGHTS, Parameters

QUICK = Parameters(search_iterations=(2,) * 5)


@pytest.fixture
def features(random):
    """Levels 1 and 5 of an image; the choice reads no others."""
    return {1: random.random((6, 7, 4), np.float32), 5: random.random((3, 4, 8), np.float32)}


def choose(target, a, b_prime):
    on_target = (
        {level: target.asarray(map_) for level, map_ in side.items()} for side in (a, b_prime)
    )
    return choose_blend_weight(*on_target, QUICK)


def test_the_same_scene_in_the_same_look_is_all_content(target, features):
    choice = choose(target, features, features)

    assert choice.alphas == (1, 1, 1, 1)
    # Unit vectors: their inner products are off by a few roundings.
    assert choice.scene_likeness == pytest.approx(1, abs=1e-5)
    assert choice.look_difference == 0


def test_the_same_scene_in_another_look_keeps_more_structure(target, features):
    other_look = features | {1: 2 * features[1]}

    choice = choose(target, features, other_look)

    assert choice.alphas == BLEND_WEIGHTS[3]
    # Of lengths 1 and 2: a difference of 1 over the root of their mean square.
    assert choice.look_difference == pytest.approx(1 / np.sqrt(2.5), rel=1e-5)


def test_another_scene_takes_the_default(target, features):
    # Channels that the first image does not use: nothing is parallel.
    first = features | {5: features[5] * np.float32([1, 1, 1, 1, 0, 0, 0, 0])}
    other = features | {5: features[5] * np.float32([0, 0, 0, 0, 1, 1, 1, 1])}

    choice = choose(target, first, other)

    assert choice.alphas == BLEND_WEIGHTS[2]
    assert choice.scene_likeness == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    "change",
    [{"single_direction": True}, {"evenness": (5.0,) * 5}],
    ids=str,
)
def test_directions_and_charges_do_not_count(target, features, change):
    changed = choose_blend_weight(
        *({level: target.asarray(map_) for level, map_ in features.items()} for _ in range(2)),
        replace(QUICK, **change),
    )

    assert changed == choose(target, features, features)
