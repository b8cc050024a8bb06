import io
import json
import os
import re

import numpy as np
import psutil
import pytest
from PIL import Image

from analogy.service.worker import Worker
from tests.analogy.service.serving import (
    CUP,
    LARGE,
    PAIR,
    PHOTO,
    QUICK,
    black,
    picture_file,
    served,
)

FILES = ["a_prime.png", "b.png", "confidence_a.png", "confidence_b.png", "flow_ab.npy"]
FILES += ["flow_ba.npy", "report.html", "report.json"]


def test_job_goes_from_two_images_to_what_a_run_writes(service):
    fields = QUICK | {"preset": "style2style", "seed": "7"}
    identifier = service.submit(fields=fields)
    said = service.until_over(identifier)

    assert said[-1]["state"] == "done", said[-1]
    assert said[-1]["results"] == FILES
    fractions = [job["fraction"] for job in said]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert len({job["stage"] for job in said}) > 2

    def result(name):
        return service.get(f"jobs/{identifier}/results/{name}")

    sizes = {
        name: Image.open(io.BytesIO(result(name).content)).size for name in ("a_prime.png", "b.png")
    }
    assert sizes == {"a_prime.png": (48, 48), "b.png": (56, 48)}
    assert np.load(io.BytesIO(result("flow_ab.npy").content)).shape == (48, 48, 2)
    record = result("report.json").json()
    assert record["inputs"] == {"a": "photo.png", "b_prime": "cup.png"}
    assert record["parameters"]["alphas"] == [0.9, 0.8, 0.7, 0.2]
    assert record["parameters"]["seed"] == 7
    command = "analogy run photo.png cup.png --preset style2style --max-side 40 --seed 7 --report"
    assert record["command"] == command
    assert command in result("report.html").text
    assert result("report.html").headers["Content-Type"].startswith("text/html")
    assert service.get(f"jobs/{identifier}/inputs/photo.png").content == PHOTO

    # The second finds everything loaded and compiled, and the same seed gives the same.
    again = service.submit(fields=fields)
    assert service.until_over(again)[-1]["state"] == "done"
    seconds = service.get(f"jobs/{again}/results/report.json").json()["seconds"]
    assert next(taken for stage, taken in seconds.items() if "kernels" in stage) < 0.01
    same = service.get(f"jobs/{again}/results/a_prime.png").content
    assert same == result("a_prime.png").content


def test_jobs_wait_and_those_that_wait_or_run_can_be_cancelled(service):
    running = service.submit(LARGE, {})
    service.until_at_work(running)
    process = psutil.Process(service.worker.process_id)
    waiting, next_one = service.submit(), service.submit()
    assert [service.job(job)["ahead"] for job in (waiting, next_one)] == [1, 2]

    full = service.post()
    assert full.status_code == 503
    assert full.json() == {"error": "2 jobs are waiting already; try again later"}

    assert service.cancel(waiting).json()["state"] == "cancelled"
    assert service.job(next_one)["ahead"] == 1
    assert service.cancel(running).json()["state"] == "cancelled"
    assert not process.is_running()

    assert service.until_over(next_one)[-1]["state"] == "done"
    assert service.worker.process_id != process.pid
    assert service.cancel(next_one).json()["state"] == "done"
    kept = sorted(path.name for path in service.folder.iterdir())
    assert next_one in kept
    assert running not in kept
    assert waiting not in kept


def test_job_whose_process_is_killed_fails_and_the_next_one_runs(service):
    killed = service.submit(LARGE, {})
    service.until_at_work(killed)
    psutil.Process(service.worker.process_id).kill()

    last = service.until_over(killed)[-1]
    assert last["state"] == "failed"
    assert "choose a smaller scale or longest side" in last["error"]

    # The one that was started in its place dies with nothing to do: no job fails for that.
    process = service.worker.process_id
    psutil.Process(process).kill()
    # Until it has ended, but its parent is still to learn of it.
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    assert service.until_over(service.submit())[-1]["state"] == "done"


def test_file_that_is_damaged_fails_by_its_name(service):
    files = PAIR | {"b_prime": ("cup.png", CUP[:-200])}
    last = service.until_over(service.submit(files))[-1]
    assert last["state"] == "failed"
    assert last["error"].startswith("cup.png: damaged or unsupported")
    assert "/" not in last["error"]


@pytest.mark.parametrize(
    ("files", "fields", "says"),
    [
        ({"a": PAIR["a"]}, {}, "two images are needed"),
        (PAIR | {"a": ("a.png", b"")}, {}, "two images are needed"),
        (PAIR | {"a": ("a.txt", b"text")}, {}, "a.txt: not an image"),
        (PAIR | {"a": ("a.png", black(31, 40))}, {}, "a.png: 40 x 31 px is too small"),
        (PAIR | {"a": ("a.png", black(1000, 1001))}, {}, "a.png: 1001 x 1000 px are more than"),
        (PAIR, {"ratio": "2"}, "scale: '2'"),
        (PAIR, {"ratio": "0.1"}, "raise scale or longest side"),
        (PAIR, {"max_side": "x"}, "longest side: 'x'"),
        (PAIR, {"preset": "paper"}, "preset: 'paper'"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once_and_in_words(service, files, fields, says):
    before = sorted(service.folder.iterdir())
    answer = service.post(files, fields)
    assert answer.status_code == 422
    assert says in answer.json()["error"]
    assert sorted(service.folder.iterdir()) == before


def test_body_that_is_no_form_is_refused(service):
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x", "text/plain"):
        headers = {"Content-Type": kind}
        answer = service.post(files=None, fields=b"--y\r\nnonsense", headers=headers)
        assert answer.status_code in (400, 422), kind
        assert answer.json()["error"]


def test_job_that_takes_more_memory_than_the_service_may_is_refused(tmp_path):
    # A thousandth of any machine is less than the network takes.
    with served(tmp_path, Worker(), memory_share=1e-3) as service:
        answer = service.post()
        assert answer.status_code == 422
        assert answer.json()["error"].startswith("not enough memory: about ")
    with served(tmp_path, Worker(), memory_share=1) as service:
        assert service.post().status_code == 201


def test_oldest_job_is_forgotten_with_its_files(tmp_path):
    with served(tmp_path, Worker(), keep=2) as service:
        assert service.get("jobs/none").status_code == 404
        jobs = []
        for _ in range(3):
            jobs.append(service.submit())
            service.cancel(jobs[-1])
        assert [service.get(f"jobs/{job}").status_code for job in jobs] == [404, 200, 200]
        assert "newer ones" in service.get(f"jobs/{jobs[0]}").json()["error"]


def test_names_reach_only_the_jobs_own_files(service):
    picture = picture_file(np.zeros((40, 40), np.uint8), "gif")
    # Of one name, by which a browser would take both for pages.
    job = service.submit({"a": ("x.html", picture), "b_prime": ("x.html", CUP)})
    last = service.until_over(job)[-1]

    assert (last["a"], last["b_prime"]) == ("x.html", "b_x.html")
    for name, content in (("x.html", picture), ("b_x.html", CUP)):
        sent_in = service.get(f"jobs/{job}/inputs/{name}")
        assert sent_in.content == content
        assert sent_in.headers["Content-Type"] == "application/octet-stream"
    for path in (
        f"jobs/{job}/inputs/..%2Fresults%2Freport.json",
        f"jobs/{job}/inputs/%2Fetc%2Fpasswd",
        f"jobs/{job}/%2E%2E/x.html",
        f"jobs/{job}/results/none.png",
        f"jobs/{job}/others/x.html",
    ):
        assert service.get(path).status_code == 404, path


def test_page_asks_nothing_of_other_places(service):
    answer = service.get("")
    page, policy = answer.text, answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    for name in re.findall(r'(?:src|href)="([^"#]+)"', page):
        assert name == "data:," or service.get(name).status_code == 200, name
    everything = page + service.get("style.css").text + service.get("page.js").text
    assert "http:" not in everything
    assert "https:" not in everything
    assert 'data-upload-bytes="1000000"' in page


def test_answers_are_json(service):
    assert json.loads(service.get("nothing").text) == {"error": "Not Found"}


def test_a_job_is_done_again_by_points(service):
    first = service.submit()
    assert service.until_over(first)[-1]["points"] == []
    answer = service.again(first, "ax,ay,bx,by\n10,12,40,20\n30,30,5,6\n")
    assert answer.status_code == 201, answer.text
    again = answer.json()["id"]
    assert answer.headers["Location"] == f"/jobs/{again}"

    said = service.until_over(again)[-1]
    assert said["state"] == "done", said
    assert said["results"] == FILES
    assert said["points"] == [[10, 12, 40, 20], [30, 30, 5, 6]]
    assert (said["again"], service.job(first)["again"]) == (True, False)
    record = service.get(f"jobs/{again}/results/report.json").json()
    assert record["again"] is True
    command = "analogy run photo.png cup.png --max-side 40 --report --points points.csv"
    assert record["command"] == command
    flow = np.load(io.BytesIO(service.get(f"jobs/{again}/results/flow_ab.npy").content))
    # Images of 48 pixels are matched at 40.
    assert np.abs(flow[12, 10] - (30, 8)).max() <= 48 / 40 + 1

    # Of one that was done again too; its points are all that hold.
    third = service.again(again, "20,20,21,22\n").json()["id"]
    said = service.until_over(third)[-1]
    assert (said["state"], said["points"]) == ("done", [[20, 20, 21, 22]])
    assert service.get(f"jobs/{third}/results/report.json").json()["again"] is True
    preview = service.get(f"jobs/{third}/previews/{said['preview']}_a_prime.png")
    assert Image.open(io.BytesIO(preview.content)).size == (40, 40)


@pytest.mark.parametrize(
    ("points", "status", "words"),
    [
        (b"", 422, "points.csv: holds no points"),
        (b"1,2,3\n", 422, "points.csv: line 1: has 3 columns"),
        (b"1,2,3,4\n1,2,3,x\n", 422, "points.csv: line 2: by is 'x'"),
        (b"48,2,3,4\n", 422, "points.csv: line 1: (48, 2) is outside A"),
        (b"\xff\xfe1", 422, "points.csv: no text in UTF-8"),
        (b"1,2,3,4\n" * 1001, 422, "points.csv: 1001 points; give 1000 at most"),
        (b"#" * 200_000, 413, "more than 0.1 MB"),
    ],
)
def test_points_that_cannot_be_used_are_refused(service, points, status, words):
    first = service.submit()
    service.until_over(first)

    answer = service.again(first, points)

    assert answer.status_code == status
    assert answer.json()["error"].startswith(words)


def test_only_jobs_that_are_done_are_done_again(service):
    running = service.submit(LARGE, {})
    assert service.again(running, "1,2,3,4\n").status_code == 409
    service.cancel(running)
    assert service.again("unknown", "1,2,3,4\n").status_code == 404
