import dataclasses

import pytest

from analogy.parameters import BLEND_WEIGHTS, CATEGORIES, PRESETS, Parameters


def test_levels_run_from_the_coarsest():
    parameters = Parameters()
    assert [parameters.patch_side(level) for level in (5, 4, 3, 2, 1)] == [3, 3, 3, 5, 5]
    assert [parameters.alpha(level) for level in (4, 3, 2, 1)] == [0.8, 0.7, 0.6, 0.1]


def test_search_is_global_at_the_coarsest_level_only():
    parameters = Parameters()
    radii = [parameters.search_radius(level, (40, 60)) for level in (5, 4, 3, 2, 1)]
    assert radii == [60, 6, 6, 4, 4]


def test_independent_levels_search_the_whole_map():
    assert Parameters(independent_levels=True).search_radius(1, (40, 60)) == 60


@pytest.mark.parametrize(("offset", "expected"), [(0.1, 0.2), (-0.1, 0.0), (-0.5, 0.0), (1, 1)])
def test_offset_weights_stay_between_0_and_1(offset, expected):
    assert Parameters(alpha_offset=offset).alpha(1) == pytest.approx(expected)


def test_default_weights_are_the_second_of_the_authors():
    assert Parameters().alphas == BLEND_WEIGHTS[2]


def test_presets_differ_where_the_program_departs_from_the_paper():
    assert PRESETS["paper"].deconv_depth == 1
    assert PRESETS["authors"].deconv_depth == 2
    assert PRESETS["authors"].weight_map == "hard"
    assert PRESETS["default"] == Parameters()


def test_presets_of_applications_are_as_the_authors_advise():
    for preset, weight, ratio in (
        ("photo2style", 3, "auto"),
        ("style2style", 3, 1.0),
        ("style2photo", 2, 0.5),
        ("photo2photo", 3, 1.0),
    ):
        assert PRESETS[preset].alphas == BLEND_WEIGHTS[weight]
        assert PRESETS[preset].ratio == ratio
        assert PRESETS[preset].refine == (preset == "photo2photo")


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
