import numpy as np
import pytest

import analogy
from analogy import AnalogyError, Parameters, Session
from analogy.method.memory_estimate import FIXED_BYTES

QUICK = Parameters(search_iterations=(1,) * 5, deconv_iterations=1)


def test_transfers_of_a_session_share_its_network_and_give_what_one_alone_gives(random):
    a, b_prime = random.integers(0, 256, (2, 40, 48, 3), np.uint8)
    session = Session(device="cpu")
    first, second = (analogy.transfer(a, b_prime, QUICK, session=session) for _ in range(2))
    alone = analogy.transfer(a, b_prime, QUICK, device="cpu")

    assert session.network is session.network
    assert session.extractor is session.extractor
    np.testing.assert_array_equal(first.a_prime, alone.a_prime)
    np.testing.assert_array_equal(second.a_prime, alone.a_prime)


def test_kernels_are_prepared_once_for_the_same_parameters(random):
    a, b_prime = random.integers(0, 256, (2, 40, 48, 3), np.uint8)
    session = Session(device="cpu")
    _, again = (analogy.transfer(a, b_prime, QUICK, session=session) for _ in range(2))
    seconds = again.record["seconds"]
    assert next(taken for stage, taken in seconds.items() if "kernels" in stage) < 0.01


def test_several_references_take_a_session_too(random):
    a, *b_primes = random.integers(0, 256, (3, 40, 48, 3), np.uint8)
    found = analogy.transfer_from_several(a, b_primes, QUICK, session=Session(device="cpu"))
    assert len(found.analogies) == 2


def test_a_model_that_is_none_is_refused_when_it_is_used(tmp_path, random):
    a, b_prime = random.integers(0, 256, (2, 40, 48, 3), np.uint8)
    session = Session(tmp_path / "none.onnx", "cpu")
    with pytest.raises(AnalogyError, match=r"none\.onnx"):
        analogy.transfer(a, b_prime, QUICK, session=session)


def test_a_transfer_takes_no_more_memory_than_its_session_may(random):
    a, b_prime = random.integers(0, 256, (2, 40, 48, 3), np.uint8)
    session = Session(device="cpu", memory=FIXED_BYTES)
    with pytest.raises(AnalogyError, match="not enough memory"):
        analogy.transfer(a, b_prime, QUICK, session=session)
