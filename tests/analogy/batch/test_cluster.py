"""Jobs on real worker processes, which are killed."""

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image

from analogy.batch.pairs import read_jobs
from analogy.errors import AnalogyError
from analogy.method.warm_up import warm_up
from analogy.parameters import Parameters
from analogy_kernels.target import CPU
from tests.analogy.batch.pictures import paint, tabulate
from tests.processes import heed_interrupts

distributed = pytest.importorskip("distributed")

from analogy.batch.cluster import run_on_scheduler  # noqa: E402  needs Dask

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

_PATIENCE = 120


@pytest.fixture(scope="module", autouse=True)
def kernels_are_compiled():
    """On a new machine compilation takes longer than the tests have patience."""
    warm_up(Parameters(), CPU)


def start(*arguments):
    """Start a batch in a group of processes of its own, as a terminal does."""
    return subprocess.Popen(
        [sys.executable, ROOT / "cli.py", "batch", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )


def holders(process, folder):
    """Worker processes that have results staged in a folder."""
    found = []
    for worker in psutil.Process(process.pid).children(recursive=True):
        try:
            files = [Path(file.path) for file in worker.open_files()]
        except psutil.Error:
            continue
        if any(folder in file.parents and file.name.startswith(".lock") for file in files):
            found.append(worker)
    return found


def assert_ended(processes):
    """Fail unless processes end within seconds; the dead may wait to be fetched by the system."""
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


def assert_whole(folder):
    results = json.loads((folder / "job.json").read_text())["results"]
    assert {"a_prime.png", "b.png", "flow_ab.npy", "report.json"} <= set(results)
    for name, digest in results.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    Image.open(folder / "a_prime.png").load()
    assert not list(folder.glob(".unfinished-*"))


def statuses(out):
    return {
        pair["name"]: pair["status"]
        for pair in json.loads((out / "summary.json").read_text())["pairs"]
    }


@pytest.fixture
def another_scheduler():
    """A port that is taken: where Dask answers for itself unless told otherwise."""
    with socket.socket() as taken:
        # Or another has taken it already.
        with contextlib.suppress(OSError):
            taken.bind(("", 8787))
            taken.listen()
        yield


@pytest.mark.usefixtures("another_scheduler")
def test_killed_workers_lose_nothing_but_the_pair_that_kills_them(tmp_path):
    """One pair's worker is killed once, another's each time that it is begun.

    Another scheduler on the machine is no matter.
    """
    paint(tmp_path, "a.png", "b.png")
    paint(tmp_path, "large.png", size=(128, 128))
    path = tabulate(
        tmp_path,
        "a,b,name,finest-level",
        "a.png,b.png,first,5",
        "large.png,large.png,victim,3",
        "large.png,large.png,killer,3",
        "a.png,b.png,last,5",
    )
    out = tmp_path / "out"
    process = start(path, "--out", out, "--jobs", 2)
    killed, workers = {"victim": 0, "killer": 0}, set()
    looked, deadline = 0.0, time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        # To look through all processes of the machine takes longer than a glance into a folder.
        if time.monotonic() > looked + 0.5:
            workers.update(psutil.Process(process.pid).children(recursive=True))
            looked = time.monotonic()
        for name in killed:
            if list((out / name).glob(".unfinished-*")) and (name == "killer" or not killed[name]):
                for worker in holders(process, out / name):
                    worker.send_signal(signal.SIGKILL)
                    worker.wait(10)
                    killed[name] += 1
        time.sleep(0.01)
    shown, error = process.communicate(timeout=10)

    assert process.returncode == 1
    assert error == ""
    assert killed == {"victim": 1, "killer": 3}
    expected = dict.fromkeys(("first", "victim", "last"), "done") | {"killer": "failed"}
    assert statuses(out) == expected
    assert "killed its worker 3 times" in " ".join(shown.split())
    for name in ("first", "victim", "last"):
        assert_whole(out / name)
    assert not (out / "killer").exists()
    assert_ended(workers)


def test_interrupted_workers_leave_nothing_half_done(tmp_path):
    paint(tmp_path, "a.png", "b.png")
    paint(tmp_path, "large.png", size=(300, 300))
    path = tabulate(
        tmp_path,
        "a,b,name,finest-level",
        "a.png,b.png,quick,5",
        "large.png,large.png,slow,",
        "large.png,b.png,later,",
    )
    out = tmp_path / "out"
    process = start(path, "--out", out, "--jobs", 2)
    deadline = time.monotonic() + _PATIENCE
    # The slow pair is being transferred, and the quick one is there.
    while not (
        (out / "quick" / "job.json").exists() and list((out / "slow").glob(".unfinished-*"))
    ):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    workers = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)

    assert process.returncode == 130
    assert error == "interrupted; what is done stays, the same command goes on\n"
    assert statuses(out)["slow"] == statuses(out)["later"] == "not run"
    assert sorted(path.name for path in out.iterdir()) == ["quick", "summary.json"]
    assert_whole(out / "quick")
    assert_ended(workers)


def test_a_scheduler_that_is_there_is_used(tmp_path):
    paint(tmp_path, "a.png", "b.png")
    path = tabulate(
        tmp_path,
        "a,b,name,finest-level",
        "a.png,b.png,one,5",
        "absent.png,b.png,bad,5",
        "a.png,b.png,two,5",
    )
    jobs = read_jobs(path, tmp_path / "out")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, protocol="tcp"
    ) as cluster:
        found = {
            each.name: each for each in run_on_scheduler(jobs, cluster.scheduler_address, 2, 0.5)
        }
        again = {
            each.name: each.status
            for each in run_on_scheduler(jobs, cluster.scheduler_address, None, 0.5)
        }

    assert {name: each.status for name, each in found.items()} == {
        "one": "done",
        "two": "done",
        "bad": "failed",
    }
    assert "absent.png" in found["bad"].reason
    assert again == {"one": "found done", "two": "found done", "bad": "failed"}
    assert_whole(tmp_path / "out" / "one")


def test_workers_have_their_share_of_the_memory(tmp_path):
    paint(tmp_path, "a.png", "b.png")
    jobs = read_jobs(tabulate(tmp_path, "a,b,finest-level", "a.png,b.png,5"), tmp_path / "out")
    with distributed.LocalCluster(
        n_workers=1, processes=False, dashboard_address=None, protocol="tcp", memory_limit="800MiB"
    ) as cluster:
        (outcome,) = run_on_scheduler(jobs, cluster.scheduler_address, None, 0.5)

    assert outcome.status == "failed"
    assert "400 MiB" in outcome.reason


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x", "127.0.0.1:port"])
def test_a_scheduler_that_does_not_answer_is_named(tmp_path, address, monkeypatch):
    monkeypatch.setattr("analogy.batch.cluster._PATIENCE", 0.5)
    with pytest.raises(AnalogyError, match=f"--scheduler {address}"):
        list(run_on_scheduler([], address, None, 0.5))
