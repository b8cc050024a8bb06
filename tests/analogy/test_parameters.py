import dataclasses

import pytest

from analogy.checked_fields import FieldError
from analogy.parameters import BLEND_WEIGHTS, CATEGORIES, PRESETS, Parameters, adjusted_preset
from analogy.video.parameters import VideoParameters

# What the default was before images were matched from small to large, field by field.
ONE_SIZE = {
    "ratio": 1.0,
    "max_side": 700,
    "patch_sides": (3, 3, 3, 5, 5),
    "search_radii": (None, 6, 6, 4, 4),
    "search_iterations": (10, 8, 8, 8, 8),
    "exchange_matches": True,
    "initialization": "random",
    "coarse_matching": "hough",
    "search_reaches": (None, None, 2, None, None),
    "finest_level": 1,
    "single_direction": False,
    "independent_levels": False,
    "reconstruction": "deconvolution",
    "deconv_depth": 2,
    "deconv_target": "vote",
    "deconv_start": "vote",
    "deconv_iterations": 100,
    "deconv_tolerance": 0.1,
    "alphas": (0.8, 0.7, 0.6, 0.1),
    "choose_alphas": False,
    "alpha_offset": 0.0,
    "weight_map": "sigmoid",
    "vote_side": 5,
    "fill_unreliable": False,
    "fill_beyond": 16.0,
    "colour_weight": 0.0,
    "smoothing": 0,
    "subpixel": 0,
    "refine": False,
    "wls_lambda": 0.8,
    "wls_alpha": 1.0,
    "wls_epsilon": 1e-4,
    "background": None,
    "seed": 0,
}
# What has come since, and is off.
OFF = {
    "first_scale": None,
    "pose": "none",
    "upright_strokes": False,
    "coarsest_reconstruction": 5,
    "led_deconvolutions": (3, 2),
    "evenness": (0.0,) * 5,
    "search_turns": (1,) * 5,
    "vote_width": None,
}
PLAIN_SEARCH = {
    "coarse_matching": "patchmatch",
    "search_iterations": (10,) * 5,
    "exchange_matches": False,
}


def test_levels_run_from_the_coarsest():
    parameters = Parameters(
        patch_sides=(3, 3, 3, 5, 5),
        search_iterations=(9, 8, 7, 6, 5),
        search_turns=(1, 4, 2, 3, 2),
        search_reaches=(None, None, 2, 3, 4),
        alphas=(0.8, 0.7, 0.6, 0.1),
    )
    levels = (5, 4, 3, 2, 1)

    assert [parameters.patch_side(level) for level in levels] == [3, 3, 3, 5, 5]
    assert [parameters.iterations(level) for level in levels] == [9, 8, 7, 6, 5]
    assert [parameters.turns(level) for level in levels] == [1, 4, 2, 3, 2]
    assert [parameters.search_reach(level) for level in levels] == [None, None, 2, 3, 4]
    assert [parameters.alpha(level) for level in levels[1:]] == [0.8, 0.7, 0.6, 0.1]


def test_search_is_global_at_the_coarsest_level_only():
    parameters = Parameters()
    radii = [parameters.search_radius(level, (40, 60)) for level in (5, 4, 3, 2, 1)]
    assert radii == [60, 4, 3, 2, 2]


def test_independent_levels_search_the_whole_map():
    assert Parameters(independent_levels=True).search_radius(1, (40, 60)) == 60


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"finest_level": 3}, True),
        # Levels 5 and 4 of a larger size are not searched.
        ({"finest_level": 4}, False),
        ({"independent_levels": True}, False),
        ({"first_scale": None}, False),
    ],
)
def test_sizes_are_several_where_a_smaller_one_leads(change, expected):
    assert Parameters(**{"first_scale": 224} | change).has_scales == expected


@pytest.mark.parametrize(("offset", "expected"), [(0.1, 0.2), (-0.1, 0.0), (-0.5, 0.0), (1, 1)])
def test_offset_weights_stay_between_0_and_1(offset, expected):
    parameters = Parameters(alphas=BLEND_WEIGHTS[2], alpha_offset=offset)
    assert parameters.alpha(1) == pytest.approx(expected)


def test_the_papers_weights_are_the_second_of_the_authors():
    assert PRESETS["paper"].alphas == BLEND_WEIGHTS[2]


def test_presets_differ_where_the_program_departs_from_the_paper():
    assert PRESETS["paper"].deconv_depth == 1
    assert PRESETS["authors"].deconv_depth == 2
    assert PRESETS["authors"].weight_map == "hard"
    assert PRESETS["default"] == Parameters()


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("matches", {}),
        (
            "paper",
            PLAIN_SEARCH | {"deconv_depth": 1, "deconv_target": "warp", "deconv_start": "random"},
        ),
        ("authors", PLAIN_SEARCH | {"weight_map": "hard", "vote_side": 3}),
        (
            "flow",
            PLAIN_SEARCH
            | {
                "alphas": (1.0, 1.0, 1.0, 1.0),
                "colour_weight": 1000.0,
                "smoothing": 3,
                "subpixel": 10,
            },
        ),
    ],
)
def test_presets_of_one_size_are_fixed_whatever_the_default(preset, changes):
    assert dataclasses.asdict(PRESETS[preset]) == ONE_SIZE | OFF | changes


@pytest.mark.parametrize("preset", ["photo2style", "style2style", "style2photo", "photo2photo"])
def test_presets_of_applications_weigh_the_content_by_level(preset):
    parameters = PRESETS[preset]
    weights = [parameters.alpha(level) for level in (4, 3, 2, 1)]

    assert weights == sorted(weights, reverse=True)
    assert weights == list(parameters.alphas)
    assert parameters.ratio == 1.0
    assert parameters.refine == (preset == "photo2photo")


def test_pictures_made_of_style_keep_no_more_content_than_those_made_into_it():
    to_style, to_photo = PRESETS["photo2style"], PRESETS["style2photo"]

    for level in (4, 3, 2, 1):
        assert to_photo.alpha(level) <= to_style.alpha(level)


def test_adjusted_presets_depart_from_their_preset():
    adjusted = adjusted_preset("matches", "3", evenness=0.5, max_side=None, seed=4)

    expected = {"alphas": BLEND_WEIGHTS[3], "evenness": (0.5,) * 5, "seed": 4}
    assert adjusted == dataclasses.replace(PRESETS["matches"], **expected)
    assert adjusted_preset("matches") == PRESETS["matches"]
    assert adjusted_preset(weight="auto") == Parameters(choose_alphas=True)


@pytest.mark.parametrize(
    ("category", "alphas"),
    [
        ("I", [1, 1, 1, 1]),
        ("II", [0.9, 0.8, 0.7, 0.2]),
        ("III", [0.8, 0.7, 0.6, 0.1]),
    ],
)
def test_categories_are_the_papers(category, alphas):
    parameters = Parameters(**CATEGORIES[category])

    assert [parameters.alpha(level) for level in (4, 3, 2, 1)] == pytest.approx(alphas)


def test_parameters_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Parameters().seed = 3


@pytest.mark.parametrize("kind", [Parameters, VideoParameters])
def test_every_field_refuses_what_is_of_another_kind(kind):
    for field in dataclasses.fields(kind):
        for wrong in ({}, "elsewhere", b"", -7.5, (1, 2, 3)):
            with pytest.raises(FieldError, match=rf"^{field.name}\b"):
                dataclasses.replace(kind(), **{field.name: wrong})


@pytest.mark.parametrize(
    "change",
    [
        {"ratio": 0},
        {"ratio": 1.01},
        {"max_side": 0},
        {"finest_level": 6},
        {"coarse_matching": "houg"},
        {"coarsest_reconstruction": 1},
        {"deconv_depth": 3},
        {"patch_sides": (3, 3, 3, 4, 3)},
        {"search_iterations": (1, 2, 3)},
        {"evenness": (0.0, 0.0, 0.0, 0.0, -1.0)},
        {"alphas": (0.8, 0.7, float("nan"), 0.1)},
        {"vote_width": 0.0},
        {"wls_epsilon": 0.0},
        {"seed": 2**32},
    ],
    ids=str,
)
def test_numbers_out_of_range_are_refused(change):
    (name,) = change
    with pytest.raises(FieldError, match=rf"^{name}\b"):
        Parameters(**change)
