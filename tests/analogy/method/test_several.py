import numpy as np
import pytest
from skimage import data

from analogy.errors import AnalogyError
from analogy.images import resize
from analogy.method.masks import Masks
from analogy.method.several import transfer_from_several
from analogy.parameters import Parameters

QUICK = Parameters(search_iterations=(3,) * 5, deconv_iterations=4)
HALF = 48


@pytest.fixture(scope="module")
def images():
    """A face and a cup, and both again each beside something that is not in A."""
    face, cup, cat = (
        resize(image, (64, HALF))
        for image in (data.astronaut()[20:220, 150:300], data.coffee()[:, 100:500], data.cat())
    )
    side_by_side = [np.concatenate(pair, axis=1) for pair in ((face, cup), (face, cat), (cat, cup))]
    return side_by_side[0], side_by_side[1:]


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def found(images, told):
    a, references = images
    return transfer_from_several(
        a,
        references,
        QUICK,
        device="cpu",
        progress=lambda fraction, text: told.append(fraction),
        on_level=lambda index, state: told.append((index, state.level)),
    )


def test_every_pixel_takes_the_reference_that_shows_it(found):
    edge = 8
    assert (found.choice[:, : HALF - edge] == 0).mean() > 0.9
    assert (found.choice[:, HALF + edge :] == 1).mean() > 0.9
    assert found.shares == [(found.choice == 0).mean(), (found.choice == 1).mean()]


def test_result_is_nearer_to_a_than_each_reference_alone(images, found):
    def error(image):
        return np.square(image.astype(float) - images[0]).mean()

    assert error(found.a_prime) < 0.5 * min(error(one.a_prime) for one in found.analogies)


def test_flow_and_confidence_are_those_of_the_choice(found):
    for index, one in enumerate(found.analogies):
        chosen = found.choice == index
        np.testing.assert_array_equal(found.flow_ab[chosen], one.flow_ab[chosen])
        np.testing.assert_array_equal(found.confidence_a[chosen], one.confidence_a[chosen])


def test_progress_and_levels_are_told_of_every_reference(found, told):
    fractions = [entry for entry in told if isinstance(entry, float)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    levels = [entry for entry in told if isinstance(entry, tuple)]
    assert levels == [(index, level) for index in (0, 1) for level in (5, 4, 3, 2, 1)]


def test_what_is_kept_stays(images):
    a, references = images
    keep = np.zeros(a.shape[:2], np.uint8)
    keep[10:30, 20:40] = 1
    found = transfer_from_several(a, references, QUICK, device="cpu", masks=Masks(keep=keep))
    np.testing.assert_array_equal(found.a_prime[10:30, 20:40], a[10:30, 20:40])


def test_one_reference_is_no_several(images):
    with pytest.raises(AnalogyError, match="1 references; give from 2"):
        transfer_from_several(images[0], images[1][:1])


def test_labels_belong_to_one_reference(images):
    a, references = images
    labels = np.ones(a.shape[:2], np.uint8)
    with pytest.raises(AnalogyError, match=r"masks\.a: labels say"):
        transfer_from_several(a, references, masks=Masks(labels, labels))


def test_points_are_refused(images):
    a, references = images
    with pytest.raises(AnalogyError, match=r"points: .* one reference"):
        transfer_from_several(a, references, QUICK, device="cpu", points=[[1, 2, 3, 4]])
