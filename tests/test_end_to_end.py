"""The whole method on real images, with the bundled weights."""

import dataclasses
import functools
import html
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

import analogy
from analogy.cli.main import main
from analogy.images import resize
from analogy_kernels.target import SIMULATED
from tests.processes import heed_interrupts

ROOT = Path(__file__).parents[1]
RESULTS = ["a_prime.png", "b.png", "confidence_a.png", "confidence_b.png"]
RESULTS += ["flow_ab.npy", "flow_ba.npy", "report.json"]
SHOWN = ["report.html", "viz"]

# For what happens around a computation: one level of it is enough.
SHORT = ["--finest-level", "5"]


@pytest.fixture(
    params=[
        "cpu",
        pytest.param("cuda", marks=pytest.mark.skipif(SIMULATED, reason="no GPU")),
    ]
)
def device(request):
    return request.param


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Names of a photograph and another one, smaller and grey, in the current folder."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(resize(data.astronaut(), (72, 64))).save("photo.png")
    Image.fromarray(resize(data.coffee(), (48, 70))).convert("L").save("cup.jpg")
    return ["photo.png", "cup.jpg"]


def run(*arguments):
    with pytest.raises(SystemExit) as exit_:
        main(["run", *(str(argument) for argument in arguments)])
    assert exit_.value.code == 0


def end_point_error(flow, expected):
    return np.linalg.norm(flow - expected, axis=-1)


def recoloured(image):
    """Mix the channels, red least with itself, and bend the tones: no colour stays near its own."""
    mix = np.array([[0.1, 0.2, 0.7], [0.7, 0.1, 0.2], [0.2, 0.7, 0.1]])
    return np.rint(255 * (image / 255 @ mix.T) ** 0.6).astype(np.uint8)


@pytest.mark.parametrize("preset", ["default", "matches"])
def test_an_image_and_itself_give_it_back(device, preset):
    image = resize(data.astronaut(), (160, 144))

    result = analogy.transfer(image, image, analogy.PRESETS[preset], device=device)

    # A peak signal-to-noise ratio of 40 dB.
    largest_mean_square = 255**2 / 10**4
    for output in (result.a_prime, result.b):
        assert np.square(output.astype(float) - image).mean() < largest_mean_square
    for flow in (result.flow_ab, result.flow_ba):
        assert np.linalg.norm(flow, axis=-1).mean() < 1


@pytest.mark.smoke
@pytest.mark.parametrize("preset", ["default", "matches"])
def test_known_displacement_is_found_under_other_colours(device, preset):
    left, right, disparity = data.stereo_motorcycle()
    shape = (112, 166)
    scale = shape[1] / left.shape[1]
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for new, old in zip(shape, left.shape[:2], strict=True)
    )
    shift = disparity[np.ix_(rows, columns)] * scale
    known = np.isfinite(shift) & (np.arange(shape[1]) >= shift)
    expected = np.stack([-shift, np.zeros(shape)], axis=-1)[known]

    images = resize(left, shape), recoloured(resize(right, shape))
    result = analogy.transfer(*images, analogy.PRESETS[preset], device=device)

    error = np.median(end_point_error(result.flow_ab[known], expected))
    assert error < 2
    # What standing still would score.
    assert error < 0.25 * np.median(end_point_error(0, expected))


def test_results_have_the_images_sizes_when_matched_smaller(device):
    a, b_prime = resize(data.astronaut(), (97, 131)), resize(data.coffee(), (80, 67))

    parameters = analogy.Parameters(ratio=0.6, deconv_iterations=5)

    result = analogy.transfer(a, b_prime, parameters, device=device)

    assert result.a_prime.shape == a.shape
    assert result.b.shape == b_prime.shape
    assert_points_inside(result.flow_ab, b_prime.shape)
    assert_points_inside(result.flow_ba, a.shape)


def assert_points_inside(flow, other_shape):
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]]
    match_x, match_y = x + flow[..., 0], y + flow[..., 1]
    assert flow.dtype == np.float32
    assert match_x.min() >= 0
    assert match_y.min() >= 0
    assert match_x.max() <= other_shape[1] - 1
    assert match_y.max() <= other_shape[0] - 1


@pytest.mark.parametrize(
    "change",
    [
        {"single_direction": True},
        {"reconstruction": "resampling"},
        {"independent_levels": True},
        {"weight_map": "hard"},
        {"deconv_depth": 1},
        {"fill_unreliable": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_ablation_runs_and_changes_the_matches(device, change):
    usual, ablated = quick_transfer(device), quick_transfer(device, **change)

    assert not np.array_equal(usual.flow_ab, ablated.flow_ab)


@functools.cache
def quick_transfer(device, **change):
    a, b_prime = resize(data.astronaut(), (64, 64)), resize(data.chelsea(), (64, 64))
    parameters = dataclasses.replace(analogy.Parameters(deconv_iterations=5), **change)
    return analogy.transfer(a, b_prime, parameters, device=device)


def test_starting_from_the_identity_without_searching_stands_still(device):
    result = quick_transfer(
        device,
        coarse_matching="patchmatch",
        initialization="identity",
        search_iterations=(0,) * 5,
    )

    np.testing.assert_array_equal(result.flow_ab, 0)
    np.testing.assert_array_equal(result.flow_ba, 0)


def test_masks_decide_what_is_matched_and_what_is_kept(device):
    image = resize(data.astronaut(), (64, 80))
    left_to_right = np.repeat([np.arange(80) // 40 + 1], 64, axis=0)
    keep = np.zeros((64, 80), bool)
    keep[20:50, 10:30] = True
    parameters = analogy.Parameters(deconv_iterations=5)

    # An image matched with itself stands still, unless its left has to go to its right.
    masks = analogy.Masks(left_to_right, left_to_right[:, ::-1], keep)
    result = analogy.transfer(image, image, parameters, device=device, masks=masks)

    columns = np.arange(80)
    for flow in (result.flow_ab, result.flow_ba):
        matched = columns + flow[..., 0]
        assert ((matched >= 40) == (columns < 40)).all()
    np.testing.assert_array_equal(result.a_prime[keep], image[keep])
    assert (result.a_prime[~keep] != image[~keep]).mean() > 0.5


def test_progress_runs_from_nought_to_one(device):
    image = resize(data.astronaut(), (64, 64))
    heard = []

    analogy.transfer(
        image,
        image,
        analogy.Parameters(choose_alphas=True),
        device=device,
        progress=lambda fraction, text: heard.append((fraction, text)),
    )

    fractions = [fraction for fraction, _ in heard]
    assert fractions[0] == 0
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    assert all(text for _, text in heard)


def test_images_are_matched_from_small_to_large(device):
    a, b_prime = resize(data.astronaut(), (72, 64)), resize(data.coffee(), (48, 70))
    parameters = analogy.Parameters(first_scale=40, coarsest_reconstruction=5, deconv_iterations=5)
    texts = []

    result = analogy.transfer(
        a, b_prime, parameters, device=device, progress=lambda _, text: texts.append(text)
    )

    # Of 40 x 40 pixels' area, and as they are.
    assert result.record["sizes"] == [[[42, 38], [33, 48]], [[72, 64], [48, 70]]]
    made = [(run["scale"], run["level"], run["image"]) for run in result.record["deconvolution"]]
    levels = [(0, 5), (0, 4), (0, 3), (0, 2), (1, 2)]
    assert made == [(*level, image) for level in levels for image in ("a_prime", "b")]
    assert "size 1 of 2, level 5: reconstruction" in texts
    assert "size 2 of 2, level 3: search" in texts
    assert "size 2 of 2, level 4: reconstruction" not in texts
    assert_points_inside(result.flow_ab, b_prime.shape)
    assert_points_inside(result.flow_ba, a.shape)
    alone = analogy.transfer(
        a, b_prime, dataclasses.replace(parameters, first_scale=None), device=device
    )
    assert alone.record["sizes"] == [[[72, 64], [48, 70]]]
    assert (alone.flow_ab != result.flow_ab).any()


def test_files_are_written_and_reported(files, capsys):
    run(*files, "--weight", 3, "--ratio", 0.8, "--device", "cpu")

    folder = Path("out/photo__cup")
    assert sorted(path.name for path in folder.iterdir()) == RESULTS
    assert Image.open(folder / "a_prime.png").size == (64, 72)
    assert Image.open(folder / "b.png").size == (70, 48)
    assert Image.open(folder / "confidence_a.png").size == (64, 72)
    assert Image.open(folder / "confidence_b.png").size == (70, 48)
    assert np.load(folder / "flow_ab.npy").shape == (72, 64, 2)
    assert np.load(folder / "flow_ba.npy").shape == (48, 70, 2)
    report = json.loads((folder / "report.json").read_text())
    assert report["inputs"] == {"a": "photo.png", "b_prime": "cup.jpg"}
    assert report["parameters"]["ratio"] == 0.8
    assert report["parameters"]["alphas"] == list(analogy.BLEND_WEIGHTS[3])
    assert report["device"] == "cpu"
    assert len(report["model"]["sha256"]) == 64
    assert str(folder) in capsys.readouterr().out


def test_weights_chosen_by_the_images_are_reported(files):
    run("photo.png", "photo.png", "--weight", "auto", "--fill", "--out", "out", "--quiet")

    report = json.loads(Path("out/report.json").read_text())
    assert report["blend_weight"]["alphas"] == [1, 1, 1, 1]
    assert report["parameters"]["alphas"] == [1, 1, 1, 1]
    assert report["parameters"]["fill_unreliable"]


@pytest.mark.smoke
def test_a_run_can_be_looked_through(files):
    Path(files[0]).rename("my photo's.png")
    options = ["--out", "my out", "--weight", "3", "--seed", "5", "--viz", "--report"]

    run("my photo's.png", files[1], *options, "--quiet", "--single-direction")

    folder = Path("my out")
    assert sorted(path.name for path in folder.iterdir()) == sorted([*RESULTS, *SHOWN])
    assert len(list((folder / "viz").iterdir())) == 32
    page = html.unescape((folder / "report.html").read_text(encoding="utf-8"))
    command = json.loads((folder / "report.json").read_text())["command"]
    assert f"<code>{command}</code>" in page
    assert shlex.split(command) == [
        *("analogy", "run", "my photo's.png", files[1]),
        *("--out", "my out", "--viz", "--report", "--weight", "3", "--seed", "5"),
        *("--single-direction", "--quiet"),
    ]


def test_masks_are_read_and_reported(files):
    # The photograph's lower half is matched with the cup's left half and nothing else.
    lower, left = np.zeros((72, 64), np.uint8), np.zeros((48, 70), np.uint8)
    lower[36:], left[:, :35] = 1, 1
    Image.fromarray(lower).save("lower.png")
    Image.fromarray(left).save("left.png")

    options = ["--mask-a", "lower.png", "--mask-b", "left.png", "--keep", "lower.png"]
    run(*files, *options, "--fill", "--out", "out", "--quiet", "--device", "cpu")

    matched_x = np.arange(64) + np.load("out/flow_ab.npy")[..., 0]
    assert (matched_x[36:] < 35).all()
    assert (matched_x[:36] >= 35).any()
    kept = np.asarray(Image.open("out/a_prime.png"))[36:]
    np.testing.assert_array_equal(kept, np.asarray(Image.open("photo.png"))[36:])
    inputs = json.loads(Path("out/report.json").read_text())["inputs"]
    assert (inputs["mask_a"], inputs["mask_b"], inputs["keep"]) == tuple(options[1::2])


def test_refined_images_are_written_beside_the_others(files):
    run(*files, "--refine", "--ratio", 0.75, "--device", "cpu", "--quiet")

    folder = Path("out/photo__cup")
    refined = ["a_prime_refined.png", "b_refined.png"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(RESULTS + refined)
    for name in refined:
        usual = np.asarray(Image.open(folder / name.replace("_refined", "")))
        assert (np.asarray(Image.open(folder / name)) != usual).any()
    report = json.loads((folder / "report.json").read_text())
    assert report["parameters"]["refine"] is True
    assert report["parameters"]["ratio"] == 0.75
    assert report["sizes"] == [[[54, 48], [36, 52]]]


def test_quiet_prints_nothing(files, capsys):
    run(*files, "--quiet", "--out", "out", *SHORT)

    assert capsys.readouterr() == ("", "")


def test_json_is_all_that_is_printed(files, capsys):
    run(*files, "--json", "--viz", "--out", "out", "--log", "run.log", "--log-level", "debug")

    out, error = capsys.readouterr()
    report = json.loads(out)
    outputs = report.pop("outputs")
    assert error == ""
    assert sorted(outputs) == sorted([*RESULTS, "viz"])
    assert all(Path(path).exists() for path in outputs.values())
    assert report == json.loads(Path("out/report.json").read_text())
    log = Path("run.log").read_text()
    for stage in ("features", "level 5: search", "level 2: reconstruction", "vote"):
        assert re.search(rf"INFO +analogy\.method\.progress: {stage}: \d+\.\d+ s\n", log)
    assert "DEBUG" in log
    assert "vgg19.onnx: loaded on analogy_kernels\n" in log


def test_folder_removed_while_computing_is_made_anew(files, monkeypatch):
    from analogy.method import transfer

    def vote_without_folder(*arguments):
        shutil.rmtree("out", ignore_errors=True)
        return vote_at_full_size(*arguments)

    vote_at_full_size = transfer.vote_at_full_size
    monkeypatch.setattr(transfer, "vote_at_full_size", vote_without_folder)

    run(*files, "--out", "out", "--quiet", *SHORT)

    assert sorted(os.listdir("out")) == RESULTS


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and locks")
def test_run_after_a_killed_one_clears_up_and_works(files):
    Path("out").mkdir()
    Path("out/b.png").write_text("mine")
    arguments = ["run", *files, "--out", "out", "--device", "cpu", "--quiet", *SHORT]
    command = [sys.executable, str(ROOT / "cli.py"), *arguments]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 60
    while len(os.listdir("out")) == 1 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    left = sorted(os.listdir("out"))

    run(*arguments[1:])

    assert left[0].startswith(".unfinished-")
    assert left[1:] == ["b.png"]
    assert sorted(os.listdir("out")) == RESULTS


def test_the_seed_decides(files):
    for seed, folder in ((7, "first"), (7, "second"), (8, "other")):
        run(*files, "--seed", seed, "--out", folder, "--quiet")

    for name in RESULTS[:-1]:
        assert Path("first", name).read_bytes() == Path("second", name).read_bytes()
    assert Path("first/flow_ab.npy").read_bytes() != Path("other/flow_ab.npy").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pseudo-terminals")
def test_a_terminal_shows_level_stage_and_time(files):
    terminal, program_side = os.openpty()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), "run", *files, "--device", "cpu"],
        stdout=subprocess.DEVNULL,
        stderr=program_side,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(program_side)
    shown = _read_all(terminal)

    assert process.wait() == 0, shown
    # The bar is painted ten times a second, so that short stages go unseen.
    assert re.search(r"level [1-5]: (search|reconstruction)", shown)
    assert "left" in shown


def _read_all(terminal):
    """What a terminal was sent until its other side closed, which Linux reports as an error."""
    parts = []
    try:
        while part := os.read(terminal, 65536):
            parts.append(part)
    except OSError:
        pass
    os.close(terminal)
    return b"".join(parts).decode()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_interrupt_while_computing_leaves_the_folder_as_it_was(files):
    Path("out").mkdir()
    Path("out/b.png").write_text("mine")
    Image.fromarray(data.astronaut()).save("large.png")
    arguments = ["run", "large.png", "large.png", "--out", "out", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    deadline = time.monotonic() + 60
    while len(os.listdir("out")) == 1 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(os.listdir("out")) == 2
    time.sleep(2)  # Past the imports, into the computation, which takes half a minute or more.
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=120)

    assert process.returncode == 130
    assert (out, error) == ("", "interrupted; nothing was written\n")
    assert os.listdir("out") == ["b.png"]
    assert Path("out/b.png").read_text() == "mine"
