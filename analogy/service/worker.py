"""The process that transfers: one task after the other, with one session."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import traceback
from typing import Any

from analogy.errors import AnalogyError, brief

_READY, _PROGRESS, _DONE, _FAILED, _BROKEN = "ready", "progress", "done", "failed", "broken"

# A killed process is gone at once, unless the system is busy writing its memory to disk.
_SECONDS_TO_END = 10


class Worker:
    """A process of its own, so that it may be killed, or die, and the server goes on.

    Parameters
    ----------
    model : path, optional
        ONNX weights, by default the bundled ones.
    device : "auto", "cuda" or "cpu"
    """

    def __init__(self, model=None, device="auto"):
        # The process works in other folders than this one.
        self._model = None if model is None else os.path.abspath(model)
        self._device = device
        self._process: Any = None
        self._connection: Any = None

    @property
    def process_id(self):
        """Of the process as it is now; one that is started anew has another."""
        return self._process.pid

    def start(self):
        """Start the process, which loads the network; does not wait for it."""
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        arguments = theirs, self._model, self._device
        self._process = context.Process(target=_work, args=arguments, daemon=True)
        self._process.start()
        # Only the process holds this end now, so that reading fails when the process is gone.
        theirs.close()

    def wait_until_ready(self):
        """Wait until the network is loaded.

        Raises
        ------
        AnalogyError
            If the model or the device cannot be used.
        """
        self._expect(_READY, lambda fraction, stage: None)

    def run(self, request, folder, tell):
        """Transfer, and wait until it is done.

        Parameters
        ----------
        request : Request
            Its files are named relative to `folder`.
        folder : pathlib.Path
        tell : callable, (fraction in [0, 1], text) -> None

        Returns
        -------
        seconds : float
            Time that the transfer took.

        Raises
        ------
        AnalogyError
            If it failed, or the process was killed.
        """
        # Where the process is gone already, reading tells why.
        with contextlib.suppress(OSError):
            self._connection.send((request, folder))
        return self._expect(_DONE, tell)

    def start_if_ended(self):
        """Start the process anew where it was killed or died."""
        if not self._process.is_alive():
            self.start()

    def stop(self):
        """Kill the process, whatever it does; what waits for it is told that it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.join(_SECONDS_TO_END)

    def _expect(self, awaited, tell):
        while True:
            try:
                kind, content = self._connection.recv()
            except (EOFError, OSError):
                raise AnalogyError(self._end()) from None
            if kind == _PROGRESS:
                tell(*content)
            elif kind == awaited:
                return content
            elif kind != _READY:
                if kind == _BROKEN:
                    self.stop()
                raise AnalogyError(content)

    def _end(self):
        self._process.join(_SECONDS_TO_END)
        code = self._process.exitcode
        if code == -signal.SIGKILL:
            return (
                "the process that computes was killed, as the system does when memory runs out; "
                "choose a smaller scale or longest side"
            )
        return f"the process that computes ended unexpectedly (exit code {code}); try again"


def _work(connection, model, device):
    """Load the network, then do tasks until the server is gone."""
    # Ctrl-C reaches every process of a terminal; the server ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, OSError):
        session = _loaded(connection, model, device)
        while session:
            request, folder = connection.recv()
            connection.send(_answer(request, folder, session, connection))


def _loaded(connection, model, device):
    from analogy.method.session import Session

    session = Session(model, device)
    try:
        # Naming them loads them.
        _ = session.target, session.network, session.extractor
    except AnalogyError as error:
        connection.send((_FAILED, str(error)))
        return None
    connection.send((_READY, None))
    return session


def _answer(request, folder, session, connection):
    def tell(fraction, text):
        connection.send((_PROGRESS, (fraction, text)))

    try:
        return _DONE, _transfer(request, folder, session, tell)
    except AnalogyError as error:
        return _FAILED, str(error)
    except MemoryError:
        return _BROKEN, "memory ran out; choose a smaller scale or longest side"
    except ConnectionError:
        # The server is gone.
        raise
    # What it was in the middle of when it failed is unknown, on a GPU above all: it is replaced.
    except Exception as error:
        traceback.print_exc()
        return _BROKEN, f"failed unexpectedly: {type(error).__name__}: {brief(error)}"


def _transfer(request, folder, session, tell):
    from analogy.run_files import transfer_files

    # Files then have their bare names in messages and in the report.
    os.chdir(folder)
    record, _ = transfer_files(request, session=session, progress=tell)
    return record["seconds"]["total"]
