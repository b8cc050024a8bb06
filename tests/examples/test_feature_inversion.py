import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio

import analogy_kernels
from analogy.method.deconvolution import prepare
from analogy.model import bundled_path
from analogy.network.layers import Network
from examples.feature_inversion import Objective, invert
from tests.analogy.tiny import tiny_network


def test_a_picture_is_found_again_by_its_features(random):
    image = 255 * gaussian_filter(random.random((32, 40, 3)), (3, 3, 0))
    image = np.float32(127 + 4 * (image - image.mean()))
    network = Network.load(bundled_path())

    found, residual = invert(network, image, level=2, iterations=30)

    assert residual < 0.01
    grey = np.broadcast_to(network.mean, image.shape)
    start = peak_signal_noise_ratio(image, grey, data_range=255)
    assert peak_signal_noise_ratio(image, found, data_range=255) > start + 10


def test_the_gradient_is_that_of_the_loss(random):
    layers = prepare(tiny_network(random).layers(0, 1), 0, analogy_kernels.CPU)
    image = random.standard_normal((4, 5, 3)).astype(np.float32)
    objective = Objective(layers, image, smoothness=0.5)
    at = random.standard_normal(image.size).astype(np.float32)
    along = random.standard_normal(image.size).astype(np.float32)
    step, slope = np.float32(1e-2), np.empty(image.size, np.float32)

    difference = objective.value(at + step * along) - objective.value(at - step * along)
    objective.value(at)
    objective.gradient(at, slope)

    assert slope @ along == pytest.approx(difference / (2 * step), rel=2e-2)
