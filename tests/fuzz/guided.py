"""Readers of files, fed by a fuzzer that watches which code its inputs reach.

``python -m tests.fuzz.guided READER SEED FOLDER RUNS`` starts from the file SEED and keeps what it
writes in FOLDER. It ends with another code than 0 where a reader does anything but read or refuse;
the input that made it do so is then in FOLDER, too.
"""

import sys
from functools import partial
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["analogy"]):
    from analogy.batch.pairs import read_jobs
    from analogy.errors import AnalogyError
    from analogy.evaluation.flow_file import read_flow
    from analogy.evaluation.keypoints import read_pairs
    from analogy.images import read_image, read_mask
    from analogy.model.graph import read_model
    from tests.fuzz.reading import read_every_tensor

# By name, with the ending that the reader goes by. A reader may say no to a file, in one line.
READERS = {
    "image": (read_image, ".png"),
    "mask": (read_mask, ".png"),
    "flow": (read_flow, ".flo"),
    "keypoints": (read_pairs, ".json"),
    "table": (partial(read_jobs, out="out"), ".csv"),
    "graph": (read_model, ".onnx"),
    "pickle": (read_every_tensor, ".pth"),
    "caffemodel": (read_every_tensor, ".caffemodel"),
}

# Largest input, in bytes, and seconds after which one counts as hanging.
_LARGEST, _SECONDS = 65536, 20


def main(name, seed, folder, runs):
    """Fuzz a reader; does not return."""
    read, ending = READERS[name]
    path = Path(folder, f"input{ending}")
    inputs = Path(folder, "inputs")
    inputs.mkdir(parents=True, exist_ok=True)
    (inputs / "seed").write_bytes(Path(seed).read_bytes())

    def check(content):
        path.write_bytes(content)
        refusal = ""
        try:
            read(path)
        except AnalogyError as error:
            refusal = str(error)
        assert "\n" not in refusal

    options = [
        f"-runs={runs}",
        f"-max_len={_LARGEST}",
        f"-timeout={_SECONDS}",
        "-rss_limit_mb=4096",
        "-seed=1",
        f"-artifact_prefix={folder}/",
    ]
    atheris.Setup([sys.argv[0], *options, str(inputs)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
