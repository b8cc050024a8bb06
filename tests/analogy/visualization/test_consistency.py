import numpy as np

from analogy.visualization.consistency import confidence, round_trip


def test_round_trips_are_measured(random):
    nnf = np.stack([random.integers(0, side, (4, 6)) for side in (5, 3)], axis=-1)
    reverse = np.stack([random.integers(0, side, (5, 3)) for side in (4, 6)], axis=-1)

    distance = round_trip(nnf, reverse)

    for y, x in np.ndindex(4, 6):
        back_y, back_x = reverse[tuple(nnf[y, x])]
        assert distance[y, x] == np.float32(np.hypot(back_y - y, back_x - x))


def test_confidence_is_full_where_matches_lead_back_and_half_a_pixel_off():
    np.testing.assert_array_equal(confidence(np.float32([0, 1, 3])), [1, 0.5, 0.25])
