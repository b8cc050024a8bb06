"""The queue: jobs come in, wait, run one at a time, and are kept until newer ones replace them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analogy.errors import AnalogyError, brief
from analogy.service.progress import Pace
from analogy.service.worker import Task

ARRIVING, WAITING, RUNNING = "arriving", "waiting", "running"
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
_OVER = {DONE, FAILED, CANCELLED}


class QueueFullError(AnalogyError):
    """No job can be taken now."""


@dataclass
class Job:
    """A job, and how far it has come.

    Attributes
    ----------
    id : str
        A word that cannot be guessed: who knows it may see the results.
    folder : pathlib.Path
        A folder of the job's own; holds ``inputs`` and ``results``.
    state : str
        "arriving", "waiting", "running", "done", "failed" or "cancelled".
    request : Request or None
        None while it arrives.
    fraction : float
        Share of it that is done, in [0, 1].
    stage : str
        What it is at.
    pace : Pace
        How fast it comes on.
    error : str
        Why it failed.
    seconds : float
        Time that it took.
    origin : str
        The job that it goes on from; its own identifier if it begins anew.
    points : list of (ax, ay, bx, by)
        Pixels that correspond, as far as any were given.
    """

    id: str
    folder: Path
    state: str = ARRIVING
    request: Any = None
    fraction: float = 0.0
    stage: str = ""
    pace: Pace = field(default_factory=Pace)
    error: str = ""
    seconds: float = 0.0
    origin: str = ""
    points: list = field(default_factory=list)

    @property
    def inputs(self):
        return self.folder / "inputs"

    @property
    def results(self):
        return self.folder / "results"

    @property
    def previews(self):
        """Folder of what the results are going to look like: 1_a_prime.png, 1_b.png and so on."""
        return self.folder / "previews"

    @property
    def task(self):
        """What the worker is to do."""
        goes_on = self.origin != self.id
        return Task(self.request, self.inputs, self.origin, goes_on, self.previews)

    def tell(self, fraction, stage):
        """Note how far it has come, never less than before; a worker's callback."""
        self.fraction, self.stage = max(self.fraction, fraction), stage
        self.pace.note(self.fraction, stage, time.monotonic())

    @property
    def shown_fraction(self):
        """Share that is done as it is to be shown, which does not leap while it runs."""
        return self.pace.shown(time.monotonic()) if self.state == RUNNING else self.fraction

    @property
    def seconds_left(self):
        """Seconds that it will still take, or None where that cannot be told."""
        return self.pace.seconds_left(time.monotonic()) if self.state == RUNNING else None


class Jobs:
    """All jobs of a server. Methods are called in its event loop.

    Parameters
    ----------
    folder : pathlib.Path
        For their files.
    worker : Worker
    queue_length : int
        Most jobs that may wait, the running one aside.
    keep : int
        Most jobs that are over whose results are kept.
    """

    def __init__(self, folder, worker, queue_length, keep):
        self._folder, self._worker = folder, worker
        self._queue_length, self._keep = queue_length, keep
        # By when they began to wait, then by when they were over.
        self._jobs = OrderedDict()
        self._queue = asyncio.Queue()

    async def run(self):
        """Run jobs one after the other until cancelled; the worker is stopped then."""
        try:
            while True:
                job = await self._queue.get()
                if job.state == WAITING:
                    await self._run(job)
        finally:
            self._worker.stop()

    def admit(self):
        """A new job with a place in the queue, whose files may now arrive.

        Raises
        ------
        QueueFullError
        """
        waiting = [job for job in self._jobs.values() if job.state in (ARRIVING, WAITING)]
        if len(waiting) >= self._queue_length:
            raise QueueFullError(f"{len(waiting)} jobs are waiting already; try again later")
        identifier = secrets.token_urlsafe(12)
        job = Job(identifier, self._folder / identifier, origin=identifier)
        job.inputs.mkdir(parents=True)
        self._jobs[job.id] = job
        return job

    def enqueue(self, job, request):
        """Let a job wait for its turn: its files are there."""
        job.state, job.request = WAITING, request
        self._jobs.move_to_end(job.id)
        self._queue.put_nowait(job)

    def discard(self, job):
        """Forget a job."""
        shutil.rmtree(job.folder, ignore_errors=True)
        del self._jobs[job.id]

    def find(self, identifier):
        """The job of an identifier that has arrived, or None."""
        job = self._jobs.get(identifier)
        return None if job is None or job.state == ARRIVING else job

    def ahead(self, job):
        """How many jobs come before one that waits, the running one included."""
        unfinished = [other for other in self._jobs.values() if other.state in (WAITING, RUNNING)]
        return unfinished.index(job) if job in unfinished else 0

    def cancel(self, job):
        """End a job that waits or runs; nothing happens to one that is over."""
        if job.state in _OVER:
            return
        if job.state == RUNNING:
            # First, as it would go on writing files.
            self._worker.stop()
        self._end(job, CANCELLED)

    async def _run(self, job):
        job.state = RUNNING
        try:
            # It may have died while it had nothing to do.
            self._worker.start_if_ended()
            job.seconds = await asyncio.to_thread(self._worker.run, job.task, job.tell)
        except AnalogyError as error:
            job.error = str(error)
        # No job may end the queue.
        except Exception as error:
            job.error = f"failed unexpectedly: {type(error).__name__}: {brief(error)}"
        if job.state == RUNNING:
            self._end(job, FAILED if job.error else DONE)
        # At once, so that the next job finds the network loaded.
        with contextlib.suppress(OSError):
            self._worker.start_if_ended()

    def _end(self, job, state):
        job.state = state
        self._jobs.move_to_end(job.id)
        # What is done keeps its previews as well: a page may be about to fetch the last of them.
        if state != DONE:
            shutil.rmtree(job.folder, ignore_errors=True)
        over = [job for job in self._jobs.values() if job.state in _OVER]
        for oldest in over[: -self._keep]:
            self.discard(oldest)
