"""What happens in a run, written to a file.

The modules log through ``logging.getLogger(__name__)`` and configure nothing: a program that uses
the package sets up logging as it likes.
"""

from __future__ import annotations

import contextlib
import logging

from analogy.errors import AnalogyError

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def logged(path, level="info"):
    """Append what the package logs to a file while the block runs, and what the block raises.

    Warnings are on standard error, as they are without a file.

    Parameters
    ----------
    path : path-like or None
        None writes nothing.
    level : "debug", "info", "warning" or "error"

    Raises
    ------
    AnalogyError
        If the file cannot be written.
    """
    with _attached(_warnings_shown(), logging.WARNING):
        if path is None:
            yield
            return
        with _attached(_handler(path), level.upper()):
            try:
                yield
            except AnalogyError as error:
                _log.error("%s", error)
                raise
            except BaseException as error:
                name = type(error).__name__
                _log.error("ended by %s", name, exc_info=not _is_interrupt(error))
                raise


@contextlib.contextmanager
def _attached(handler, level):
    """Let a handler have what the package logs from a level on, and others what they had."""
    package = logging.getLogger("analogy")
    before = package.level
    handler.setLevel(level)
    package.addHandler(handler)
    package.setLevel(min(handler.level, before or handler.level))
    try:
        yield
    finally:
        package.setLevel(before)
        package.removeHandler(handler)
        handler.close()


class _Handler(logging.FileHandler):
    """A file's log; a disk that is full of it ends nothing."""

    def handleError(self, record):  # noqa: N802 (logging's name)
        pass

    def close(self):
        with contextlib.suppress(OSError):
            super().close()


def _handler(path):
    try:
        handler = _Handler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise AnalogyError(
            f"{path}: the log cannot be written ({error.strerror or error}); "
            "name another file with --log"
        ) from error
    handler.setFormatter(logging.Formatter(_FORMAT))
    return handler


def _warnings_shown():
    """What has warnings on standard error, where they are without a file, too; errors are told."""
    handler = logging.StreamHandler()
    handler.addFilter(lambda record: record.levelno == logging.WARNING)
    return handler


def _is_interrupt(error):
    return isinstance(error, KeyboardInterrupt)
