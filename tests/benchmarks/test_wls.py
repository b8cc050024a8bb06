import numpy as np
import pytest

from benchmarks import wls
from tests import oracles

OPTIONS = {"smoothness": 0.8, "sensitivity": 1.0, "epsilon": 1e-4}


def test_matrix_is_the_filters(random):
    guide, image = random.random((5, 7), np.float32), random.random((5, 7, 2), np.float32)

    applied = wls.system(guide, **OPTIONS) @ oracles.wls(image, guide, **OPTIONS).reshape(35, 2)

    np.testing.assert_allclose(applied, image.reshape(35, 2), rtol=1e-6)


@pytest.mark.parametrize("wrong", [False, True])
def test_error_and_iterations_are_measured(monkeypatch, wrong):
    monkeypatch.setattr(wls, "_SIDE", 48)
    monkeypatch.setattr(wls, "_SIDE_OF_BOTH", 40)
    if wrong:
        monkeypatch.setattr(wls, "wls", lambda image, guide: image)
    figures = {figure.what: figure for figure in wls.measure(rounds=1)}

    assert (figures["largest error / range"].verdict == "holds") != wrong
    assert (figures["a megapixel: iterations"].value > 3) != wrong
