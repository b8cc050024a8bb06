"""What the property tests share: settings, and odd sizes and contents of maps."""

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# The target fixture holds no state, so examples may share it; the simulator is slow, so examples
# are few and small; derandomized, so that every run tests the same.
property_test = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

sides = st.integers(1, 7)
shapes = st.tuples(sides, sides)
channel_counts = st.sampled_from([1, 3, 5, 9])
generators = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def feature_map(generator, shape, channels):
    """Random features, with about a fifth of the pixels dead (zero)."""
    features = generator.standard_normal((*shape, channels), dtype=np.float32)
    features[generator.random(shape) < 0.2] = 0
    return features


def random_nnf(generator, shape, source_shape):
    return generator.integers(0, source_shape, (*shape, 2)).astype(np.int32)
