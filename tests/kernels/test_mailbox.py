import numpy as np

from analogy_kernels.mailbox import Mailbox
from analogy_kernels.target import CUDA


def test_numbers_arrive_and_stay():
    """What has been read is not changed by what is read later."""
    mailbox = Mailbox(CUDA, 3)

    mailbox.numbers[:] = CUDA.asarray(np.array([1.5, -2, np.inf]))
    first = mailbox.read()
    mailbox.numbers[:] = CUDA.asarray(np.zeros(3))
    second = mailbox.read()

    assert first.tolist() == [1.5, -2, np.inf]
    assert second.tolist() == [0, 0, 0]


def test_numbers_arrive_on_a_stream():
    from numba import cuda

    mailbox = Mailbox(CUDA.on_stream(cuda.stream()), 1)
    mailbox.numbers[:] = CUDA.asarray(np.ones(1))

    assert mailbox.read().tolist() == [1]
