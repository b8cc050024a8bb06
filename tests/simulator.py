"""Numba's CUDA simulator with the threads of a block taking turns.

Numba gives each CUDA thread a Python thread, lets all of them run at once, and asks them without
rest whether they wait. Here one runs at a time, up to the next barrier, and hands over to the next.
Nothing is asked, and a Python thread whose CUDA thread has ended goes on with the next one. So
kernels take a fraction of the time.

A barrier that lacks shows all the better: up to each one the threads run in an order that is drawn
anew, and what nobody has written to a block's shared arrays is no number.
"""

import random
import sys
import threading
from functools import partial

import numpy as np
from numba import types
from numba.cuda.np.numpy_support import as_dtype
from numba.cuda.simulator import kernel
from numba.cuda.simulator.kernelapi import Dim3, FakeCUDAShared


def take_turns():
    """Have the simulator run blocks as this module says."""
    kernel.BlockManager = partial(_Block, [], random.Random(0))
    FakeCUDAShared.array = _shared_array


class _Block:
    """The threads of a block, as Numba's ``BlockManager``.

    Parameters
    ----------
    idle : list of _Worker
        Those without work, of all blocks.
    order : random.Random
        By which it is drawn whose turn is next.
    """

    def __init__(self, idle, order, function, grid_dim, block_dim, debug):
        self._idle, self._order = idle, order
        self._function, self._shape = function, block_dim
        self._ready, self._waiting = [], []
        self._error, self._has_ended = None, _locked()

    def run(self, block_index, *arguments):
        """Run all threads; raises what the first of them raises, upon which the others end."""
        kernel._get_kernel_context().shared._allocations.clear()
        self.index, self._arguments = Dim3(*block_index), arguments
        self._unstarted = self._in_some_order(np.ndindex(*self._shape))
        self._hand_over()
        self._has_ended.acquire()
        if self._error is not None:
            raise self._error

    def work(self, worker):
        """Run one thread after the other, until there are none or one has waited."""
        while self._unstarted:
            worker.threadIdx = Dim3(*self._unstarted.pop())
            try:
                self._function(*self._arguments)
            except Exception as error:
                self._fail(error)
        self._idle.append(worker)
        self._hand_over()

    def wait(self, worker):
        """Keep a thread at a barrier until all others have ended or are there."""
        self._waiting.append(worker)
        self._hand_over()
        worker.turn.acquire()
        if self._error is not None:
            raise RuntimeError("another thread of the block has failed")

    def _fail(self, error):
        self._unstarted.clear()
        self._error = self._error or error

    def _hand_over(self):
        if self._unstarted:
            worker = self._idle.pop() if self._idle else _Worker()
            worker.begin(self)
            return
        if not self._ready:
            self._ready, self._waiting = self._in_some_order(self._waiting), []
        if self._ready:
            self._ready.pop().turn.release()
        else:
            self._has_ended.release()

    def _in_some_order(self, threads):
        threads = list(threads)
        self._order.shuffle(threads)
        return threads


class _Worker(threading.Thread):
    """A Python thread, which kernels ask which CUDA thread they are."""

    def __init__(self):
        super().__init__(daemon=True)
        self.turn = _locked()
        self.start()

    @property
    def blockIdx(self):  # noqa: N802  so the simulator calls it
        return self._block.index

    def begin(self, block):
        self._block = block
        self.turn.release()

    def run(self):
        while True:
            self.turn.acquire()
            self._block.work(self)

    def syncthreads(self):
        self._block.wait(self)


def _locked():
    """Lock that is taken: who takes it waits until another releases it."""
    lock = threading.Lock()
    lock.acquire()
    return lock


def _shared_array(shared, shape, dtype, alignment=None):
    """Array of a block, told from its others by the line that asks for it, as Numba does."""
    dtype = np.dtype(as_dtype(dtype) if isinstance(dtype, types.Type) else dtype)
    caller = sys._getframe(1)
    place = caller.f_code.co_filename, caller.f_lineno
    if place not in shared._allocations:
        nothing = np.nan if dtype.kind == "f" else -1
        shared._allocations[place] = np.full(shape, nothing, dtype)
    return shared._allocations[place]
