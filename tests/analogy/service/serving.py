"""A service in a thread of the tests, its worker in a real process, and images to send to it."""

import contextlib
import io
import os
import socket
import threading
import time
from dataclasses import dataclass, replace
from unittest import mock

import numpy as np
import requests
from PIL import Image
from skimage import data

from analogy.images import resize
from analogy.service.app import make_app
from analogy.service.guard import LOOPBACK_NAMES
from analogy.service.jobs import Jobs
from analogy.service.server import Options, make_server
from analogy.service.worker import Worker

# The smallest images, and as few pixels of them as are matched.
QUICK = {"max_side": "40"}

# Other tests may keep the machine busy.
PATIENCE = 120


def picture_file(image, kind="png"):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


PHOTO = picture_file(resize(data.astronaut(), (48, 48)))
CUP = picture_file(resize(data.coffee(), (48, 56)))
PAIR = {"a": ("photo.png", PHOTO), "b_prime": ("cup.png", CUP)}

# A proxy before the service, and the seconds that an upload may stall: as short as a busy machine
# lets be.
PUBLIC_HOST, STALL = "pictures.example", 5

# Ten seconds' work and more.
LARGE = {
    "a": ("large.png", picture_file(resize(data.astronaut(), (256, 256)))),
    "b_prime": ("cup.png", CUP),
}


def black(height, width):
    return picture_file(np.zeros((height, width, 3), np.uint8))


@dataclass
class Service:
    """What answers at an address.

    Attributes
    ----------
    url : str
    folder : pathlib.Path or None
        Of the jobs' files.
    worker : Worker or None
    """

    url: str
    folder: object = None
    worker: object = None

    def post(self, files=PAIR, fields=QUICK, **options):
        return requests.post(f"{self.url}/jobs", files=files, data=fields, **options)

    def submit(self, files=PAIR, fields=QUICK):
        answer = self.post(files, fields)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def again(self, identifier, points):
        return requests.post(f"{self.url}/jobs/{identifier}/again", data=points)

    def get(self, path, **options):
        return requests.get(f"{self.url}/{path}", **options)

    def job(self, identifier):
        return self.get(f"jobs/{identifier}").json()

    def cancel(self, identifier):
        return requests.delete(f"{self.url}/jobs/{identifier}")

    def until(self, identifier, holds):
        """What was said of a job until a condition held, in order."""
        said, end = [self.job(identifier)], time.monotonic() + PATIENCE
        while not holds(said[-1]):
            assert said[-1]["state"] in ("waiting", "running"), said[-1]
            assert time.monotonic() < end, said[-1]
            time.sleep(0.1)
            said.append(self.job(identifier))
        return said

    def until_over(self, identifier):
        return self.until(identifier, lambda job: job["state"] not in ("waiting", "running"))

    def until_at_work(self, identifier):
        return self.until(identifier, lambda job: job["state"] == "running" and job["fraction"] > 0)


@contextlib.contextmanager
def served(folder, worker=None, patience=30.0, port=0, **options):
    """A service in a thread; `options` are those of a server, `patience` with stalled uploads."""
    limits = {"upload_megabytes": 1, "megapixels": 1, "queue_length": 2, "keep": 3}
    options = Options(**(limits | options))
    if worker is None:
        worker = started_worker()
    jobs = Jobs(folder, worker, options.queue_length, options.keep)
    limits = replace(options.limits, patience=patience)
    server = make_server(make_app(jobs, limits, LOOPBACK_NAMES, options.public_host))
    listening = socket.create_server(("127.0.0.1", port))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield Service(f"http://127.0.0.1:{listening.getsockname()[1]}", folder, worker)
    finally:
        server.should_exit = True
        thread.join()
        worker.stop()


def started_worker():
    """A worker of one thread: small images gain nothing by more, and other tests run beside."""
    worker = Worker(device="cpu")
    # For the worker alone: this process's Numba, with threads of its own, would refuse to compile.
    with mock.patch.dict(os.environ, {"NUMBA_NUM_THREADS": "1"}):
        worker.start()
    worker.wait_until_ready()
    return worker
