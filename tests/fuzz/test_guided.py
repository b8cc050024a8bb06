"""Each reader before a fuzzer that follows what its inputs reach; `make fuzz` lets it run long."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from analogy.evaluation.flow_file import write_flow
from tests.fuzz import corpus
from tests.fuzz.test_fuzz import INPUTS

ROOT = Path(__file__).parents[2]
RUNS = 20 * INPUTS

pytestmark = pytest.mark.skipif(
    not find_spec("atheris"), reason="no atheris: make fuzz installs it"
)


def flow_seed(path):
    write_flow(path, np.arange(24, dtype=np.float32).reshape(3, 4, 2))


def keypoints_seed(path):
    pair = {"class": "Car", "a": "a.png", "b": "b.png", "kps_a": [[1, 2]], "kps_b": [[3, 4.5]]}
    path.write_text(json.dumps({"pairs": [pair]}))


def written(make, *arguments):
    return lambda path: path.write_bytes(make(*arguments))


SEEDS = {
    "image": written(corpus.image_seed, "png"),
    "mask": written(corpus.image_seed, "png"),
    "flow": flow_seed,
    "keypoints": keypoints_seed,
    "table": written(corpus.table_seed),
    "graph": written(corpus.onnx_seed),
    "pickle": written(corpus.model_seed, "pickles.pth"),
    "caffemodel": written(corpus.model_seed, "new.caffemodel"),
}


@pytest.mark.parametrize("name", SEEDS)
def test_reader_reads_or_refuses(name, tmp_path):
    seed, folder = tmp_path / "seed.flo", tmp_path / "found"
    SEEDS[name](seed)
    command = [sys.executable, "-m", "tests.fuzz.guided", name, seed, folder, str(RUNS)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-3000:]
    assert f"Done {RUNS} runs" in done.stderr


def test_a_reader_that_fails_is_found(tmp_path):
    seed = tmp_path / "seed"
    seed.write_bytes(b"")
    program = (
        "import sys, atheris\n"
        "from tests.fuzz import guided\n"
        "guided.READERS['broken'] = lambda path: 1 // len(path.read_bytes()[:1]), ''\n"
        f"guided.main('broken', {str(seed)!r}, {str(tmp_path)!r}, 100)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "ZeroDivisionError" in done.stderr + done.stdout
