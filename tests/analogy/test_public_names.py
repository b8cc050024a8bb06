import inspect
import subprocess
import sys
import typing

import pytest

import analogy

pytestmark = pytest.mark.smoke

PUBLIC = {name: getattr(analogy, name) for name in analogy.__all__}


def test_importing_the_package_imports_nothing_heavy():
    program = (
        "import time; start = time.perf_counter()\n"
        "import analogy, sys\n"
        "print(time.perf_counter() - start, {'numpy', 'numba', 'onnx', 'PIL'} & set(sys.modules))"
    )

    outputs = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.split(maxsplit=1)
        for _ in range(3)
    ]

    assert min(float(seconds) for seconds, _ in outputs) < 0.1
    assert {loaded.strip() for _, loaded in outputs} == {"set()"}


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="transmit"):
        analogy.transmit  # noqa: B018


def functions():
    """Public functions and methods of what the package exports, by their qualified names."""
    for public in PUBLIC.values():
        if inspect.isfunction(public):
            yield public
        elif inspect.isclass(public):
            for name, member in vars(public).items():
                function = getattr(member, "fget", getattr(member, "func", member))
                own = inspect.isfunction(function) and function.__module__ == public.__module__
                if own and (not name.startswith("_") or name == "__init__"):
                    yield function


@pytest.mark.parametrize("function", list(functions()), ids=lambda function: function.__qualname__)
def test_public_functions_are_annotated(function):
    hints = typing.get_type_hints(function, localns=deferred())

    parameters = [name for name in inspect.signature(function).parameters if name != "self"]
    assert hints.keys() == {*parameters, "return"}


def deferred():
    """What annotations alone name, and import only for type checkers."""
    from analogy.network.features import FeatureExtractor
    from analogy.network.layers import Network

    return {"FeatureExtractor": FeatureExtractor, "Network": Network, **PUBLIC}
