import contextlib
import io
import json
import os
import re
import socket
import time
import zipfile

import numpy as np
import psutil
import pytest
import requests
from PIL import Image

from analogy.service.files import SCRIPTS
from analogy.service.worker import Worker
from tests.analogy.service.serving import (
    CUP,
    LARGE,
    PAIR,
    PATIENCE,
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
    assert all(job["seconds_left"] is None for job in (said[0], said[-1]))

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


def test_progress_comes_on_without_leaps(service):
    identifier = service.submit(LARGE, {})
    said = service.until(identifier, lambda job: job["fraction"] > 0.5)
    service.cancel(identifier)

    fractions = [job["fraction"] for job in said]
    assert fractions == sorted(fractions)
    assert max(np.diff(fractions)) <= 0.1
    # Large enough that each of its stages is seen by who asks ten times a second.
    doing = [job["doing"] for job in said]
    assert any(words.startswith("finding which part belongs to which") for words in doing)
    # Half of it is done, so that the rest can be told.
    assert said[-1]["seconds_left"] > 0


def test_newest_picture_so_far_is_told_of(service):
    identifier = service.submit(LARGE, {})
    assert service.job(identifier)["preview"] == 0
    previews = service.folder / identifier / "previews"
    previews.mkdir()
    for number in (1, 2):
        (previews / f"{number}_a_prime.png").write_bytes(PHOTO)
        (previews / f"{number}_b.png").write_bytes(CUP)

    assert service.job(identifier)["preview"] == 2
    picture = service.get(f"jobs/{identifier}/previews/2_a_prime.png")
    assert picture.headers["Content-Type"] == "image/png"
    assert picture.content == PHOTO
    service.cancel(identifier)
    assert service.job(identifier)["preview"] == 0


def test_previews_stay_when_the_results_are_there(service):
    """A page that was told of the last one may fetch it when the job is done."""
    done = service.until_over(service.submit())[-1]
    assert service.get(f"jobs/{done['id']}/previews/1_a_prime.png").status_code == 200


def test_file_that_goes_after_it_was_seen_is_none(service):
    done = service.until_over(service.submit())[-1]
    # Its name is there and it is not, as when its job is removed at that moment.
    (service.folder / done["id"] / "results" / "gone.png").symlink_to("nowhere.png")
    assert service.get(f"jobs/{done['id']}/results/gone.png").status_code == 404


def test_all_results_come_in_one_file(service):
    identifier = service.submit()
    assert service.get(f"jobs/{identifier}/all.zip").status_code == 404
    service.until_over(identifier)

    answer = service.get(f"jobs/{identifier}/all.zip")
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == "attachment"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == [f"photo__cup/{name}" for name in FILES]
        same = service.get(f"jobs/{identifier}/results/b.png").content
        assert archive.read("photo__cup/b.png") == same


def test_originals_are_shown_whatever_kind_they_are_of(service):
    tiff = picture_file(np.asarray(Image.open(io.BytesIO(PHOTO))), "tiff")
    identifier = service.submit(PAIR | {"a": ("photo.tif", tiff)})

    # Before it is done, too.
    for key, content in (("a", tiff), ("b_prime", CUP)):
        for _ in range(2):
            shown = service.get(f"jobs/{identifier}/originals/{key}")
            assert shown.headers["Content-Type"] == "image/png"
            expected = np.asarray(Image.open(io.BytesIO(content)))
            np.testing.assert_array_equal(Image.open(io.BytesIO(shown.content)), expected)
    assert service.get(f"jobs/{identifier}/originals/c").status_code == 404
    service.cancel(identifier)
    assert service.get(f"jobs/{identifier}/originals/a").status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "status", "says"),
    [
        ("cup.png", CUP, 200, None),
        ("a.png", b"", 422, "an image is needed"),
        ("a.txt", b"text", 422, "a.txt: not an image"),
        ("a.png", black(31, 40), 422, "a.png: 40 x 31 px is too small"),
        ("a.png", black(1000, 1001), 422, "a.png: 1001 x 1000 px are more than"),
        ("a.png", bytes(1_100_000), 413, "more than 1 MB"),
    ],
)
def test_file_is_looked_at_when_it_is_chosen(service, name, content, status, says):
    answer = requests.post(f"{service.url}/check", files={"image": (name, content)})

    assert answer.status_code == status
    if says is None:
        assert answer.json() == {"height": 48, "width": 56}
    else:
        assert says in answer.json()["error"]


def test_files_that_stall_while_they_are_looked_at_give_their_places_back(service):
    host, port = service.url.removeprefix("http://").split(":")
    head = (
        f"POST /check HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 1000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    )
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stalled = stack.enter_context(socket.create_connection((host, int(port))))
            stalled.sendall(head.encode())

        def check():
            return requests.post(f"{service.url}/check", files={"image": ("cup.png", CUP)})

        until(lambda: check().status_code == 503)
        until(lambda: check().status_code == 200)


def until(holds):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_service_tells_that_it_is_there(service):
    assert service.get("alive").json() == {}


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
    for name in re.findall(r'from "./([^"]+)"', service.get("page.js").text):
        assert service.get(name).headers["Content-Type"].startswith("text/javascript"), name
    for name in ("none.js", "pictures/none.jpg", "pictures/README.md", "..%2Fapp.py.js"):
        assert service.get(name).status_code == 404
    scripts = [path.read_text("utf-8") for path in SCRIPTS.values()]
    everything = "".join([page, service.get("style.css").text, *scripts])
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
    # What they were going to look like is not told of beside results.
    assert said["preview"] == 0


@pytest.fixture(scope="module")
def done(service):
    identifier = service.submit()
    assert service.until_over(identifier)[-1]["state"] == "done"
    return identifier


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
def test_points_that_cannot_be_used_are_refused(service, done, points, status, words):
    answer = service.again(done, points)

    assert answer.status_code == status
    assert answer.json()["error"].startswith(words)


def test_only_jobs_that_are_done_are_done_again(service):
    running = service.submit(LARGE, {})
    assert service.again(running, "1,2,3,4\n").status_code == 409
    service.cancel(running)
    assert service.again("unknown", "1,2,3,4\n").status_code == 404
