import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from analogy import AnalogyError
from analogy.service.server import Options, serve
from tests.analogy.service.serving import LARGE, PATIENCE, Service
from tests.processes import heed_interrupts

ROOT = Path(__file__).parents[3]


def command(*options):
    return [
        sys.executable,
        str(ROOT / "cli.py"),
        "serve",
        "--device",
        "cpu",
        "--port",
        "0",
        *options,
    ]


def environment(folder):
    return os.environ | {"TMPDIR": str(folder), "NUMBA_NUM_THREADS": "1"}


@pytest.fixture
def server(tmp_path):
    """A server's process and the service that it is."""
    process = subprocess.Popen(
        command(),
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    try:
        url = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0]
        yield process, Service(url)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one such address")
def test_another_address_of_this_machine_answers_as_it_is_announced(tmp_path):
    process = subprocess.Popen(
        command("--host", "127.0.1.1"),
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = re.search(r"http://127\.0\.1\.1:\d+", process.stdout.readline())[0]
        assert Service(url).get("").status_code == 200
    finally:
        process.kill()
        process.communicate()


def work(service):
    service.until_at_work(service.submit(LARGE, {}))


def rest(service):
    assert service.get("").status_code == 200


@pytest.mark.parametrize(
    ("number", "do"), [(signal.SIGTERM, work), (signal.SIGINT, rest)], ids=["term", "interrupt"]
)
def test_server_that_is_ended_leaves_nothing(server, tmp_path, number, do):
    process, service = server
    do(service)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("analogy-serve-")]

    process.send_signal(number)
    _, error = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130
    assert error == "stopped; uploads and results are removed\n"
    assert list(tmp_path.iterdir()) == []
    assert_gone(children)


def assert_gone(processes):
    _, alive = psutil.wait_procs(processes, PATIENCE)
    assert alive == []


def test_worker_ends_when_its_server_is_killed(server):
    process, service = server
    work(service)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    assert_gone(children)


def test_port_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AnalogyError, match=rf"^127\.0\.0\.1, port {port}: .*--port$"):
            serve(Options(port=port))


def test_host_that_is_none_is_named():
    with pytest.raises(AnalogyError, match=r"^no\.such\.host\.invalid, port "):
        serve(Options(host="no.such.host.invalid"))


def test_model_that_is_none_ends_the_server_before_it_serves(tmp_path):
    ended = subprocess.run(
        command("--model", "none.onnx"),
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert re.fullmatch(r"error: .*none\.onnx: .*\n", ended.stderr)
    assert list(tmp_path.iterdir()) == []
