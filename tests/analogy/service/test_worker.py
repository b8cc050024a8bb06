import os
import signal
from dataclasses import replace

import psutil
import pytest

from analogy import AnalogyError
from analogy.service.form import request_of
from analogy.service.worker import Worker
from tests.analogy.service.serving import CUP, PHOTO, QUICK, started_worker


@pytest.fixture(scope="module")
def shared_worker():
    worker = started_worker()
    yield worker
    worker.stop()


@pytest.fixture
def worker(shared_worker):
    shared_worker.start_if_ended()
    return shared_worker


def task_in(folder, parameters=None):
    (folder / "photo.png").write_bytes(PHOTO)
    (folder / "cup.png").write_bytes(CUP)
    request = request_of("photo.png", "cup.png", folder / "results", QUICK)
    return request if parameters is None else replace(request, parameters=parameters), folder


def ignore(fraction, stage):
    pass


def process_of(worker):
    return psutil.Process(worker.process_id)


def test_failed_task_names_its_file_and_the_process_goes_on(worker, tmp_path):
    request, folder = task_in(tmp_path)
    (tmp_path / "cup.png").write_bytes(CUP[:200])
    process = process_of(worker)
    with pytest.raises(AnalogyError, match=r"^cup\.png: damaged"):
        worker.run(request, folder, ignore)

    assert process_of(worker) == process
    assert process.is_running()
    assert not request.folder.exists()


def test_process_that_failed_unexpectedly_is_replaced(worker, tmp_path):
    process = process_of(worker)
    with pytest.raises(AnalogyError, match="failed unexpectedly: AttributeError"):
        worker.run(*task_in(tmp_path, parameters="none"), ignore)
    assert not process.is_running()

    worker.start_if_ended()
    worker.wait_until_ready()
    assert process_of(worker) != process


def test_process_that_was_killed_says_what_it_may_have_been(worker, tmp_path):
    def kill(fraction, stage):
        os.kill(worker.process_id, signal.SIGKILL)

    with pytest.raises(AnalogyError, match="killed, as the system does when memory runs out"):
        worker.run(*task_in(tmp_path), kill)


def test_model_that_is_none_is_refused_before_any_task(tmp_path):
    worker = Worker(tmp_path / "none.onnx", "cpu")
    worker.start()
    with pytest.raises(AnalogyError, match=r"none\.onnx"):
        worker.wait_until_ready()
    worker.stop()


def test_worker_that_was_never_started_can_be_stopped():
    Worker().stop()
