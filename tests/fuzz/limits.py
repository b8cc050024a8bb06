"""What reading one file may take of the machine."""

import contextlib
import faulthandler
import signal
import sys

import psutil

# Of processor time, which another program's load does not use up.
SECONDS = 10.0
BYTES = 2**30

# After which even a loop in C is ended, and the whole process with it.
_SECONDS_OF_PATIENCE = 300


@contextlib.contextmanager
def limited(seconds=SECONDS, size=BYTES):
    """Raise TimeoutError or MemoryError when the block takes more than it may."""
    if sys.platform == "win32":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGPROF, _expired)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + size, before[1]))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    faulthandler.dump_traceback_later(_SECONDS_OF_PATIENCE, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.signal(signal.SIGPROF, handler)


def _expired(*_):
    raise TimeoutError("one input took too long")


def assert_not_exhausted(error):
    """Fail when an error was refused only because a limit was met."""
    while error is not None:
        assert not isinstance(error, (MemoryError, TimeoutError)), repr(error)
        error = error.__cause__ or error.__context__
