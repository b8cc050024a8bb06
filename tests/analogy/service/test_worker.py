import json
import os
import signal
from dataclasses import replace

import psutil
import pytest

from analogy import AnalogyError
from analogy.service.form import again_with_points, request_of
from analogy.service.worker import Task, Worker
from tests.analogy.service.serving import CUP, PHOTO, QUICK, started_worker

# What a task gives is nothing to these tests.
FEW = {"search_iterations": (1,) * 5, "deconv_iterations": 1}


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
    parameters = parameters or replace(request.parameters, **FEW)
    return Task(replace(request, parameters=parameters), folder)


def ignore(fraction, stage):
    pass


def process_of(worker):
    return psutil.Process(worker.process_id)


def test_failed_task_names_its_file_and_the_process_goes_on(worker, tmp_path):
    task = task_in(tmp_path)
    (tmp_path / "cup.png").write_bytes(CUP[:200])
    process = process_of(worker)
    with pytest.raises(AnalogyError, match=r"^cup\.png: damaged"):
        worker.run(task, ignore)

    assert process_of(worker) == process
    assert process.is_running()
    assert not task.request.folder.exists()


def test_process_that_failed_unexpectedly_is_replaced(worker, tmp_path):
    process = process_of(worker)
    with pytest.raises(AnalogyError, match="failed unexpectedly: AttributeError"):
        worker.run(task_in(tmp_path, parameters="none"), ignore)
    assert not process.is_running()

    worker.start_if_ended()
    worker.wait_until_ready()
    assert process_of(worker) != process


def test_process_that_was_killed_says_what_it_may_have_been(worker, tmp_path):
    def kill(fraction, stage):
        os.kill(worker.process_id, signal.SIGKILL)

    with pytest.raises(AnalogyError, match="killed, as the system does when memory runs out"):
        worker.run(task_in(tmp_path), kill)


def record_of(task):
    return json.loads((task.request.folder / "report.json").read_text())


def goes_on(task, origin, points="10,10,20,20\n"):
    """The task again with points, in a folder of its own."""
    (task.folder / "points.csv").write_text(points)
    return Task(again_with_points(task.request, task.folder / "again"), task.folder, origin, True)


def test_what_is_left_of_the_newest_jobs_is_gone_on_from(worker, tmp_path):
    for name in "abcd":
        task = replace(task_in(tmp_path), origin=name)
        worker.run(task, ignore)

    again = goes_on(task, "d")
    worker.run(again, ignore)
    assert record_of(again)["again"] is True
    assert record_of(again)["points"] == [[10, 10, 20, 20]]

    # Of three jobs at most something is left: "a" is done as a whole, and leaves something anew.
    again = goes_on(task, "a")
    worker.run(again, ignore)
    assert "again" not in record_of(again)
    assert record_of(again)["points"] == [[10, 10, 20, 20]]
    worker.run(again, ignore)
    assert record_of(again)["again"] is True


def test_previews_are_there_before_the_results(worker, tmp_path):
    seen = []

    def look(fraction, stage):
        if (tmp_path / "previews" / "1_a_prime.png").exists():
            seen.append((tmp_path / "results" / "a_prime.png").exists())

    worker.run(replace(task_in(tmp_path), previews=tmp_path / "previews"), look)

    assert seen[0] is False
    names = {path.name for path in (tmp_path / "previews").iterdir()}
    assert names == {"1_a_prime.png", "1_b.png"}


def test_model_that_is_none_is_refused_before_any_task(tmp_path):
    worker = Worker(tmp_path / "none.onnx", "cpu")
    worker.start()
    with pytest.raises(AnalogyError, match=r"none\.onnx"):
        worker.wait_until_ready()
    worker.stop()


def test_worker_that_was_never_started_can_be_stopped():
    Worker().stop()
