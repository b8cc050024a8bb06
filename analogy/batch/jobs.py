"""The jobs of a batch, which are requests, and how each went."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Literal

from analogy.errors import explained
from analogy.method.session import Session
from analogy.run_files import transfer_files

_log = logging.getLogger(__name__)


Status = Literal["done", "found done", "failed", "not run"]


@dataclass(frozen=True)
class Outcome:
    """How a job went.

    Attributes
    ----------
    name : str
        Name of the job.
    status : "done", "found done", "failed" or "not run"
        Found done is what an earlier batch left whole.
    seconds : float
        Time that it took.
    reason : str
        Why it failed.
    """

    name: str
    status: Status
    seconds: float = 0.0
    reason: str = ""


class Abandoned(Exception):  # noqa: N818 (no error)
    """A job was left unfinished because its batch ended."""


class Runner:
    """Carries out jobs one after the other, by one session as long as their model is the same.

    Parameters
    ----------
    memory : int or None
        Bytes that a transfer may take, all that the process holds included; what the machine has
        free when None.
    """

    def __init__(self, memory=None):
        self._memory = memory
        self._session, self._session_of = None, None
        self._is_abandoned = False

    def __call__(self, job):
        """Carry out a job unless its folder shows that it was; what fails it is in the outcome.

        Parameters
        ----------
        job : Request

        Returns
        -------
        Outcome

        Raises
        ------
        Abandoned
        """
        started = time.perf_counter()
        status: Status
        try:
            status, reason = self._run(job), ""
        except Abandoned:
            raise
        # One bad pair, whatever is bad about it, must not end the others.
        except Exception as error:
            _log.info("%s: failed", job.name, exc_info=True)
            status, reason = "failed", explained(error)
        return Outcome(job.name, status, round(time.perf_counter() - started, 3), reason)

    def abandon(self):
        """Have the job that is being carried out by another thread end at its next step."""
        self._is_abandoned = True

    def _run(self, job) -> Status:
        # Only with a job to do is it worth a second.
        from analogy.batch.resume import identify, is_finished, record_finished

        session = self._session_for(job)
        identity = identify(job, session)
        if is_finished(job.folder, identity):
            return "found done"
        _, outputs = transfer_files(job, session=session, progress=self._go_on)
        record_finished(job.folder, identity, outputs)
        return "done"

    def _session_for(self, job):
        if self._session_of != (job.model, job.device):
            self._session = Session(job.model, job.device, memory=self._memory)
            self._session_of = job.model, job.device
        return self._session

    def _go_on(self, fraction, text):
        if self._is_abandoned:
            raise Abandoned
