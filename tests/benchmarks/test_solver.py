import numpy as np
import pytest

from analogy import Analogy
from analogy.model import bundled_path
from analogy.network.layers import Network
from benchmarks.solver import distance, level_shape, work


def analogy(a_prime=100, flow_ab=0.0, record=None):
    """Result of a constant picture and flow, of unequal sizes."""
    sizes = (33, 40), (48, 36)
    images = [np.full((*sizes[0], 3), a_prime, np.uint8), np.full((*sizes[1], 3), 50, np.uint8)]
    flows = [np.zeros((*size, 2), np.float32) for size in sizes]
    flows[0][..., 0] = flow_ab
    confidences = [np.full(size, 255, np.uint8) for size in sizes]
    return Analogy(*images, *flows, *confidences, record or {})


def test_distance_of_pictures_and_matches():
    off_by_one = distance(analogy(a_prime=101, flow_ab=1.0), analogy())

    # 20 log10(255) for an error of one everywhere.
    assert off_by_one[0] == pytest.approx(48.13, abs=0.01)
    assert np.isinf(off_by_one[1])
    assert off_by_one[2] == 100


def test_matches_count_in_both_directions():
    two_pixels = distance(analogy(flow_ab=2.0), analogy())

    assert two_pixels[2] == pytest.approx(100 * 48 * 36 / (48 * 36 + 33 * 40))


def test_shape_of_a_level():
    assert [level_shape((33, 40), level) for level in range(4)] == [
        (33, 40),
        (33, 40),
        (17, 20),
        (9, 10),
    ]


def test_work_is_weighted_by_the_operations_of_the_level_and_size():
    network = Network.load(bundled_path())
    record = {
        "parameters": {"deconv_depth": 2},
        "sizes": [[[16, 20], [24, 18]], [[33, 40], [48, 36]]],
        "deconvolution": [
            {"scale": 0, "level": 2, "image": "b", "evaluations": 7},
            {"scale": 1, "level": 2, "image": "a_prime", "evaluations": 3},
            {"scale": 1, "level": 2, "image": "b", "evaluations": 5},
        ],
    }

    # Image to level 2: conv1_1 and conv1_2 at full size, conv2_1 at half. Forward and backward.
    full, half = 3 * 64 + 64 * 64, 64 * 128
    of_a, of_b = 33 * 40 * full + 17 * 20 * half, 48 * 36 * full + 24 * 18 * half
    of_small_b = 24 * 18 * full + 12 * 9 * half
    operations = 2 * 2 * 9 * (3 * of_a + 5 * of_b + 7 * of_small_b)
    assert work(analogy(record=record), network) == operations
