import numpy as np
import pytest

from analogy_kernels.solvers.elimination import ColourElimination
from analogy_kernels.solvers.wls import wls
from analogy_kernels.target import CPU
from tests import oracles

OPTIONS = {"smoothness": 0.8, "sensitivity": 1.0, "epsilon": 1e-4}

# Of the values' range; see the filter's `tolerance`.
ERROR = 1e-4


def picture(random, height, width, channels=3):
    """Noise to smooth, and a guide that is flat in places and rough in others.

    Weights of neighbours then differ by four powers of ten, as those of photographs do.
    """
    image = random.random((height, width, channels), np.float32)
    guide = np.round(random.random((height, width), np.float32) * 4) / 4
    guide[:, width // 2 :] += random.random((height, width - width // 2), np.float32) / 50
    return image, guide


def filtered(target, image, guide, **options):
    out = wls(target.asarray(image), target.asarray(guide), **options)
    return target.to_host(out)


# Odd and even sides, single rows, columns and pixels; few, for the simulator is slow.
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 5), (5, 1), (3, 4), (4, 5)])
def test_solves_the_system(target, random, shape):
    image, guide = picture(random, *shape, channels=2)

    out = filtered(target, image, guide, **OPTIONS)

    expected = oracles.wls(image, guide, **OPTIONS)
    np.testing.assert_allclose(out, expected, rtol=0, atol=ERROR)
    assert out.dtype == np.float32


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (2, 33), (32, 32), (31, 47), (64, 23)])
@pytest.mark.parametrize("channels", [1, 3])
def test_solves_larger_systems(random, shape, channels):
    image, guide = picture(random, *shape, channels)

    out = wls(image, guide, **OPTIONS)

    expected = oracles.wls(image, guide, **OPTIONS)
    np.testing.assert_allclose(out, expected, rtol=0, atol=ERROR)


@pytest.mark.parametrize(
    "change", [{"smoothness": 5.0}, {"sensitivity": 1.6}, {"epsilon": 1e-2}], ids=str
)
def test_options_are_those_of_the_system(random, change):
    image, guide = picture(random, 20, 21)
    options = OPTIONS | change

    out = wls(image, guide, **options)

    expected = oracles.wls(image, guide, **options)
    np.testing.assert_allclose(out, expected, rtol=0, atol=ERROR)
    assert np.abs(out - wls(image, guide, **OPTIONS)).max() > 100 * ERROR


def test_a_constant_image_stays(target, random):
    _, guide = picture(random, 4, 5)

    out = filtered(target, np.full((4, 5, 1), 0.7, np.float32), guide)

    np.testing.assert_allclose(out, 0.7, rtol=0, atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1])
def test_last_row_and_column_are_smoothed_as_the_first_are(random, axis):
    image, guide = picture(random, 12, 14)

    turned = wls(np.flip(image, axis).copy(), np.flip(guide, axis).copy())

    np.testing.assert_allclose(np.flip(turned, axis), wls(image, guide), rtol=0, atol=ERROR)
    border = np.take(turned, -1, 1 - axis)
    assert np.ptp(border) < 0.9 * np.ptp(np.take(image, -1, 1 - axis))


def test_smooths_within_edges_and_not_across(random):
    image = np.repeat(np.float32([0, 1]), 20)[np.newaxis, :, np.newaxis] * np.ones((30, 1, 1))
    noisy = (image + 0.1 * random.standard_normal(image.shape)).astype(np.float32)
    guide = image[..., 0].astype(np.float32)

    out = wls(noisy, guide)

    assert np.abs(out - image).max() < 0.1
    # Without a guide to tell the halves apart they run into each other.
    assert np.abs(wls(noisy, np.zeros_like(guide)) - image).max() > 0.3


def test_writes_to_out_which_may_be_the_image(target, random):
    image, guide = picture(random, 3, 3)
    expected = filtered(target, image, guide)
    on_target = target.asarray(image.copy())

    returned = wls(on_target, target.asarray(guide), out=on_target)

    assert returned is on_target
    np.testing.assert_array_equal(target.to_host(on_target), expected)


def test_arrays_of_two_targets_are_refused(random):
    from analogy_kernels.target import CUDA

    image, guide = picture(random, 3, 3)
    with pytest.raises(ValueError, match="all be"):
        wls(CUDA.asarray(image), guide)


@pytest.mark.compiled
def test_few_iterations_whatever_the_size(monkeypatch, random):
    """Scaling by the diagonal alone takes about 300 at either."""
    precondition, calls = ColourElimination.precondition, []

    def counted(elimination, residual, out):
        calls.append(residual.shape)
        precondition(elimination, residual, out)

    monkeypatch.setattr(ColourElimination, "precondition", counted)
    counts = []
    for side in (64, 256):
        wls(*picture(random, side, side))
        counts.append(len(calls) - sum(counts))

    assert max(counts) < 60


def test_nothing_is_allocated_by_an_iteration(monkeypatch, random):
    made = []
    zeros = CPU.zeros

    def counted(shape, dtype=np.float32):
        made.append(shape)
        return zeros(shape, dtype)

    monkeypatch.setattr(CPU, "zeros", staticmethod(counted))
    image, guide = picture(random, 40, 40)
    counts = []
    for tolerance in (1e-1, 1e-6):
        wls(image, guide, tolerance=tolerance)
        counts.append(len(made) - sum(counts))

    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"image": np.zeros((0, 0, 1), np.float32)}, "image is .*, not empty"),
        ({"guide": np.zeros((4, 6), np.float32)}, r"guide is float32 \(4, 6\)"),
        ({"guide": np.zeros((4, 4), np.float32)}, r"has to be float32 \(4, 5\)"),
        ({"smoothness": -1.0}, "smoothness is -1.0"),
        ({"smoothness": np.nan}, "smoothness is nan"),
        ({"sensitivity": -1.0}, "sensitivity is -1.0"),
        ({"epsilon": 0.0}, "epsilon is 0.0"),
        ({"epsilon": 1e-50}, "epsilon is 1e-50"),
        ({"tolerance": -1e-5}, "tolerance is -1e-05"),
        ({"image": np.full((4, 5, 1), np.nan, np.float32)}, "beyond float32"),
        ({"guide": np.full((4, 5), np.nan, np.float32)}, "beyond float32"),
        ({"image": np.full((4, 5, 1), 1e30, np.float32)}, "beyond float32"),
        ({"smoothness": 1e30, "epsilon": 1e-30}, "beyond float32"),
    ],
)
def test_what_has_no_solution_is_refused(changed, told):
    arguments = {"image": np.ones((4, 5, 1), np.float32), "guide": np.ones((4, 5), np.float32)}
    with pytest.raises(ValueError, match=told):
        wls(**arguments | changed)


def test_zeros_stay_zeros(target):
    image, guide = (target.asarray(np.zeros(shape, np.float32)) for shape in ((3, 4, 2), (3, 4)))

    np.testing.assert_array_equal(target.to_host(wls(image, guide)), 0)
