import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analogy.cli.main import main
from analogy.parameters import PRESETS, Parameters
from tests.processes import heed_interrupts

ROOT = Path(__file__).parents[3]


@pytest.fixture
def images(tmp_path, monkeypatch, random):
    """Names of two good images in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        Image.fromarray(random.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(name)
    return ["a.png", "b.png"]


@pytest.fixture
def command_line(capsys):
    """Call the command line in this process: arguments -> exit code, stdout, stderr."""

    def call(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        return exit_.value.code, *capsys.readouterr()

    return call


def assert_refused(answer, *words):
    code, out, error = answer
    assert code == 2
    assert out == ""
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    for word in words:
        assert word in error


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_names_the_commands(command_line, arguments):
    code, out, _ = command_line(*arguments)

    assert code == 0
    assert "run" in out
    assert "model" in out


def test_the_version_is_that_of_what_is_installed(command_line):
    answer = command_line("--version")

    assert answer == (0, f"deep-image-analogy {metadata.version('deep-image-analogy')}\n", "")


def test_help_is_quick():
    """Numba, ONNX and NumPy are imported by the commands that need them, not for help."""
    program = (
        "import sys; sys.argv = ['analogy', '--help']; import runpy, atexit\n"
        "atexit.register(lambda: print({'numpy', 'numba', 'onnx', 'onnxruntime', 'PIL'}"
        " & set(sys.modules)))\n"
        "runpy.run_path('cli.py', run_name='__main__')"
    )
    best = min(_seconds([sys.executable, "cli.py", "--help"]) for _ in range(3))
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert best < 0.5
    assert loaded.stdout.splitlines()[-1] == "set()"


def _seconds(command):
    """Seconds of processor time: other programs may keep the machine busy."""
    before = os.times()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def test_module_does_what_the_script_does():
    command = [sys.executable, "-m", "analogy", "run", "absent.png", "absent.png"]

    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert_refused((answer.returncode, answer.stdout, answer.stderr), "absent.png: no such file")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--ratio", "0"),
        ("--ratio", "1.5"),
        ("--ratio", "nan"),
        ("--ratio", "half"),
        ("--ratio", "auto"),
        ("--first-scale", "31"),
        ("--first-scale", "none"),
        ("--evenness", "-0.1"),
        ("--evenness", "nan"),
        ("--max-side", "31"),
        ("--weight", "4"),
        ("--deconv-depth", "3"),
        ("--seed", "-1"),
        ("--preset", "mine"),
        ("--category", "IV"),
        ("--wls-lambda", "0"),
        ("--wls-alpha", "-1"),
        ("--wls-epsilon", "nan"),
        ("--device", "tpu"),
        ("--alpha-offset", "nan"),
        ("--colour-weight", "nan"),
        ("--colour-weight", "inf"),
        ("--weight-map", "soft"),
        ("--start", "best"),
        ("--set", "ratio"),
        ("--set", "ratios=0.5"),
        ("--set", "ratio=2"),
        ("--set", "ratio=half"),
        ("--set", "patch_sides=(3,3)"),
        ("--set", "deconv_depth=__import__('os').getpid()"),
    ],
)
def test_bad_option_value_is_named(command_line, images, option, value):
    named = value.partition("=")[0] if option == "--set" else option
    assert_refused(command_line("run", *images, option, value), named)
    assert sorted(os.listdir()) == images


def test_category_and_weight_are_refused_together(command_line, images):
    answer = command_line("run", *images, "--category", "I", "--weight", 3)

    assert_refused(answer, "--category", "--weight")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], asdict(PRESETS["default"])),
        *((["--preset", preset], asdict(parameters)) for preset, parameters in PRESETS.items()),
        (["--preset", "photo2style", "--ratio", 0.7], {"ratio": 0.7}),
        (["--weight", 1], {"alphas": (0.7, 0.6, 0.5, 0.0)}),
        (["--first-scale", 96], asdict(Parameters(first_scale=96))),
        (["--preset", "paper", "--first-scale", 96], {"first_scale": 96, "deconv_depth": 1}),
        (["--evenness", 0.3], asdict(Parameters(evenness=(0.3,) * 5))),
        (["--preset", "matches", "--evenness", 0], asdict(PRESETS["matches"])),
        (["--preset", "photo2photo"], {"refine": True, "wls_lambda": 0.8}),
        (["--preset", "photo2photo", "--no-refine"], {"refine": False}),
        (["--refine", "--wls-lambda", 2, "--wls-alpha", 1.2], {"refine": True, "wls_lambda": 2.0}),
        (["--category", "I"], {"alphas": (1.0, 1.0, 1.0, 1.0), "alpha_offset": 0.0}),
        (["--category", "II"], {"alphas": (0.8, 0.7, 0.6, 0.1), "alpha_offset": 0.1}),
        (["--category", "II", "--alpha-offset", 0], {"alpha_offset": 0.0}),
        (
            ["--set", "vote_side=5", "--set", "weight_map=hard"],
            {"vote_side": 5, "weight_map": "hard"},
        ),
        (["--set", "first_scale=None", "--first-scale", 96], {"first_scale": None}),
        (["--weight", 3, "--set", "alphas=(1,1,1,0.5)"], {"alphas": (1, 1, 1, 0.5)}),
    ],
)
def test_options_become_parameters(command_line, images, monkeypatch, options, expected):
    handed = []

    def stop(a, b_prime, parameters, **_):
        handed.append(parameters)
        raise KeyboardInterrupt

    monkeypatch.setattr("analogy.method.transfer.transfer", stop)

    assert command_line("run", *images, *options)[0] == 130
    assert {name: getattr(handed[0], name) for name in expected} == expected


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run"], "'A'"),
        (["run", "a.png"], "'B'"),
        (["walk"], "'walk'"),
        (["run", "--fast"], "--fast"),
    ],
)
def test_bad_usage_is_one_line(command_line, arguments, word):
    assert_refused(command_line(*arguments), word)


@pytest.mark.parametrize("position", [0, 1])
def test_bad_image_is_named_and_nothing_is_written(command_line, images, position):
    Path("text.png").write_text("no picture")
    arguments = images.copy()
    arguments[position] = "text.png"

    assert_refused(command_line("run", *arguments, "--out", "out"), "text.png", "not an image")
    assert not Path("out").exists()


def test_small_image_is_refused(command_line, images):
    Image.new("RGB", (20, 400)).save("thin.png")

    assert_refused(command_line("run", "thin.png", "b.png"), "thin.png", "20 x 400", "32 px")


def test_shrinking_too_far_is_refused(command_line, images):
    answer = command_line("run", *images, "--ratio", "0.1")

    assert_refused(answer, "a.png", "6 x 5 px", "--ratio")


def test_output_folder_that_cannot_be_written_is_refused_before_computing(command_line, images):
    Path("file").write_text("in the way")

    assert_refused(command_line("run", *images, "--out", "file"), "file", "--out")
    assert Path("file").read_text() == "in the way"


def test_too_little_memory_is_refused_with_a_ratio_that_fits(command_line, images):
    # A third of a terabyte by estimate.
    Image.new("1", (7000, 7000)).save("huge.png")

    answer = command_line("run", "huge.png", "huge.png", "--max-side", 7000, "--out", "out")

    assert_refused(answer, "not enough memory", "--ratio")
    assert not Path("out").exists()


def paint(path, *values, size=(64, 48)):
    """A mask of grey stripes."""
    mask = np.repeat(np.uint8(values), -(-size[0] // len(values)))[: size[0]]
    Image.fromarray(np.tile(mask, (size[1], 1))).save(path)


def test_a_label_that_b_lacks_is_named_with_the_file(command_line, images):
    paint("mask_a.png", 0, 1, 2)
    paint("mask_b.png", 1, 0)

    answer = command_line("run", *images, "--mask-a", "mask_a.png", "--mask-b", "mask_b.png")

    assert_refused(answer, "mask_b.png", "#020202", "mask_a.png")


@pytest.mark.parametrize("option", ["--mask-a", "--mask-b"])
def test_labels_of_one_image_alone_are_refused(command_line, images, option):
    paint("mask.png", 1)

    other = {"--mask-a": "--mask-b", "--mask-b": "--mask-a"}[option]
    assert_refused(command_line("run", *images, option, "mask.png"), "mask.png", other)


def test_a_mask_of_another_size_is_refused(command_line, images):
    paint("keep.png", 0, 1, size=(32, 48))

    answer = command_line("run", *images, "--keep", "keep.png")

    assert_refused(answer, "keep.png: 32 x 48 px", "64 x 48 px")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2,3,4\n1,2\n", "points.csv: line 2: has 2 columns"),
        ("1,2,x,4\n", "points.csv: line 1: bx is 'x'"),
        ("ax,ay,bx,by\n1,2,3,48\n", "points.csv: line 2: (3, 48) is outside B"),
    ],
)
def test_bad_points_are_refused_by_their_line(command_line, images, text, words):
    Path("points.csv").write_text(text)

    assert_refused(command_line("run", *images, "--points", "points.csv"), words)


@pytest.mark.parametrize("log", [[], ["--log", "run.log"]])
def test_points_that_contradict_each_other_are_told_in_one_line(command_line, images, log):
    Path("points.csv").write_text("1,2,3,4\n1,2,60,40\n")
    few = ["--set", "search_iterations=(1,1,1,1,1)", "--set", "deconv_iterations=1"]

    code, _, error = command_line("run", *images, "--points", "points.csv", *few, *log)

    assert code == 0
    assert error == (
        "points.csv: line 1 and points.csv: line 2 contradict each other; leave out one\n"
    )
    if log:
        assert "contradict" in Path("run.log").read_text()


def test_a_mask_that_is_no_image_is_refused(command_line, images):
    Path("keep.png").write_text("no picture")

    assert_refused(command_line("run", *images, "--keep", "keep.png"), "keep.png")


def test_missing_model_is_named(command_line, images):
    answer = command_line("run", *images, "--model", "absent.onnx", "--out", "out")

    assert_refused(answer, "absent.onnx")
    assert not Path("out").exists()


def test_model_info_of_no_model_is_refused(command_line, images):
    assert_refused(command_line("model", "info", "a.png"), "a.png")


def test_model_convert_of_no_model_is_refused(command_line, images):
    answer = command_line("model", "convert", "a.png", "--out", "a.onnx")

    assert_refused(answer, "a.png")
    assert sorted(os.listdir()) == images


def test_model_convert_does_not_overwrite_its_source(command_line, images):
    Path("a.onnx").write_bytes(b"mine")

    assert_refused(command_line("model", "convert", "a.onnx"), "a.onnx", "--out")
    assert Path("a.onnx").read_bytes() == b"mine"


def test_model_info_of_the_bundled_weights(command_line):
    code, out, _ = command_line("model", "info")

    assert code == 0
    assert "CC BY 4.0" in out


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_name_that_cannot_be_printed_ends_nothing(tmp_path, monkeypatch, encoding, name):
    """Weights in a folder of that name, which are shown, and others there, which are not there."""
    folder = tmp_path / "城"
    folder.symlink_to(ROOT / "models", target_is_directory=True)
    written = io.BytesIO()
    monkeypatch.setattr(sys, name, io.TextIOWrapper(written, encoding, errors="strict"))
    file, expected = ("vgg19.onnx", 0) if name == "stdout" else ("absent.onnx", 2)

    with pytest.raises(SystemExit) as exit_:
        main(["model", "info", str(folder / file)])

    getattr(sys, name).flush()
    assert exit_.value.code == expected
    assert rb"\u57ce" in written.getvalue()


def test_without_a_home_in_a_read_only_installation_the_remedy_is_named():
    """Even of a file that is missing, as kernels are made before it is looked for."""
    program = (
        "from numba.core import caching\n"
        "def refuse(locator): raise PermissionError('read-only')\n"
        "caching._CacheLocator.ensure_cache_path = refuse\n"
        "from analogy.cli.main import main\n"
        "main(['run', 'absent.png', 'b.png', '--device', 'cpu'])\n"
    )
    environment = {name: os.environ[name] for name in os.environ if name != "NUMBA_CACHE_DIR"}
    command = [sys.executable, "-c", program]
    answer = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert_refused((answer.returncode, answer.stdout, answer.stderr), "NUMBA_CACHE_DIR=")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and named pipes")
def test_interrupt_ends_with_one_line_and_130(images):
    """A named pipe in place of an image keeps the program waiting until it is interrupted."""
    os.mkfifo("pipe.png")
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), "run", "pipe.png", "b.png"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    writing_end = _open_once_read("pipe.png", process)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=120)
    os.close(writing_end)

    assert process.returncode == 130
    assert out == ""
    assert error == "interrupted; nothing was written\n"


def _open_once_read(pipe, process, patience=60):
    """Open a named pipe for writing as soon as `process` has opened it for reading."""
    deadline = time.monotonic() + patience
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.02)
    process.kill()
    pytest.fail(f"the pipe was never read: {process.communicate()}")


@pytest.mark.parametrize("name", [".", ""])
def test_model_convert_of_a_folder_is_refused(command_line, images, name):
    assert_refused(command_line("model", "convert", name), "is a folder")


def test_several_references_are_repeated_by_the_command(command_line, images):
    Image.new("RGB", (48, 48)).save("c d.png")

    code, out, _ = command_line("run", *images, "c d.png", "--seed", 3, "--json")

    assert code == 0
    record = json.loads(out)
    assert record["command"] == "analogy run a.png b.png 'c d.png' --seed 3 --json"
    assert record["outputs"]["a_prime.png"] == "out/a__b_and_1/a_prime.png"
    assert len(record["shares"]) == 2
