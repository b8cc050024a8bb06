import numpy as np

from analogy.method.composition import choose, compose, picked


def test_each_region_takes_what_costs_least_there():
    cheap_left = np.ones((20, 20))
    cheap_left[:, :10] = 0

    choice = choose([cheap_left, 1 - cheap_left], (40, 40))

    assert (choice[:, :18] == 0).all()
    assert (choice[:, 22:] == 1).all()


def test_a_single_pixel_does_not_change_its_mind():
    costs = np.zeros((2, 15, 15))
    costs[1] = 0.2
    costs[0, 7, 7] = 1

    assert not choose(costs, (15, 15)).any()


def test_images_pass_into_each_other_within_a_patch():
    choice = np.zeros((1, 9), np.uint8)
    choice[:, 5:] = 1
    images = [np.full((1, 9, 3), value, np.uint8) for value in (0, 90)]

    composed = compose(images, choice, 3)

    assert composed[0, :, 0].tolist() == [0, 0, 0, 0, 30, 60, 90, 90, 90]


def test_maps_are_picked_pixel_by_pixel():
    assert picked([np.array([1, 2]), np.array([3, 4])], np.array([1, 0])).tolist() == [3, 2]
