from dataclasses import replace

import numpy as np
import pytest

from analogy.method.deconvolution import prepare
from analogy.method.reconstruction import blend_with_content, deconvolve_detail, resample_detail
from analogy.parameters import Parameters
from analogy_kernels.matching.upsample import upsample_nnf
from analogy_kernels.target import CPU
from tests.analogy.tiny import tiny_features, tiny_network


@pytest.fixture
def network(random):
    return tiny_network(random)


@pytest.fixture
def image(random):
    return random.random((32, 40, 3))


def layers_of(network, level, depth):
    kept = len(network.layers(level - depth, level - 1)) if depth > 1 else 0
    return prepare(network.layers(level - depth, level), kept, CPU)


def in_place(shape):
    return np.stack(np.mgrid[: shape[0], : shape[1]], axis=-1).astype(np.int32)


def detail_of(features, nnf, network, level, parameters):
    layers = layers_of(network, level, parameters.deconv_depth)
    return deconvolve_detail(features, features, nnf, level, layers, parameters, lambda part: None)


@pytest.mark.parametrize("level", [5, 4, 3, 2])
@pytest.mark.parametrize("depth", [1, 2])
def test_features_matched_in_place_come_back(network, image, level, depth):
    features = tiny_features(network, image)
    parameters = Parameters(deconv_depth=depth, deconv_target="warp", deconv_tolerance=1e-4)
    nnf = in_place(features[level].shape)

    # Started at the solution: a voted start is the features themselves where matches are in place.
    detail = detail_of(features, nnf, network, level, parameters)

    assert detail.features.shape == features[level - 1].shape
    difference = np.square(detail.features - features[level - 1]).sum()
    assert difference < 1e-6 * np.square(features[level - 1]).sum()


@pytest.mark.parametrize("start", ["vote", "random"])
@pytest.mark.parametrize("target", ["vote", "warp"])
def test_start_and_target_are_as_asked(network, image, start, target):
    features = tiny_features(network, image)
    shift = np.roll(in_place(features[3].shape), 2, axis=1)
    parameters = Parameters(deconv_start=start, deconv_target=target, deconv_iterations=30)

    detail = detail_of(features, shift, network, 3, parameters)

    assert detail.residuals[-1] < 0.5 * detail.residuals[0]
    for other in (
        replace(parameters, deconv_start="random" if start == "vote" else "vote"),
        replace(parameters, deconv_target="warp" if target == "vote" else "vote"),
    ):
        assert detail_of(features, shift, network, 3, other).residuals != detail.residuals


def test_resampled_features_are_fetched_through_the_upsampled_matches(network, image, random):
    features = tiny_features(network, image)
    height, width = features[2].shape[:2]
    nnf = random.integers(0, (height, width), (height, width, 2)).astype(np.int32)

    detail = resample_detail(features, features, nnf, 2)

    finer = upsample_nnf(nnf, (32, 40), (32, 40))
    np.testing.assert_array_equal(detail, features[1][finer[..., 0], finer[..., 1]])


def test_content_is_kept_where_it_responds(random):
    content = np.zeros((6, 8, 3), np.float32)
    content[:, 4:] = random.standard_normal((6, 4, 3)) + 5
    detail = random.standard_normal(content.shape, np.float32)
    for weight_map in ("sigmoid", "hard"):
        parameters = Parameters(weight_map=weight_map)

        blended = blend_with_content(content, detail, 4, parameters)

        alpha = np.float32(0.8)
        expected = alpha * content[:, 4:] + (1 - alpha) * detail[:, 4:]
        np.testing.assert_allclose(blended[:, 4:], expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(blended[:, :4], detail[:, :4], atol=1e-5)
