import numpy as np

from analogy_kernels.matching.restrain import restrain


def test_what_went_too_far_along_either_axis_goes_back(target):
    start = np.full((1, 6, 2), 10, np.int32)
    nnf = np.array([[[10, 10], [13, 7], [14, 10], [10, 6], [7, 14], [6, 13]]], np.int32)

    found = target.to_host(restrain(target.asarray(nnf), target.asarray(start), 3))

    np.testing.assert_array_equal(found[0, :2], nnf[0, :2])
    np.testing.assert_array_equal(found[0, 2:], start[0, 2:])
