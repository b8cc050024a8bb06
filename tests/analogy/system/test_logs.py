import logging
import subprocess
import sys
from pathlib import Path

import pytest

from analogy.errors import AnalogyError
from analogy.system.logs import logged

log = logging.getLogger("analogy.somewhere")


def test_a_level_and_above_is_appended(tmp_path):
    path = tmp_path / "run.log"
    for level in ("info", "warning"):
        with logged(path, level):
            log.debug("too fine")
            log.info("a stage")
            log.warning("a doubt")

    lines = path.read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == [
        "INFO    analogy.somewhere: a stage",
        "WARNING analogy.somewhere: a doubt",
        "WARNING analogy.somewhere: a doubt",
    ]


def test_logging_is_as_it_was_afterwards(tmp_path):
    package = logging.getLogger("analogy")
    before = package.level, list(package.handlers), list(logging.getLogger().handlers)

    with logged(tmp_path / "run.log"):
        assert package.handlers != before[1]

    assert (package.level, package.handlers, logging.getLogger().handlers) == before


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AnalogyError("a.png: no such file"), "ERROR   analogy.system.logs: a.png: no such file"),
        (KeyboardInterrupt(), "ended by KeyboardInterrupt"),
        (ZeroDivisionError("x"), "Traceback"),
    ],
)
def test_what_ended_the_run_is_the_last_line(tmp_path, error, words):
    def work():
        with logged(tmp_path / "run.log"):
            raise error

    with pytest.raises(type(error)):
        work()

    assert words in (tmp_path / "run.log").read_text()


def test_no_file_writes_nothing(tmp_path):
    with logged(None):
        log.error("unheard")

    assert list(tmp_path.iterdir()) == []


def test_log_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(AnalogyError, match="--log"), logged(tmp_path / "absent" / "run.log"):
        pytest.fail("entered")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_disk_full_of_the_log_ends_nothing(capsys):
    with logged("/dev/full"):
        log.info("x" * 100_000)

    assert capsys.readouterr() == ("", "")


def test_importing_configures_nothing():
    program = (
        "import logging, analogy.method.algorithm\n"
        "own = [logging.getLogger(name) for name in logging.root.manager.loggerDict"
        " if name.split('.')[0] in ('analogy', 'analogy_kernels')]\n"
        "assert len(own) > 2\n"
        "assert not any(x.handlers or x.level for x in [logging.root, *own] if x.name != 'root')\n"
        "assert not logging.root.handlers"
    )

    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3], check=True)


@pytest.mark.parametrize("level", ["debug", "warning", "error"])
def test_warnings_are_on_standard_error_and_nothing_else(tmp_path, capsys, level):
    def work():
        with logged(tmp_path / "run.log", level):
            log.info("a stage")
            log.warning("a doubt")
            raise AnalogyError("bad")

    with pytest.raises(AnalogyError):
        work()

    assert capsys.readouterr().err == "a doubt\n"
    assert ("a doubt" in (tmp_path / "run.log").read_text()) == (level != "error")
