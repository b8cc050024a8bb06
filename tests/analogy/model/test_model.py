import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from analogy.errors import AnalogyError
from analogy.model import bundled_path, describe

ROOT = Path(__file__).resolve().parents[3]


def test_bundled_weights_are_told_apart_by_what_they_are():
    record = describe(bundled_path())

    assert record["licence"].startswith("CC BY 4.0")
    assert record["identity layers"] == "conv3_4, conv4_4"
    assert record["weights"] == "float16"


def test_readme_names_the_bundled_file():
    sha256 = hashlib.sha256(bundled_path().read_bytes()).hexdigest()

    assert sha256 in (ROOT / "models" / "README.md").read_text(encoding="utf-8")


def test_bundled_file_fits_in_a_repository():
    assert bundled_path().stat().st_size <= 30 * 10**6


def test_absent_model_is_refused():
    with pytest.raises(AnalogyError, match=r"absent\.onnx"):
        describe("absent.onnx")


def test_import_is_light():
    """The command line imports this for its help; onnx alone would take longer than that."""
    heavy = "{'onnx', 'onnxruntime', 'numba', 'h5py', 'pooch'}"
    program = f"import sys, analogy.model; print(sorted({heavy} & set(sys.modules)))"

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
