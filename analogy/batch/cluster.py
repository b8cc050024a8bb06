"""Jobs on worker processes, by Dask: a cluster of this machine's own, or one that is there."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections import deque
from concurrent.futures import CancelledError
from multiprocessing import resource_tracker
from typing import Any
from uuid import uuid4

import dask
from dask.system import CPU_COUNT
from distributed import Client, KilledWorker, Nanny, Scheduler, SpecCluster, get_worker, wait
from distributed.diagnostics.plugin import WorkerPlugin

from analogy.batch.jobs import Outcome, Runner
from analogy.errors import AnalogyError, explained
from analogy.system.outputs import discard_abandoned

# Of its workers that a pair may take with it before it counts as failed.
_ALLOWED_FAILURES = 2

# Seconds to wait for a scheduler.
_PATIENCE = 10

_THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# A worker holds one pair and no results, so there is nothing to move to disk or to wait for; what
# goes beyond its share is ended before the system ends another.
_MEMORY = {
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 1.0,
}


def run_on_workers(jobs, count, memory, gpus):
    """Carry out jobs on worker processes of this machine.

    Parameters
    ----------
    jobs : sequence of Request
    count : int
        Number of workers, which share the cores.
    memory : int
        Bytes that all of them may hold together.
    gpus : sequence of str
        Each worker is given one, as CUDA names it; empty where none is used.

    Yields
    ------
    Outcome
        In the order in which the jobs end.
    """
    with _local_cluster(count, memory // count, gpus) as client:
        yield from _outcomes(client, jobs, PairPlugin(1.0), count)


def run_on_scheduler(jobs, address, at_most, memory_share):
    """Carry out jobs on the workers of a Dask scheduler, which share this machine's files.

    Parameters
    ----------
    jobs : sequence of Request
    address : str
        Address of the scheduler, as ``tcp://host:8786``.
    at_most : int or None
        Jobs at once; one a worker when None.
    memory_share : float
        Share of its limit that a worker may hold.

    Yields
    ------
    Outcome
        In the order in which the jobs end.

    Raises
    ------
    AnalogyError
        If no scheduler answers, its workers do not have this program, or it is lost.
    """
    with _connected(address) as client:
        yield from _outcomes(client, jobs, PairPlugin(memory_share), at_most)


class PairPlugin(WorkerPlugin):
    """What a worker keeps from pair to pair: its runner, and that runs one at a time."""

    def __init__(self, memory_share):
        self._memory_share = memory_share
        # Several batches may share a scheduler.
        self.name = f"analogy-batch-{uuid4().hex}"

    def setup(self, worker):
        limit = worker.memory_manager.memory_limit
        self._runner = Runner(int(self._memory_share * limit) if limit else None)
        # Pairs would share the cores, and the kernels' scratch, if a worker has more threads.
        self._turn = threading.Lock()

    def teardown(self, worker):
        self._runner.abandon()

    def run(self, job):
        with self._turn:
            return self._runner(job)


def _run(plugin_name, job):
    plugin: Any = get_worker().plugins[plugin_name]
    return plugin.run(job)


def _outcomes(client, jobs, plugin, at_most):
    # What Dask has to say of workers that die shows in what becomes of the pairs.
    for logger in ("distributed", "distributed.client"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    _prepare(client, plugin)
    waiting, running = deque(jobs), {}
    try:
        while waiting or running:
            # One a worker: the death of one then counts against none but the job that it was at.
            free = min(at_most or len(jobs), max(1, len(client.nthreads()))) - len(running)
            for _ in range(min(free, len(waiting))):
                job = waiting.popleft()
                key = f"{plugin.name}-{job.name}"
                running[client.submit(_run, plugin.name, job, key=key)] = job
            ended = wait(list(running), return_when="FIRST_COMPLETED").done
            for future in ended:
                yield _outcome(future, running.pop(future))
    finally:
        _abandon(client, running, plugin)


def _prepare(client, plugin):
    try:
        client.register_plugin(plugin)
    # Whatever stands in the way of a worker's importing the package.
    except Exception as error:
        raise AnalogyError(
            f"the workers cannot run this program ({explained(error)}); "
            "install the same version of it there"
        ) from error


def _outcome(future, job):
    error = future.exception()
    if error is None:
        return future.result()
    discard_abandoned(job.folder)
    if isinstance(error, KilledWorker):
        reason = (
            f"killed its worker {error.allowed_failures + 1} times; run it by itself to see why, "
            "or with a smaller ratio if memory ran out"
        )
    else:
        reason = explained(error)
    return Outcome(job.name, "failed", reason=reason)


def _abandon(client, running, plugin):
    """Have the workers leave off what they are at; what they had staged goes with it."""
    if running:
        with contextlib.suppress(Exception):
            client.cancel(list(running))
    with contextlib.suppress(Exception):
        client.unregister_worker_plugin(plugin.name)


@contextlib.contextmanager
def _connected(address):
    try:
        client = Client(address, timeout=_PATIENCE)
    # A malformed address is a ValueError, and what is no host's name a system's error.
    except (OSError, ValueError) as error:
        raise AnalogyError(
            f"--scheduler {address}: no Dask scheduler answers there; start one by: dask scheduler"
        ) from error
    with client:
        try:
            yield client
        except (CancelledError, OSError) as error:
            raise AnalogyError(
                f"--scheduler {address}: the connection is lost; when it is back, the same command "
                "goes on with what is left"
            ) from error


@contextlib.contextmanager
def _local_cluster(count, memory, gpus):
    threads = str(max(1, CPU_COUNT // count))
    config = {"distributed.nanny.pre-spawn-environ": dict.fromkeys(_THREADS, threads), **_MEMORY}
    common = {"host": "127.0.0.1", "dashboard": False}
    with dask.config.set(config), contextlib.ExitStack() as stack:
        with _uninterrupted():
            cluster = stack.enter_context(
                SpecCluster(
                    scheduler={
                        "cls": Scheduler,
                        "options": common
                        | {
                            "port": 0,
                            # Asked for its health over HTTP even without a dashboard; on the
                            # usual port it would tell of another scheduler that is there.
                            "dashboard_address": "127.0.0.1:0",
                            "allowed_failures": _ALLOWED_FAILURES,
                        },
                    },
                    workers={
                        index: {
                            "cls": Nanny,
                            "options": common
                            | {
                                "nthreads": 1,
                                "memory_limit": memory,
                                "env": _environment(index, gpus),
                                "silence_logs": logging.CRITICAL,
                            },
                        }
                        for index in range(count)
                    },
                    silence_logs=logging.CRITICAL,
                )
            )
            client = stack.enter_context(Client(cluster))
        try:
            yield client
        finally:
            with _uninterrupted():
                stack.close()


@contextlib.contextmanager
def _uninterrupted():
    """Hold Ctrl-C back while the block runs, and for good from threads and processes it starts.

    A terminal sends it to all processes, and workers that end by it would be started anew.
    """
    came = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append(True))
    try:
        with _blocked():
            yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


@contextlib.contextmanager
def _blocked():
    """Block Ctrl-C in this thread, and so in the threads and processes that come of it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Older Pythons clear the mask of the thread that starts this process of theirs.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _environment(index, gpus):
    return {"CUDA_VISIBLE_DEVICES": gpus[index % len(gpus)]} if gpus else {}
