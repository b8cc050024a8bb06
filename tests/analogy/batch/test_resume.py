import dataclasses
import json
from importlib.metadata import version

import pytest

from analogy.batch.resume import RECORD, identify, is_finished, record_finished
from analogy.method.session import Session
from analogy.parameters import Parameters
from analogy.request import Extras, Inputs, Request
from tests.analogy.batch.pictures import paint


@pytest.fixture(scope="module")
def session():
    return Session(device="cpu")


@pytest.fixture
def job(tmp_path):
    """A job, whose results are written here by hand."""
    paint(tmp_path, "a.png", "b.png", "keep.png")
    (tmp_path / "points.csv").write_text("1,2,3,4")
    guides = {"keep": tmp_path / "keep.png", "points": tmp_path / "points.csv"}
    inputs = Inputs(tmp_path / "a.png", [tmp_path / "b.png"], guides)
    return Request(inputs, tmp_path / "one", Parameters())


@pytest.fixture
def identity(job, session):
    """What the job is, its results being there."""
    (job.folder / "viz").mkdir(parents=True)
    for name in ("a_prime.png", "viz/level.png"):
        (job.folder / name).write_bytes(name.encode())
    found = identify(job, session)
    outputs = {name: job.folder / name for name in ("a_prime.png", "viz")}
    record_finished(job.folder, found, outputs)
    return found


def test_what_is_there_and_whole_is_finished(job, identity, session):
    assert identify(job, session) == identity
    assert is_finished(job.folder, identity)


def test_an_identity_is_of_contents_and_the_program(job, identity, session):
    moved = job.inputs.a.rename(job.inputs.a.with_name("renamed.png"))
    inputs = dataclasses.replace(job.inputs, a=moved)
    assert identify(dataclasses.replace(job, inputs=inputs), session) == identity
    assert identity["program"] == version("deep-image-analogy")
    assert identity["model"] == session.network.sha256


@pytest.mark.parametrize("name", ["a.png", "b.png", "keep.png", "points.csv"])
def test_a_changed_input_is_another_job(job, identity, session, name):
    path = job.folder.parent / name
    path.write_bytes(path.read_bytes() + b"\0")
    assert not is_finished(job.folder, identify(job, session))


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": Parameters(seed=1)},
        {"extras": Extras(viz=True)},
        {"extras": Extras(report=True)},
        {"device": "cpu"},
    ],
    ids=str,
)
def test_a_changed_option_is_another_job(job, identity, session, change):
    assert not is_finished(job.folder, identify(dataclasses.replace(job, **change), session))


def test_another_version_or_model_is_another_job(job, identity):
    for name in ("program", "model"):
        assert not is_finished(job.folder, identity | {name: "other"})


@pytest.mark.parametrize("name", ["a_prime.png", "viz/level.png", RECORD])
def test_what_is_missing_is_not_finished(job, identity, name):
    (job.folder / name).unlink()
    assert not is_finished(job.folder, identity)


@pytest.mark.parametrize("name", ["a_prime.png", "viz/level.png"])
def test_what_is_damaged_is_not_finished(job, identity, name):
    path = job.folder / name
    path.write_bytes(path.read_bytes()[:-1])
    assert not is_finished(job.folder, identity)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[]", b"[" * 100_000, b'{"job": 1}', b'{"results": {}}']
)
def test_a_record_that_is_none_counts_for_nothing(job, identity, content):
    (job.folder / RECORD).write_bytes(content)
    assert not is_finished(job.folder, identity)


@pytest.mark.parametrize("results", [None, {}, [], {"a\0": "x"}])
def test_a_record_without_results_counts_for_nothing(job, identity, results):
    (job.folder / RECORD).write_text(json.dumps({"job": identity, "results": results}))
    assert not is_finished(job.folder, identity)
