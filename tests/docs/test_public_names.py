"""Everything public says what it is, and the reference finds how it is called."""

import functools
import types

import pytest
from numba import njit
from numba.extending import register_jitable

from analogy_kernels.target import cuda
from docs.extension.public_names import (
    LAYERS,
    PublicName,
    _comment,
    _launch,
    exists,
    public_names,
    reference,
)

PRESENT = [layer for layer in LAYERS if exists(layer)]


def test_the_package_itself_is_there():
    assert "analogy" in PRESENT


@pytest.mark.parametrize("layer", PRESENT)
def test_every_public_name_has_a_docstring(layer):
    undocumented = [name.name for name in public_names(layer) if not name.docstring.strip()]

    assert undocumented == []


@pytest.mark.parametrize("layer", PRESENT)
def test_the_reference_has_every_public_name_once(layer):
    text = reference(layer)

    for name in public_names(layer):
        directive = f".. {'py:data' if name.kind == 'data' else 'auto' + name.kind}:: {name.name}\n"
        assert text.count(directive) == 1
        assert f"(#{layer}.{name.name})" in text


def doubled(value):
    """Twice a value.

    More about it.
    """
    return 2 * value


@pytest.mark.parametrize(
    "wrap",
    [
        register_jitable,
        njit,
        njit(parallel=True),
        functools.lru_cache,
        functools.cache,
        pytest.param(
            cuda.jit,
            marks=pytest.mark.skipif(
                not hasattr(cuda.jit(doubled), "__wrapped__"), reason="the simulator wraps nothing"
            ),
        ),
    ],
)
def test_what_is_wrapped_is_documented_as_the_function(wrap):
    name = PublicName("analogy_kernels", "doubled", wrap(doubled))

    assert name.kind == "function"
    assert name.function is doubled
    assert name.summary == "Twice a value."


def test_a_value_is_told_by_the_comment_above_it():
    presets = next(name for name in public_names("analogy") if name.name == "PRESETS")

    assert presets.kind == "data"
    assert presets.home == "analogy.parameters"
    assert presets.docstring.startswith("By name, what ``--preset`` starts from")


def test_a_comment_holds_for_the_values_right_below_it():
    assert _comment("analogy_kernels.geometry", "VECTOR_BLOCKS") == (
        "Block of the kernels over long vectors, and the most blocks of one launch."
    )


def test_a_kernel_with_its_launch_tells_its_arguments():
    class Kernel:
        cpu, launch = staticmethod(lambda nnf, out: None), doubled

    assert [line.strip() for line in _launch(Kernel)] == [
        "",
        "Arguments: ``nnf, out``.",
        "",
        "Launch: ``doubled``.",
    ]
    assert list(_launch(3)) == []


def test_a_name_without_a_docstring_is_found_out():
    assert (
        PublicName(
            "analogy_kernels", "nothing", types.FunctionType((lambda: 0).__code__, {})
        ).docstring
        == ""
    )


def test_a_layer_that_is_not_there_has_no_page():
    assert not exists("kernels.nowhere")
    assert not exists("nowhere.at_all")
