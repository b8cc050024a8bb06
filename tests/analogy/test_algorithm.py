from dataclasses import replace

import numpy as np
import pytest

from analogy.algorithm import match_features
from analogy.masks import Masks, MatchingMasks
from analogy.parameters import Parameters
from analogy.progress import Progress
from kernels.matching.upsample import upsample_nnf
from kernels.target import CPU, CUDA
from tests.analogy.tiny import tiny_features, tiny_network

QUICK = Parameters(search_iterations=(2,) * 5, deconv_iterations=2)

VARIANTS = {
    "default": {},
    "paper": {"deconv_depth": 1, "deconv_target": "warp", "deconv_start": "random"},
    "hard weights": {"weight_map": "hard"},
    "single direction": {"single_direction": True},
    "resampling": {"reconstruction": "resampling"},
    "independent levels": {"independent_levels": True},
    "identity": {"initialization": "identity"},
    "colours": {"colour_weight": 1000.0},
    "patchmatch": {"coarse_matching": "patchmatch"},
}


class EveryStage(dict):
    """Shares of a run whose stages nobody told beforehand."""

    def __missing__(self, stage):
        return 1.0


def features_of(random, *sizes):
    """A network, and the features of images of noise of these sizes."""
    network = tiny_network(random)
    return network, *(tiny_features(network, random.random((*size, 3))) for size in sizes)


@pytest.fixture
def pair(random):
    return features_of(random, (41, 54), (39, 67))


def match(target, pair, parameters, masks=None):
    network, a, b_prime = pair
    a, b_prime = ([target.asarray(level) for level in side] for side in (a, b_prime))
    progress = Progress(None, EveryStage(whole=1.0))
    matches, deconvolutions = match_features(
        a, b_prime, network, parameters, progress, masks=MatchingMasks(masks)
    )
    return target.to_host(matches.ab), target.to_host(matches.ba), deconvolutions


@pytest.mark.parametrize("variant", VARIANTS)
def test_matches_lie_in_the_other_image(pair, variant):
    ab, ba, deconvolutions = match(CPU, pair, replace(QUICK, **VARIANTS[variant]))

    assert ab.shape == (41, 54, 2)
    assert ba.shape == (39, 67, 2)
    for nnf, other in ((ab, (39, 67)), (ba, (41, 54))):
        assert (nnf >= 0).all()
        assert (nnf < other).all()
    # Two a level from 5, or from 4 where nothing at level 4 is matched by what 5 would give.
    expected = {"resampling": 0, "independent levels": 0, "patchmatch": 8}
    assert len(deconvolutions) == expected.get(variant, 6)


def test_every_variant_changes_the_matches(pair):
    default, _, _ = match(CPU, pair, QUICK)
    # A search through whole maps of a few pixels finds the same from any start.
    for name in VARIANTS.keys() - {"default", "identity"}:
        other, _, _ = match(CPU, pair, replace(QUICK, **VARIANTS[name]))
        assert (other != default).any(), name


def test_levels_are_told_as_they_are_searched(pair):
    network, a, b_prime = pair
    told = []
    matches, _ = match_features(
        a, b_prime, network, QUICK, Progress(None, EveryStage(whole=1.0)), told.append
    )

    assert [state.level for state in told] == [5, 4, 3, 2, 1]
    assert told[-1].matches is matches
    for state in told:
        assert state.a_prime.shape == a[state.level].shape
        assert state.b.shape == b_prime[state.level].shape
        assert state.matches.ab.shape[:2] == a[state.level].shape[:2]


@pytest.mark.parametrize("finest", [5, 4, 2])
def test_matching_ends_at_the_finest_level(pair, finest):
    network, a, b_prime = pair
    told = []
    parameters = replace(QUICK, finest_level=finest)
    matches, deconvolutions = match_features(
        a, b_prime, network, parameters, Progress(None, EveryStage(whole=1.0)), told.append
    )

    assert [state.level for state in told] == list(range(5, finest - 1, -1))
    assert matches.ab.shape[:2] == a[finest].shape[:2]
    # Those that would only lead below the finest level are left out.
    assert len(deconvolutions) == (4 if finest == 2 else 0)


@pytest.mark.parametrize("reach", [0, 1, None])
def test_finer_levels_are_held_to_the_coarse_matches(pair, reach):
    network, a, b_prime = pair
    told = {}
    match_features(
        a,
        b_prime,
        network,
        replace(QUICK, search_reaches=(reach,) * 5),
        Progress(None, EveryStage(whole=1.0)),
        lambda state: told.update({state.level: state.matches}),
    )

    for level in (3, 2, 1):
        start = upsample_nnf(told[level + 1].ab, a[level].shape[:2], b_prime[level].shape[:2])
        moved = np.abs(told[level].ab - start).max()
        assert moved == reach if reach is not None else moved > 1


def test_targets_agree(random):
    pair = features_of(random, (4, 7), (5, 6))
    parameters = replace(QUICK, search_iterations=(1,) * 5, deconv_iterations=1)
    expected_ab, expected_ba, _ = match(CPU, pair, parameters)
    ab, ba, _ = match(CUDA, pair, parameters)
    # Sums are taken in another order, which may decide between two matches of like cost.
    assert (ab == expected_ab).all(axis=-1).mean() > 0.95
    assert (ba == expected_ba).all(axis=-1).mean() > 0.95


def test_seeds_reproduce_and_differ(pair):
    first, again, other = (match(CPU, pair, replace(QUICK, seed=seed))[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def halves(shape):
    """Label 1 on the left, 2 on the right."""
    return np.repeat([np.where(2 * np.arange(shape[1]) < shape[1], 1, 2)], shape[0], axis=0)


def check_labels(ab, ba, labels_a, labels_b):
    np.testing.assert_array_equal(labels_b[ab[..., 0], ab[..., 1]], labels_a)
    np.testing.assert_array_equal(labels_a[ba[..., 0], ba[..., 1]], labels_b)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_keeps_to_labels(pair, variant):
    labels_a, labels_b = halves((41, 54)), halves((39, 67))[:, ::-1]

    parameters = replace(QUICK, **VARIANTS[variant])
    ab, ba, _ = match(CPU, pair, parameters, Masks(labels_a, labels_b))

    check_labels(ab, ba, labels_a, labels_b)


def test_labels_are_kept_to_on_every_target(target, random):
    pair = features_of(random, (4, 7), (5, 6))
    labels_a, labels_b = halves((4, 7)), halves((5, 6))[:, ::-1]

    parameters = replace(QUICK, search_iterations=(1,) * 5, deconv_iterations=1)
    ab, ba, _ = match(target, pair, parameters, Masks(labels_a, labels_b))

    check_labels(ab, ba, labels_a, labels_b)


def test_what_is_kept_is_content_at_every_level(target, random):
    network, a, b_prime = features_of(random, (4, 7), (5, 6))
    keep = np.zeros((4, 7), np.uint8)
    keep[:, 4:] = 1
    told = []
    parameters = replace(QUICK, search_iterations=(1,) * 5, deconv_iterations=1)

    match_features(
        *([target.asarray(level) for level in side] for side in (a, b_prime)),
        network,
        parameters,
        Progress(None, EveryStage(whole=1.0)),
        told.append,
        MatchingMasks(Masks(keep=keep)),
    )

    finest, content = target.to_host(told[-1].a_prime), a[1]
    np.testing.assert_array_equal(finest[:, 4:], content[:, 4:])
    assert (finest[:, :4] != content[:, :4]).any()
    for state in told:
        kept = np.zeros(a[state.level].shape[:2], bool)
        kept[:, -1] = True
        a_prime = target.to_host(state.a_prime)
        np.testing.assert_array_equal(a_prime[kept], a[state.level][kept])
