from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from analogy.method.algorithm import match_features, match_from_small_to_large
from analogy.method.masks import Masks, MatchingMasks, shrink_labels
from analogy.method.progress import Progress
from analogy.method.reconstruction import blend_with_content
from analogy.method.scales import carried_matches
from analogy.method.search import Matches
from analogy.parameters import PRESETS
from analogy_kernels.imaging.vote import vote
from analogy_kernels.matching.initialize import identity_nnf
from analogy_kernels.matching.upsample import upsample_nnf
from analogy_kernels.target import CPU, CUDA
from tests.analogy.tiny import TinyExtractor, tiny_features, tiny_network

QUICK = replace(PRESETS["matches"], search_iterations=(2,) * 5, deconv_iterations=2)
# As the method does by default, whatever its numbers.
SEARCHED = replace(QUICK, coarse_matching="patchmatch", exchange_matches=False)

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
    "apart": {"exchange_matches": False},
    "late": {"coarse_matching": "patchmatch", "coarsest_reconstruction": 4},
    "evenness": {"exchange_matches": False, "evenness": (0.5,) * 5},
}


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
    progress = Progress(None, {})
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
    matches, _ = match_features(a, b_prime, network, QUICK, Progress(None, {}), told.append)

    assert [state.level for state in told] == [5, 4, 3, 2, 1]
    assert told[-1].matches is matches
    for state in told:
        assert state.a_prime.shape == a[state.level].shape
        assert state.b.shape == b_prime[state.level].shape
        assert state.matches.ab.shape[:2] == a[state.level].shape[:2]


@pytest.mark.parametrize("coarsest", [5, 4, 3, 2])
def test_a_prime_is_a_down_to_the_coarsest_reconstruction(pair, coarsest):
    network, a, b_prime = pair
    told = []
    parameters = replace(SEARCHED, coarsest_reconstruction=coarsest)
    _, deconvolutions = match_features(
        a, b_prime, network, parameters, Progress(None, {}), told.append
    )

    for state in told:
        is_content = state.level >= coarsest
        assert np.array_equal(state.a_prime, a[state.level]) == is_content
        assert np.array_equal(state.b, b_prime[state.level]) == is_content
    assert [level for level, image in deconvolutions if image == "b"] == [*range(coarsest, 1, -1)]


@pytest.mark.parametrize("finest", [5, 4, 2])
def test_matching_ends_at_the_finest_level(pair, finest):
    network, a, b_prime = pair
    told = []
    parameters = replace(QUICK, finest_level=finest)
    matches, deconvolutions = match_features(
        a, b_prime, network, parameters, Progress(None, {}), told.append
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
        Progress(None, {}),
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


def test_masks_are_kept_to_on_every_target(target, random):
    """What is kept is content at every level, and no match crosses labels."""
    network, a, b_prime = features_of(random, (4, 7), (5, 6))
    labels_a, labels_b = halves((4, 7)), halves((5, 6))[:, ::-1]
    keep = np.zeros((4, 7), np.uint8)
    keep[:, 4:] = 1
    told = []
    # Deconvolved twice, at levels 3 and 2.
    few = {"deconv_iterations": 1, "coarsest_reconstruction": 3}
    parameters = replace(QUICK, search_iterations=(1,) * 5, **few)

    matches, _ = match_features(
        *([target.asarray(level) for level in side] for side in (a, b_prime)),
        network,
        parameters,
        Progress(None, {}),
        told.append,
        MatchingMasks(Masks(labels_a, labels_b, keep)),
    )

    check_labels(target.to_host(matches.ab), target.to_host(matches.ba), labels_a, labels_b)
    finest, content = target.to_host(told[-1].a_prime), a[1]
    np.testing.assert_array_equal(finest[:, 4:], content[:, 4:])
    assert (finest[:, :4] != content[:, :4]).any()
    for state in told:
        kept = np.zeros(a[state.level].shape[:2], bool)
        kept[:, -1] = True
        a_prime = target.to_host(state.a_prime)
        np.testing.assert_array_equal(a_prime[kept], a[state.level][kept])


# Of A and of B', from small to large; the tiny network's features are those of noise.
SIZES = (((21, 27), (20, 34)), ((41, 54), (39, 67)))


@dataclass
class Sized:
    """Two images of noise that are matched from small to large, and what was told on the way."""

    network: object
    images: tuple
    target: object = CPU
    told: list = field(default_factory=list)
    texts: list = field(default_factory=list)

    @classmethod
    def of(cls, random, sizes=SIZES, target=CPU):
        images = (random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes[-1])
        return cls(tiny_network(random), tuple(images), target)

    @property
    def features(self):
        return TinyExtractor(self.network, self.target)

    def match(self, parameters, sizes=SIZES, masks=None):
        progress = Progress(lambda _, text: self.texts.append(text), {})
        matches, deconvolutions = match_from_small_to_large(
            *self.images,
            sizes,
            self.network,
            self.features,
            parameters,
            progress,
            self.told.append,
            MatchingMasks(masks),
        )
        return *map(self.target.to_host, (matches.ab, matches.ba)), deconvolutions


@pytest.fixture
def sized(random):
    return Sized.of(random)


@pytest.mark.parametrize(("parameters", "first"), [(SEARCHED, (5, 4, 3, 2)), (QUICK, (4, 3, 2))])
@pytest.mark.parametrize("later", [(3, 2), (2,), ()])
def test_larger_sizes_deconvolve_from_level_3_on_where_that_is_asked_for(
    random, parameters, first, later
):
    sizes = (((11, 14), (10, 17)), *SIZES)
    parameters = replace(parameters, led_deconvolutions=later)

    _, _, deconvolutions = Sized.of(random).match(parameters, sizes)

    expected = [
        (scale, level, image)
        for scale, levels in enumerate((first, later, later))
        for level in levels
        for image in ("a_prime", "b")
    ]
    assert list(deconvolutions) == expected


def test_larger_sizes_vote_by_upsampled_matches_where_they_do_not_deconvolve(sized):
    parameters = replace(SEARCHED, led_deconvolutions=())

    sized.match(parameters)

    a, b_prime = map(sized.features, sized.images)
    told = {state.level: state for state in sized.told}
    for level in (2, 1):
        content, theirs, matches = a[level], b_prime[level], told[level + 1].matches
        nnf = upsample_nnf(matches.ab, content.shape[:2], theirs.shape[:2])
        votes = vote(theirs, nnf, parameters.patch_side(level))
        expected = blend_with_content(content, votes, level, parameters)
        np.testing.assert_array_equal(told[level].a_prime, expected)


def test_levels_of_the_last_size_alone_are_told(sized):
    ab, ba, _ = sized.match(SEARCHED)

    assert [state.level for state in sized.told] == [5, 4, 3, 2, 1]
    np.testing.assert_array_equal(sized.told[-1].matches.ab, ab)
    assert ab.shape == (41, 54, 2)
    assert ba.shape == (39, 67, 2)
    for state in sized.told:
        shapes = [image.shape for image in (state.a_prime, state.b)]
        assert shapes == [sized.features(image)[state.level].shape for image in sized.images]


def test_stages_are_told_with_their_size(sized):
    sized.match(SEARCHED)

    texts = list(dict.fromkeys(sized.texts))
    levels = [(level, "search") for level in (5, 4, 3, 2, 1)]
    for size in (1, 2):
        own = [text for text in texts if text.startswith(f"size {size} of 2, ")]
        assert own[0] == f"size {size} of 2, features"
        for level, stage in levels:
            assert f"size {size} of 2, level {level}: {stage}" in own
        assert (f"size {size} of 2, level 5: reconstruction" in own) == (size == 1)
        assert f"size {size} of 2, level 3: reconstruction" in own


def test_the_smaller_size_leads_the_larger_one(random):
    """Its matches are those of levels 5 and 4, and where level 3 starts."""
    # Level 3 and finer ones only tell where they start.
    parameters = replace(SEARCHED, search_iterations=(2, 2, 0, 0, 0))
    sized = Sized.of(random)
    ab, ba, _ = sized.match(parameters, SIZES[:1])
    sized.told.clear()

    sized.match(parameters)

    a, b_prime = map(sized.features, sized.images)
    carried = carried_matches(Matches(ab, ba), a, b_prime)
    told = {state.level: state for state in sized.told}
    for level in (5, 4, 3):
        np.testing.assert_array_equal(told[level].matches.ab, carried[level].ab)
        np.testing.assert_array_equal(told[level].matches.ba, carried[level].ba)
    for level in (5, 4):
        np.testing.assert_array_equal(told[level].a_prime, a[level])
        np.testing.assert_array_equal(told[level].b, b_prime[level])
    # What is fetched by them at level 3 is what A' has there.
    for found, content, style, nnf in (
        (told[3].a_prime, a, b_prime, carried[3].ab),
        (told[3].b, b_prime, a, carried[3].ba),
    ):
        fetched = vote(style[3], nnf, parameters.patch_side(3))
        expected = blend_with_content(content[3], fetched, 3, parameters)
        np.testing.assert_array_equal(found, expected)


def test_charges_for_use_are_of_the_last_size_alone(random):
    charged = replace(SEARCHED, evenness=(0.5,) * 5)
    plain, even = Sized.of(random), Sized.of(np.random.default_rng(0))
    plain.match(SEARCHED)
    even.match(charged)

    for level, (one, other) in enumerate(zip(plain.told[::-1], even.told[::-1], strict=True), 1):
        # Levels 5 and 4 are as the smaller size has led them.
        is_led = level > 3
        assert np.array_equal(one.matches.ab, other.matches.ab) == is_led
        assert np.array_equal(one.matches.ba, other.matches.ba) == is_led


def test_what_the_smaller_size_finds_changes_the_matches(random):
    alone, led = (Sized.of(random).match(SEARCHED, sizes)[0] for sizes in (SIZES[1:], SIZES))

    assert (alone != led).any()


def test_an_identity_stays_one_through_all_sizes(random):
    sized = Sized.of(random, [((41, 54),) * 2])
    parameters = replace(SEARCHED, initialization="identity", search_iterations=(0,) * 5)
    sizes = [((size, round(size * 54 / 41)),) * 2 for size in (16, 25, 41)]

    ab, ba, _ = sized.match(parameters, sizes)

    for nnf in (ab, ba):
        np.testing.assert_array_equal(nnf, identity_nnf((41, 54), (41, 54)))


@pytest.mark.parametrize("finest", [3, 2])
def test_matching_ends_at_the_finest_level_of_the_last_size(sized, finest):
    parameters = replace(SEARCHED, finest_level=finest, led_deconvolutions=(3, 2))
    ab, _, deconvolutions = sized.match(parameters)

    assert ab.shape == (*sized.features(sized.images[0])[finest].shape[:2], 2)
    assert [state.level for state in sized.told] == list(range(5, finest - 1, -1))
    # The smaller size is matched down to level 1 all the same.
    levels = {scale: {key[1] for key in deconvolutions if key[0] == scale} for scale in (0, 1)}
    assert levels == {0: {5, 4, 3, 2}, 1: {3} if finest == 2 else set()}


def test_seeds_reproduce_and_differ_through_all_sizes():
    first, again, other = (
        Sized.of(np.random.default_rng(0)).match(replace(SEARCHED, seed=seed))[:2]
        for seed in (1, 1, 2)
    )

    for one, same, another in zip(first, again, other, strict=True):
        assert one.tobytes() == same.tobytes()
        assert (one != another).any()


TINY_SIZES = (((2, 4), (3, 3)), ((4, 7), (5, 6)))


@pytest.mark.parametrize(
    "carried",
    [
        {"reconstruction": "resampling"},
        {"coarsest_reconstruction": 2, "led_deconvolutions": (), "deconv_iterations": 1},
    ],
    ids=["resampled", "voted"],
)
def test_targets_agree_through_all_sizes(carried):
    """On what leads from size to size; deconvolutions are the same within each."""
    parameters = replace(SEARCHED, search_iterations=(1,) * 5, **carried)
    expected, found = (
        Sized.of(np.random.default_rng(0), TINY_SIZES, on).match(parameters, TINY_SIZES)
        for on in (CPU, CUDA)
    )

    # Sums are taken in another order, which may decide between two matches of like cost.
    for nnf, expected_nnf in zip(found[:2], expected[:2], strict=True):
        assert (nnf == expected_nnf).all(axis=-1).mean() > 0.95


@pytest.mark.parametrize("variant", ["patchmatch", "apart", "evenness", "late", "resampling"])
def test_labels_are_kept_to_at_every_size(random, variant):
    labels_a, labels_b = halves((41, 54)), halves((39, 67))[:, ::-1]
    parameters = replace(SEARCHED, **VARIANTS[variant])

    for sizes in (SIZES, SIZES[:1]):
        ab, ba, _ = Sized.of(random).match(parameters, sizes, Masks(labels_a, labels_b))

        shrunk = [
            shrink_labels(labels, size, 1)
            for labels, size in zip((labels_a, labels_b), sizes[-1], strict=True)
        ]
        check_labels(ab, ba, *shrunk)


def test_what_is_kept_is_content_at_every_level_of_the_last_size(random):
    keep = np.zeros((41, 54), np.uint8)
    keep[:, 30:] = 1
    sized = Sized.of(random)

    sized.match(SEARCHED, masks=Masks(keep=keep))

    a = sized.features(sized.images[0])
    for state in sized.told:
        kept = shrink_labels(keep, (41, 54), state.level) != 0
        np.testing.assert_array_equal(state.a_prime[kept], a[state.level][kept])
        # Levels 5 and 4 show A as it is, for want of an A' there.
        assert (state.a_prime[~kept] != a[state.level][~kept]).any() == (state.level <= 3)
