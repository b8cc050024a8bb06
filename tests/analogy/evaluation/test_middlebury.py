import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter, shift
from skimage.metrics import peak_signal_noise_ratio

from analogy.cli.main import main
from analogy.errors import AnalogyError
from analogy.evaluation import middlebury
from analogy.evaluation.flow_file import write_flow
from analogy.evaluation.middlebury import CATEGORY_I, Pair, endpoint_errors, find_pairs, read_pair
from analogy.method.transfer import transfer

SHAPE = (64, 72)
# (dx, dy): half-way between pixels one way, a third the other.
MOTION = np.float32([1.5, -0.3])
# Less texture here than noise of the camera.
FLAT = np.s_[24:44, 26:46]
QUICK = replace(CATEGORY_I, deconv_iterations=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One pair in Middlebury's layout: a picture moved by `MOTION`, with noise in both frames."""
    random = np.random.default_rng(3)
    scene = gaussian_filter(random.random((*SHAPE, 3)), (1.2, 1.2, 0))
    scene = (scene - scene.min()) / np.ptp(scene)
    scene[FLAT] = 0.5 + 0.02 * (scene[FLAT] - 0.5)
    moved = np.stack(
        [shift(c, MOTION[::-1], mode="nearest") for c in np.moveaxis(scene, -1, 0)], axis=-1
    )
    folder = tmp_path_factory.mktemp("middlebury")
    (folder / "Moved").mkdir()
    for name, frame in (("frame10", scene), ("frame11", moved)):
        noisy = 255 * frame + random.normal(0, 1, frame.shape)
        image = np.uint8(np.clip(noisy + 0.5, 0, 255))
        Image.fromarray(image).save(folder / "Moved" / f"{name}.png")
    flow = np.broadcast_to(MOTION, (*SHAPE, 2)).copy()
    flow[:, :6] = np.nan
    write_flow(folder / "Moved" / "flow10.flo", flow)
    return folder


@pytest.fixture(scope="module")
def pair(folder):
    return read_pair(find_pairs(folder)[0])


@pytest.fixture(scope="module")
def run(pair):
    """PSNR of the picture, and flow errors everywhere and in the flat part, by parameters."""
    found = {}

    def run(**options):
        key = tuple(options.items())
        if key not in found:
            result = transfer(pair.first, pair.second, replace(QUICK, **options), device="cpu")
            errors = endpoint_errors(result.flow_ab, pair.flow)
            square = np.mean((result.a_prime.astype(float) - pair.first) ** 2)
            found[key] = (
                10 * np.log10(255**2 / square),
                np.nanmean(errors),
                errors[FLAT].mean(),
            )
        return found[key]

    return run


def true_motion(first, second):
    """A method as scikit-image has them, that knows."""
    assert first.shape == second.shape == SHAPE
    return np.full(SHAPE, MOTION[1]), np.full(SHAPE, MOTION[0])


def test_the_colour_term_improves_the_picture(run):
    psnr, _, _ = run(smoothing=0, subpixel=0)
    without, _, _ = run(smoothing=0, subpixel=0, colour_weight=0.0)

    assert psnr > without + 1


def test_smoothing_improves_the_flow_of_flat_parts(run):
    _, error, in_flat = run(subpixel=0)
    _, without, in_flat_without = run(smoothing=0, subpixel=0)

    assert in_flat < 0.5 * in_flat_without
    assert error < without


def test_sub_pixel_steps_improve_both(run):
    psnr, error, _ = run()
    psnr_without, without, _ = run(subpixel=0)

    assert psnr > psnr_without + 1
    assert error < 0.5 * without


def test_all_together_come_near_the_true_motion(pair, run):
    psnr, error, _ = run()
    by_true_motion = middlebury.by_optical_flow(pair, true_motion)
    attainable = peak_signal_noise_ratio(pair.first, by_true_motion.picture)

    assert error < 0.25
    assert psnr > attainable - 1


def test_the_command_writes_tables_and_sheets(folder, tmp_path, capsys, monkeypatch):
    evaluate = middlebury.evaluate
    monkeypatch.setattr(
        middlebury, "evaluate", lambda *arguments: evaluate(*arguments, parameters=QUICK)
    )

    with pytest.raises(SystemExit) as left:
        main(["eval", "middlebury", str(folder), "--out", str(tmp_path), "--device", "cpu"])

    assert left.value.code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "Moved.png",
        "middlebury.json",
        "middlebury.md",
    ]
    record = json.loads((tmp_path / "middlebury.json").read_text())
    (row, means), published = (table["rows"] for table in record["tables"])
    assert means == row | {"pair": "mean"}
    assert published[-1] == {"method": "Deep Image Analogy", "dB": 34.16, "px": 3.21}
    assert record["parameters"]["alphas"] == [1, 1, 1, 1]
    assert record["runs"]["Moved"]["device"] == "cpu"
    # Flat parts say nothing of the motion to PatchMatch.
    assert row["ours, px"] < 0.25 < row["PatchMatch, px"]
    assert row["TV-L1, px"] < 1
    assert row["ILK, px"] < 1
    assert row["ours, dB"] > row["PatchMatch, dB"]
    markdown = (tmp_path / "middlebury.md").read_text()
    assert f"| Moved | {row['ours, dB']:.2f} | {row['ours, px']:.2f} |" in markdown
    assert markdown in capsys.readouterr().out
    # Four columns of methods under the frames, three pictures wide.
    assert Image.open(tmp_path / "Moved.png").size[0] > 3 * SHAPE[1]


def test_flow_and_positions_of_the_known_motion_give_their_picture(pair):
    """The true motion, handed over as a method's flow, is measured as such."""
    estimate = middlebury.by_optical_flow(pair, true_motion)

    assert np.nanmax(endpoint_errors(estimate.flow, pair.flow)) == 0
    difference = estimate.picture.astype(float) - pair.first
    assert 10 * np.log10(255**2 / np.mean(difference[4:-4, 4:-4] ** 2)) > 34


def test_unknown_motion_is_left_out(pair):
    assert np.isnan(pair.flow[:, :6]).all()
    errors = endpoint_errors(np.zeros_like(pair.flow), pair.flow)
    assert np.nanmean(errors) == pytest.approx(np.linalg.norm(MOTION))


def test_folders_without_pairs_are_named(tmp_path):
    with pytest.raises(AnalogyError, match="none: no such folder"):
        find_pairs(tmp_path / "none")
    (tmp_path / "Half").mkdir()
    (tmp_path / "Half" / "frame10.png").touch()
    with pytest.raises(AnalogyError, match=r"no folder in it has frame10\.png"):
        find_pairs(tmp_path)


def test_frames_and_flow_of_different_sizes_are_named(folder, tmp_path):
    (tmp_path / "Odd").mkdir()
    for name in ("frame10.png", "frame11.png"):
        (tmp_path / "Odd" / name).write_bytes((folder / "Moved" / name).read_bytes())
    write_flow(tmp_path / "Odd" / "flow10.flo", np.zeros((10, 10, 2)))

    with pytest.raises(AnalogyError, match="Odd: frames and flow differ in size"):
        read_pair(tmp_path / "Odd")


def test_pairs_are_what_was_read(folder, pair):
    assert isinstance(pair, Pair)
    assert pair.name == "Moved"
    assert pair.first.shape == pair.second.shape == (*SHAPE, 3)
    assert (np.asarray(Image.open(folder / "Moved" / "frame11.png")) == pair.second).all()
