from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from analogy.method.subpixel_refinement import refine_matches
from analogy.parameters import PRESETS, Parameters
from analogy_kernels.target import CPU, CUDA

DISPLACEMENT = np.array([1.4, -0.6])
FLAT = np.s_[20:30, 20:30]
REFINED = replace(PRESETS["flow"], smoothing=2, subpixel=5)


def identity(shape):
    return np.stack(np.indices(shape), axis=-1)


@pytest.fixture
def scene(random):
    """A textured picture with a flat patch, itself moved, and matches but for those of the patch.

    Matches are in whole pixels and lead back, except those of the patch, which are random.
    """
    texture = gaussian_filter(random.random((48, 50, 3)), (1.5, 1.5, 0))
    texture = (texture - texture.min()) / np.ptp(texture)
    texture[FLAT] = 0.5
    moved = [
        shift(channel, DISPLACEMENT, mode="nearest") for channel in np.moveaxis(texture, -1, 0)
    ]
    a, b_prime = (
        np.uint8(np.clip(255 * image, 0, 255)) for image in (texture, np.stack(moved, -1))
    )
    last = np.subtract(a.shape[:2], 1)
    nnf_ab, nnf_ba = (
        np.clip(identity(a.shape[:2]) + sign * np.round(DISPLACEMENT), 0, last).astype(np.int32)
        for sign in (1, -1)
    )
    nnf_ab[FLAT] = random.integers(20, 30, nnf_ab[FLAT].shape)
    return a, b_prime, nnf_ab, nnf_ba


def errors(field, part=np.s_[8:-8, 8:-8]):
    displacements = field - identity(field.shape[:2])
    return np.linalg.norm(displacements - DISPLACEMENT, axis=-1)[part].mean()


def test_smoothing_decides_what_is_flat(scene):
    found, _ = refine_matches(*scene, replace(REFINED, subpixel=0))

    assert errors(scene[2], FLAT) > 2
    assert errors(found, FLAT) < 1


def test_iterations_find_fractions(scene):
    whole, _ = refine_matches(*scene, replace(REFINED, subpixel=0))
    found, _ = refine_matches(*scene, REFINED)

    # Whole pixels are off by the length of (0.4, 0.4).
    assert errors(whole) > 0.5
    assert errors(found) < 0.2


def test_both_directions_are_refined(scene):
    a, b_prime, nnf_ab, nnf_ba = scene
    forward, reverse = refine_matches(a, b_prime, nnf_ab, nnf_ba, REFINED)
    other_reverse, other_forward = refine_matches(b_prime, a, nnf_ba, nnf_ab, REFINED)

    np.testing.assert_array_equal(forward, other_forward)
    np.testing.assert_array_equal(reverse, other_reverse)


def test_what_the_other_image_lacks_keeps_its_match(scene):
    a, b_prime, nnf_ab, nnf_ba = scene
    a = a.copy()
    # Seen in A only; its like lies elsewhere in B'.
    a[30:36, 30:36] = b_prime[6:12, 9:15]
    nnf_ab[30:36, 30:36] = identity(a.shape[:2])[6:12, 9:15]

    found, _ = refine_matches(a, b_prime, nnf_ab, nnf_ba, REFINED)

    np.testing.assert_array_equal(found[32:34, 32:34], nnf_ab[32:34, 32:34])


def test_targets_agree(random):
    # Between the others' middles, so that rounding puts no position inside or outside.
    a, b_prime = (random.integers(100, 156, (6, 7, 3)).astype(np.uint8) for _ in range(2))
    nnfs = [np.int32(np.clip(identity((6, 7)) + step, 2, (3, 4))) for step in (1, -1)]
    parameters = Parameters(smoothing=1, subpixel=1)

    expected = refine_matches(a, b_prime, *nnfs, parameters)
    found = refine_matches(a, b_prime, *map(CUDA.asarray, nnfs), parameters)

    for field, expected_field in zip(found, expected, strict=True):
        np.testing.assert_allclose(CUDA.to_host(field), CPU.to_host(expected_field), atol=1e-3)
