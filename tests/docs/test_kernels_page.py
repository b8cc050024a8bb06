"""The page on kernels has every public name once, as it is called, and its examples run."""

import ast
import inspect
import re

import numpy as np
import pytest

import analogy_kernels
from analogy_kernels import CPU, device
from docs.extension import _GENERATORS
from docs.extension.by_task import LAYER, TASKS, reference, signature, task_of
from docs.extension.public_names import PublicName, public_names
from docs.extension.sources import ROOT

PAGE = ROOT / "docs" / "kernels.md"

NAMES = public_names(LAYER)


def test_the_page_has_a_table_and_an_example_for_every_task():
    sections = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    (by_task,) = [section for section in sections if section.startswith("Calls by task")]

    assert re.findall("<!-- generated: calls for (.+) -->", by_task) == list(TASKS)
    assert by_task.count("```python") == len(TASKS)
    assert {f"calls for {task}" for task in TASKS} <= set(_GENERATORS)


def test_the_tables_have_every_public_name_once():
    tables = "\n".join(map(reference, TASKS))

    linked = re.findall(rf"\{{py:\w+\}}`(\w+) <{LAYER}\.(\w+)>`", tables)
    assert all(shown == name for shown, name in linked)
    assert sorted(name for name, _ in linked) == sorted(analogy_kernels.__all__)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name.kind == "function"], ids=lambda name: name.name
)
def test_calls_are_told_as_they_are_made(name):
    (row,) = [row for row in reference(task_of(name)).splitlines() if f".{name.name}>" in row]
    _, _, call, returned, _ = re.split(r"(?<!\\) ?\| ?", row)

    assert call == f"`{name.name}{signature(name.function)}`"
    names = vars(device) | {public.name: public.value for public in NAMES}
    told = inspect.signature(eval(f"lambda {call[len(name.name) + 2 : -2]}: None", names))
    real = inspect.signature(name.function)
    assert list(told.parameters) == list(real.parameters)
    for parameter in told.parameters.values():
        actual = real.parameters[parameter.name]
        assert parameter.kind == actual.kind
        assert parameter.default == actual.default or parameter.default == pytest.approx(
            actual.default, rel=1e-6
        )
    assert returned


def written_nowhere(first, second=CPU, *, third=0.5, fourth=np.mean, **rest):
    pass


def test_defaults_are_written_as_a_caller_would():
    expected = "(first, second=CPU, *, third=0.5, fourth=mean, **rest)"
    assert signature(written_nowhere) == expected


def test_a_name_from_elsewhere_has_no_task():
    with pytest.raises(ValueError, match="written_nowhere is from tests"):
        task_of(PublicName(LAYER, "written_nowhere", written_nowhere))


def blocks(page):
    """Python of a page."""
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "page", ["README.md", "kernels/README.md", "docs/tutorial.md", "docs/kernels.md"]
)
def test_public_names_are_imported_from_the_package_itself(page):
    imports = [
        (node.module, alias.name)
        for block in blocks(ROOT / page)
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom) and node.module.startswith(LAYER)
        for alias in node.names
    ]

    assert LAYER in {module for module, _ in imports}
    public = set(analogy_kernels.__all__)
    assert all((name in public) == (module == LAYER) for module, name in imports)


def test_the_examples_run():
    names = {}
    for block in blocks(PAGE):
        exec(compile(block, str(PAGE), "exec"), names)

    assert names["rebuilt"].shape == names["mixed"].shape == (48, 64, 3)
    assert names["fine"].shape == (96, 128, 2)
    assert names["gradient"].shape == names["smooth"].shape == (48, 64, 3)
    np.testing.assert_allclose(names["minimum"].x, 0.5, atol=1e-2)
    assert names["length"] == pytest.approx(10)
