from operator import itemgetter

import numpy as np
import pytest
from scipy.optimize import check_grad

from benchmarks.peers import convolution, inpainting, matching, minimisation, smoothing
from benchmarks.peers.contest import Contender, Contest, Result, hold
from benchmarks.peers.tables import markdown, record, write
from tests.benchmarks.sums import fail, sum_of

# Under which everything that the tests hold runs where only the project's own needs are installed.
BASE = {"this project", "numpy", "onnxruntime-gpu", "scikit-image", "scipy"}


@pytest.fixture
def images(random):
    """Two small images of unequal size."""
    return tuple(random.integers(0, 256, (*size, 3), np.uint8) for size in ((9, 11), (10, 8)))


def obvious_ssd(first, second, y, x, match_y, match_x):
    half = matching.PATCH_SIDE // 2
    total = 0
    for dy, dx in np.ndindex(matching.PATCH_SIDE, matching.PATCH_SIDE):
        for c in range(3):
            a = int(first[y + dy - half, x + dx - half, c])
            b = int(second[match_y + dy - half, match_x + dx - half, c])
            total += (a - b) ** 2
    return total


def whole_patches(image):
    half = matching.PATCH_SIDE // 2
    height, width = image.shape[:2]
    return [(y, x) for y in range(half, height - half) for x in range(half, width - half)]


def test_patch_ssd(images, random):
    first, second = images
    nnf = np.zeros((*first.shape[:2], 2), np.int32)
    expected = []
    for y, x in whole_patches(first):
        nnf[y, x] = random.choice(whole_patches(second))
        expected.append(obvious_ssd(first, second, y, x, *nnf[y, x]))

    assert matching.patch_ssd(first, second, nnf).tolist() == expected


def test_exact_matches_are_the_nearest(images):
    first, second = images

    nnf = matching.exact_nnf(first, second)

    for y, x in whole_patches(first):
        distances = [obvious_ssd(first, second, y, x, *match) for match in whole_patches(second)]
        assert obvious_ssd(first, second, y, x, *nnf[y, x]) == min(distances)


def test_psnr_counts_the_holes_alone(random):
    image, filled = random.integers(0, 256, (2, 5, 6, 3), np.uint8)
    holes = random.random((5, 6)) < 0.5
    squares = [
        (int(image[y, x, c]) - int(filled[y, x, c])) ** 2
        for y, x, c in np.ndindex(5, 6, 3)
        if holes[y, x]
    ]

    expected = 10 * np.log10(255**2 / (sum(squares) / len(squares)))
    assert inpainting.psnr_inside(image, filled, holes) == pytest.approx(expected)


@pytest.mark.parametrize("make", [inpainting.blocks, inpainting.scratches])
def test_holes_leave_most_of_the_image(make):
    assert 0.02 < make(64).mean() < 0.5


def test_distance_from_the_exact_solution():
    exact = np.array([0.0, 4.0, 2.0, 1.0])

    # Errors of 0.4 everywhere are a tenth of the range.
    assert smoothing.distance(exact + 0.4, exact) == pytest.approx(20)
    assert smoothing.distance(exact, exact) == np.inf


def test_rosenbrock_and_its_gradient(random):
    x = random.standard_normal(8)
    expected = sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(0, len(x), 2))
    function = minimisation.Rosenbrock()

    def gradient(x):
        out = np.empty_like(x)
        function.gradient(x, out)
        return out

    assert function.value(x) == pytest.approx(expected)
    # Differences of float64, whose steps are the root of its precision.
    assert check_grad(function.value, gradient, x) < 1e-4 * np.linalg.norm(gradient(x))


@pytest.fixture(scope="module")
def contests():
    return [
        matching.contest(32),
        *inpainting.contests(64),
        smoothing.contest(24),
        *convolution.contests(12),
        *minimisation.contests(100, 32, iterations=5),
    ]


# Measures that are to be half of what doing nothing gives, or less; more where more is better.
TELLING = (
    "above the exact, %",
    "largest error / range",
    "relative error",
    "loss",
    "residual",
    "dB",
)


def doing_nothing(contest):
    """What stands for a result where no work is done."""
    problem, (measure, *_) = contest.problem, contest.best
    if measure == "mean SSD":
        return (np.moveaxis(np.indices(problem["first"].shape[:2]), 0, -1),)
    if measure == "relative error":
        return (np.zeros_like(problem["x"]),)
    if measure in ("loss", "residual"):
        return problem["start"].ravel(), 0
    return (problem["image"],)


def test_contenders_of_the_base_environment_do_the_work(contests):
    held = []
    for contest in contests:
        measure = next(name for name in TELLING if name in contest.best)
        nothing = contest.judge(*doing_nothing(contest))[measure]
        for contender in contest.contenders:
            if contender.distribution not in BASE:
                continue
            work = contender.prepare(**contest.problem, threads=1, **contender.options)
            returned = work()
            measures = contest.judge(*(returned if isinstance(returned, tuple) else (returned,)))
            assert measures.keys() == contest.best.keys()
            if contest.best[measure] is min:
                assert measures[measure] < nothing / 2, (contest.title, contender.name)
            else:
                assert measures[measure] > nothing, (contest.title, contender.name)
            if "exact" in contender.name:
                assert measures.get("exact, %", 100) == 100
            held.append(contender)

    assert {contender.distribution for contender in held} == BASE


def contest(*contenders):
    values = {"values": np.arange(4.0)}
    return Contest(
        "Sums",
        contenders,
        values,
        values,
        lambda total: {"error": float(abs(total - 6))},
        {"error": min},
    )


def test_every_contender_is_shown():
    named = contest(
        Contender("right", sum_of),
        Contender("wrong", sum_of, options={"offset": 2.0}),
        Contender("failing", fail),
        Contender("absent", sum_of, "no-such-distribution"),
    )
    results = hold(named, rounds=2, threads=1)

    assert [result.status for result in results] == [
        "done",
        "done",
        "failed: ValueError: no such luck",
        "not installed",
    ]
    assert [result.measures.get("error") for result in results] == [0.0, 2.0, None, None]


def test_table_marks_the_best_of_each_column():
    ours, peer, absent = (Contender(name, sum_of) for name in ("ours", "peer", "absent"))
    results = [
        Result(ours, "done", 2.0, 10.0, {"error": 0.5}),
        Result(peer, "done", 1.0, 30.0, {"error": 1234.5}),
        Result(absent, "not installed"),
    ]

    lines = markdown(contest(ours, peer, absent), results).splitlines()

    assert lines[0] == "## Sums"
    assert lines[2] == "|  | seconds | times the first's | MiB | error |"
    assert lines[4] == "| ours | 2 | 1 | **10** | **0.5** |"
    assert lines[5] == "| peer | **1** | 0.5 | 30 | 1234 |"
    assert lines[6] == "| absent | not installed | - | - | - |"


def test_results_are_written_with_pictures(tmp_path):
    ours = Contender("ours", sum_of)
    picture = np.zeros((8, 9, 3), np.uint8)
    held = contest(ours), [Result(ours, "done", 2.0, None, {"error": 0.5}, picture)]

    write(tmp_path / "new", {"cores": 2}, [held])

    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "Sums.png",
        "peers.json",
        "peers.md",
    }
    (row,) = record(*held)["results"]
    assert itemgetter("name", "status", "seconds", "error")(row) == ("ours", "done", 2.0, 0.5)
