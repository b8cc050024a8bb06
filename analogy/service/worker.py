"""The process that transfers: one task after the other, with one session."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import traceback
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analogy.errors import AnalogyError, brief
from analogy.request import Request
from analogy.system.memory import total_memory
from analogy.system.outputs import make_folder, write_image

_READY, _PROGRESS, _DONE, _FAILED, _BROKEN = "ready", "progress", "done", "failed", "broken"

# A killed process is gone at once, unless the system is busy writing its memory to disk.
_SECONDS_TO_END = 10

# What is left of jobs, to go on from: of so many at most, in so much of the memory.
_MOST_REMAINS, _REMAINS_SHARE = 3, 1 / 8


@dataclass(frozen=True)
class Task:
    """What the process is to do.

    Attributes
    ----------
    request : Request
        Its files are named relative to `folder`.
    folder : pathlib.Path
    origin : str
        By what is left of which job it may go on, and in whose name it leaves something.
    goes_on : bool
        Whether it goes on from that, as far as it is still there.
    previews : pathlib.Path or None
        Folder for pictures of what the results are going to look like: ``1_a_prime.png`` and
        ``1_b.png``, then those of 2, and so on.
    """

    request: Request
    folder: Path
    origin: str = ""
    goes_on: bool = False
    previews: Path | None = None


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

    def run(self, task, tell):
        """Transfer, and wait until it is done.

        Parameters
        ----------
        task : Task
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
            self._connection.send(task)
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
        if session:
            kept = _RemainsKept(session)
        while session:
            task = connection.recv()
            connection.send(_answer(task, session, kept, connection))


class _RemainsKept:
    """What is left of the newest jobs, as much as there is room for."""

    def __init__(self, session):
        memory = session.free_memory if session.target.is_cuda else total_memory()
        self._most_bytes = _REMAINS_SHARE * memory
        self._remains = OrderedDict()

    def find(self, origin):
        """What is left of a job, None where nothing is; it counts as new from now on."""
        if origin in self._remains:
            self._remains.move_to_end(origin)
        return self._remains.get(origin)

    def keep(self, origin, remains):
        self._remains[origin] = remains
        self._remains.move_to_end(origin)
        while len(self._remains) > _MOST_REMAINS or self._bytes() > self._most_bytes:
            self._remains.popitem(last=False)

    def clear(self):
        """Make room; tells whether there was anything."""
        had_any = bool(self._remains)
        self._remains.clear()
        return had_any

    def _bytes(self):
        return sum(remains.nbytes for remains in self._remains.values())


def _loaded(connection, model, device):
    from analogy.method.session import Session

    session = Session(model, device, compiles_beside=True)
    try:
        # Naming them loads them.
        _ = session.target, session.network, session.extractor
    except AnalogyError as error:
        connection.send((_FAILED, str(error)))
        return None
    connection.send((_READY, None))
    return session


def _answer(task, session, kept, connection):
    def tell(fraction, text):
        connection.send((_PROGRESS, (fraction, text)))

    try:
        return _DONE, _transfer_with_room(task, session, kept, tell)
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


def _transfer_with_room(task, session, kept, tell):
    """Transfer; what is left of other jobs gives way where memory is short."""
    from analogy.method.memory_estimate import NotEnoughMemoryError

    try:
        return _transfer(task, session, kept, tell)
    except NotEnoughMemoryError:
        if not kept.clear():
            raise
    return _transfer(task, session, kept, tell)


def _transfer(task, session, kept, tell):
    from analogy.run_files import transfer_files

    # Files then have their bare names in messages and in the report.
    os.chdir(task.folder)
    record, _ = transfer_files(
        task.request,
        session=session,
        progress=tell,
        on_preview=task.previews and _Previews(task.previews),
        remains=kept.find(task.origin) if task.goes_on else None,
        on_remains=lambda remains: kept.keep(task.origin, remains),
    )
    return record["seconds"]["total"]


class _Previews:
    """Writes pictures of what results are going to look like into a folder, one pair a call."""

    def __init__(self, folder):
        self._folder, self._count = folder, 0

    def __call__(self, a_prime, b):
        self._count += 1
        folder = make_folder(self._folder)
        # Of a pair A' is the last to be there.
        for name, image in (("b", b), ("a_prime", a_prime)):
            unfinished = folder / "unfinished.png"
            write_image(unfinished, image)
            os.replace(unfinished, folder / f"{self._count}_{name}.png")
