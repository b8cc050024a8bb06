"""The server: a socket, a worker and a folder, all gone when it ends."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from analogy.errors import AnalogyError
from analogy.service.app import Limits, make_app
from analogy.service.guard import LOOPBACK_NAMES
from analogy.service.jobs import Jobs
from analogy.service.worker import Worker
from analogy.system.memory import total_memory

# Uploads under way when the server is stopped get so long.
_SECONDS_TO_CLOSE = 2

# More connections than browsers of a few people open.
_MOST_CONNECTIONS = 100


@dataclass(frozen=True)
class Options:
    """Settings of a server.

    Attributes
    ----------
    host : str
        Address to listen at.
    port : int
        0 for any that is free.
    public_host : str or None
        Name of a proxy before the service, by which browsers reach it.
    model : path or None
    device : "auto", "cuda" or "cpu"
    upload_megabytes, megapixels : int
        Most of a pair of files, and of one image.
    memory_share : float
        Share of the machine's memory that a transfer may take, by estimate, in (0, 1].
    queue_length : int
        Most jobs that wait.
    keep : int
        Most jobs whose results are kept.
    """

    host: str = "127.0.0.1"
    port: int = 8448
    public_host: str | None = None
    model: Path | None = None
    device: str = "auto"
    upload_megabytes: int = 50
    megapixels: int = 50
    memory_share: float = 0.8
    queue_length: int = 8
    keep: int = 20

    @property
    def limits(self):
        """Limits of the application."""
        return Limits(
            upload_bytes=self.upload_megabytes * 10**6,
            pixels=self.megapixels * 10**6,
            memory_bytes=int(self.memory_share * total_memory()),
        )


def serve(options):
    """Serve the page until Ctrl-C or SIGTERM.

    Parameters
    ----------
    options : Options

    Raises
    ------
    AnalogyError
        If the address, the model or the device cannot be used.
    KeyboardInterrupt
        When it was ended, after everything is cleared up.
    """
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(_bound(options.host, options.port))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="analogy-serve-"))
        worker = Worker(options.model, options.device)
        stack.callback(worker.stop)
        stack.enter_context(_ended_by_signals())
        worker.start()
        worker.wait_until_ready()
        jobs = Jobs(Path(folder), worker, options.queue_length, options.keep)
        hosts = _hosts(listening, options.host)
        server = make_server(make_app(jobs, options.limits, hosts, options.public_host))
        _announce(listening)
        server.run([listening])


def make_server(app):
    """A server of an application: says nothing, and ends soon when it is told to."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_SECONDS_TO_CLOSE,
        )
    )


def _bound(host, port):
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AnalogyError(
            f"{host}, port {port}: cannot be listened at ({reason}); "
            "choose others with --host and --port"
        ) from error


def _is_loopback(listening):
    return ipaddress.ip_address(listening.getsockname()[0].partition("%")[0]).is_loopback


def _hosts(listening, host):
    """Names by which a service may be asked: this machine's own, if it listens to it alone."""
    return [*LOOPBACK_NAMES, _written(listening), host] if _is_loopback(listening) else ["*"]


def _written(listening):
    """The address that is listened at, as addresses of pages have it."""
    address = listening.getsockname()[0]
    return f"[{address}]" if ":" in address else address


@contextlib.contextmanager
def _ended_by_signals():
    """Let SIGTERM end the block as Ctrl-C does, and neither disturb what is done after it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


def _announce(listening):
    port = listening.getsockname()[1]
    print(f"open http://{_written(listening)}:{port}/ in a browser; Ctrl-C ends", flush=True)
    if not _is_loopback(listening):
        print("anyone who reaches this address can use it: it has no passwords", file=sys.stderr)
