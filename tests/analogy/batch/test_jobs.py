import dataclasses
import json
import pickle
from pathlib import Path

import pytest

from analogy.batch.jobs import Abandoned, Runner
from analogy.method.memory_estimate import FIXED_BYTES, MIB
from analogy.parameters import Parameters
from analogy.request import Inputs, Request
from tests.analogy.batch.pictures import paint

ABSENT = Inputs(Path("absent.png"), [Path("absent.png")])


@pytest.fixture
def job(tmp_path):
    paint(tmp_path, "a.png", "b.png")
    inputs = Inputs(tmp_path / "a.png", [tmp_path / "b.png"])
    folder = tmp_path / "out" / "one"
    return Request(inputs, folder, Parameters(finest_level=5), device="cpu")


@pytest.fixture(scope="module")
def runner():
    return Runner()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_session_is_shared_and_what_is_done_stays(job, runner):
    other = dataclasses.replace(job, folder=job.folder.with_name("two"))

    assert [runner(each).status for each in (job, other)] == ["done", "done"]
    seconds = json.loads((other.folder / "report.json").read_text())["seconds"]
    assert next(taken for stage, taken in seconds.items() if "kernels" in stage) < 0.01
    before = contents(job.folder)
    assert runner(job).status == "found done"
    assert contents(job.folder) == before


def test_jobs_travel(job):
    assert pickle.loads(pickle.dumps(job)) == job


def test_another_model_has_a_session_of_its_own(job, tmp_path):
    (tmp_path / "none.onnx").write_bytes(b"none")

    runner = Runner()
    assert "absent.png" in runner(dataclasses.replace(job, inputs=ABSENT)).reason
    outcome = runner(dataclasses.replace(job, model=tmp_path / "none.onnx"))
    assert outcome.status == "failed"
    assert "none.onnx" in outcome.reason


def test_a_changed_input_is_done_anew(job, runner):
    runner(job)
    before = contents(job.folder)
    paint(job.inputs.a.parent, "c.png")
    (job.inputs.a.parent / "c.png").replace(job.inputs.a)

    assert runner(job).status == "done"
    assert contents(job.folder)["b.png"] != before["b.png"]
    assert runner(job).status == "found done"


@pytest.mark.parametrize("content", [None, b"no image"])
def test_a_bad_image_fails_its_job_alone(job, runner, content):
    image = job.inputs.b_primes[0]
    good = image.read_bytes()
    image.unlink()
    if content:
        image.write_bytes(content)

    outcome = runner(job)
    assert outcome.status == "failed"
    assert "b.png" in outcome.reason
    assert not job.folder.parent.exists()
    image.write_bytes(good)
    assert runner(job).status == "done"


def test_what_does_not_fit_is_refused_with_what_does(job):
    paint(job.inputs.a.parent, "a.png", size=(400, 400))

    outcome = Runner(memory=FIXED_BYTES + 100 * MIB)(job)
    assert outcome.status == "failed"
    assert "not enough memory" in outcome.reason
    assert "--max-side 128 fits" in outcome.reason
    assert not job.folder.parent.exists()


def test_an_abandoned_job_leaves_nothing(job):
    runner = Runner()
    runner.abandon()
    with pytest.raises(Abandoned):
        runner(job)
    assert not job.folder.parent.exists()
