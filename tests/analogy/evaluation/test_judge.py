import numpy as np
import pytest
from PIL import Image
from skimage import data

from analogy.evaluation.judge import (
    Judge,
    projected_quantiles,
    self_distances,
    structure_distance,
    style_distance,
)
from analogy.images import resize
from analogy.model import bundled_path
from analogy.network.features import FeatureExtractor
from tests import oracles

SHAPE = (48, 40)


@pytest.fixture(scope="module")
def extractor():
    return FeatureExtractor(bundled_path(), "cpu")


@pytest.fixture(scope="module")
def images():
    """A portrait and a cup."""
    return resize(data.astronaut()[:240, 120:320], SHAPE), resize(data.coffee()[:, 150:480], SHAPE)


@pytest.fixture(scope="module")
def judge(extractor, images):
    return Judge(*images, SHAPE, extractor)


def positive(random, *shape):
    """Features as a ReLU gives them, with a position where there is nothing."""
    features = np.maximum(random.standard_normal(shape), 0).astype(np.float32)
    features[1] = 0
    return features


def lanczos(image, shape):
    height, width = shape
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def test_self_distances_are_shares_of_cosine_distances(random):
    features = positive(random, 23, 7)

    # Cosines in float64: some ten roundings each.
    np.testing.assert_allclose(
        self_distances(features), oracles.self_distances(features), rtol=1e-12, atol=1e-15
    )


def test_structure_is_where_what_is_alike_lies(random):
    features = positive(random, 23, 7)
    distances = self_distances(features)

    stronger = self_distances(features * random.uniform(1, 3, (23, 1)).astype(np.float32))
    other_channels = self_distances(features[:, ::-1])
    elsewhere = self_distances(features[::-1])

    # Products are rounded to float32, which turns a feature by less than 1e-7 in angle.
    assert structure_distance(distances, stronger) < 1e-6
    assert structure_distance(distances, other_channels) < 1e-12
    by_hand = [np.abs(distances[i] - elsewhere[i]).sum() for i in range(23)]
    assert structure_distance(distances, elsewhere) == pytest.approx(np.mean(by_hand))
    assert 0.1 < structure_distance(distances, elsewhere) <= 2


# Fewer features than quantiles, as many, and more, none of them a multiple.
@pytest.mark.parametrize("count", [1, 41, 257, 1000])
def test_quantiles_are_those_of_projections(random, count):
    features = random.standard_normal((count, 9)).astype(np.float32)
    directions = random.standard_normal((9, 5)).astype(np.float32)

    quantiles = projected_quantiles(features, directions)

    assert quantiles.shape == (5, 257)
    # Nine products in float32, and quantiles move no further than what they are of.
    largest = np.linalg.norm(features, axis=1).max() * np.linalg.norm(directions, axis=0).max()
    np.testing.assert_allclose(
        quantiles,
        oracles.projected_quantiles(features, directions),
        rtol=0,
        atol=9 * np.finfo(np.float32).eps * largest,
    )


def test_style_is_what_there_is_wherever_it_lies(random):
    features = random.standard_normal((300, 9)).astype(np.float32)
    directions = np.eye(9, 2, dtype=np.float32)
    quantiles = projected_quantiles(features, directions)

    shuffled = projected_quantiles(random.permutation(features), directions)
    moved = projected_quantiles(features + 3 * np.eye(9, dtype=np.float32)[0], directions)

    assert style_distance(quantiles, shuffled) == 0
    # Three along one of two directions.
    assert style_distance(quantiles, moved) == pytest.approx(1.5, abs=1e-6)


def test_the_images_themselves_have_the_least_of_one_figure(judge, images):
    a, b_prime = images
    of_a, of_b_prime = judge(a), judge(b_prime)

    assert (of_a.structure, of_a.style) == (0, 1)
    assert of_b_prime.style == 0
    assert of_b_prime.structure > 0.1


def test_each_figure_sees_what_the_other_does_not(judge, images):
    a, b_prime = images
    recoloured, turned = judge(a[..., ::-1].copy()), judge(b_prime[:, ::-1])

    assert recoloured.structure < 0.5 * turned.structure
    assert turned.style < 0.5 * recoloured.style


def test_figures_are_those_of_their_definition(extractor, images, target):
    """Draws and resampling included: figures of different days are to be compared."""
    a, b_prime = images[0], resize(data.coffee(), (60, 90))
    picture = resize(data.astronaut()[:240, 100:300], (60, 50))
    judge = Judge(a, b_prime, SHAPE, lambda image: tuple(map(target.asarray, extractor(image))))

    figures = judge(picture)

    a, b_prime, x = (
        [map_.reshape(-1, map_.shape[2]) for map_ in extractor(lanczos(image, shape))]
        for image, shape in ((a, SHAPE), (b_prime, (48, 72)), (picture, SHAPE))
    )
    random = np.random.default_rng(0)
    structure = []
    for level in (3, 4):
        chosen = random.choice(len(a[level]), min(1000, len(a[level])), replace=False)
        of_a, of_x = (oracles.self_distances(features[level][chosen]) for features in (a, x))
        structure.append(np.abs(of_a - of_x).sum(axis=1).mean())
    random = np.random.default_rng(1)
    style = []
    for level in (1, 2, 3, 4):
        axes = random.normal(size=(a[level].shape[1], 128)).astype(np.float32)
        axes /= np.linalg.norm(axes, axis=0)
        of_a, of_b_prime, of_x = (
            oracles.projected_quantiles(features[level], axes) for features in (a, b_prime, x)
        )
        style.append(np.abs(of_x - of_b_prime).mean() / np.abs(of_a - of_b_prime).mean())
    assert figures.structure == pytest.approx(np.mean(structure), rel=1e-9)
    # Projections are in float32, of up to 512 terms.
    assert figures.style == pytest.approx(np.mean(style), rel=1e-4)


def test_positions_are_a_thousand_at_most(extractor):
    image = resize(data.astronaut(), (136, 140))
    shifted = np.roll(image, 4, axis=1)

    # Level 3 has 34 x 35.
    assert 0 < Judge(image, image[:, ::-1], (136, 140), extractor)(shifted).structure < 1


def test_images_of_one_look_leave_nothing_to_measure_style_by(extractor, images):
    a, _ = images

    figures = Judge(a, a, SHAPE, extractor)(a[:, ::-1])

    assert figures.structure > 0
    assert figures.style is None


def test_a_flat_picture_has_figures(judge):
    figures = judge(np.full((*SHAPE, 3), 128, np.uint8))

    assert np.isfinite([figures.structure, figures.style]).all()


def test_large_pictures_are_judged_smaller(extractor):
    shapes = []

    def keep_shape(image):
        shapes.append(image.shape[:2])
        return extractor(image)

    image = np.zeros((2000, 80, 3), np.uint8)
    Judge(image, np.zeros((40, 1500, 3), np.uint8), (2000, 80), keep_shape)(image)

    # The image that gives the style is as high as the others or, where it is wide, lower.
    assert shapes == [(32, 1000), (1000, 40), (1000, 40)]
