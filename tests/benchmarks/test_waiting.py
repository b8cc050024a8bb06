import time

import psutil

from benchmarks import waiting
from benchmarks.table import at_most


class Slow:
    """A command line whose runs take so long alone, and longer where something else is running."""

    def __init__(self, alone, beside):
        self._alone, self._beside = alone, beside

    def transfer(self, height, width, *options):
        assert (height, width, options) == (32, 32, ("--seed", "1"))
        is_beside = any(waiting._BUSY in program.cmdline() for program in children())
        time.sleep(self._beside if is_beside else self._alone)


def children():
    return psutil.Process().children()


def test_sleeping_is_held_against_polling_alone_and_beside_others():
    before = children()
    asleep, polling = Slow(alone=0.1, beside=0.1), Slow(alone=0.1, beside=1)

    alone, beside = waiting.compare(asleep, polling, 1, 32, "--seed", "1")

    # Others may use the machine meanwhile.
    assert 0.2 < alone.value < 5
    assert 0.02 < beside.value < 0.6
    assert alone.bar == at_most(1.05)
    assert beside.bar == at_most(0.6)
    assert children() == before
