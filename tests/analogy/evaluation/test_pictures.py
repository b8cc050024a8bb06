import json
import shutil

import numpy as np
import pytest
from PIL import Image

from analogy.cli.main import main
from analogy.errors import AnalogyError
from analogy.evaluation.judge import Figures, Judge
from analogy.evaluation.pictures import (
    A_PRIME,
    B,
    evaluate,
    made_before,
    read_pairs,
    read_presets,
)
from analogy.images import read_image, resize
from analogy.method.session import Session
from tests.analogy.evaluation.pictures import write_photographs


@pytest.fixture(scope="module")
def session():
    return Session(device="cpu")


@pytest.fixture
def folder(tmp_path):
    """A pair with a published A', a pair of which nothing was published, and pictures of both."""
    pairs, pictures = tmp_path / "pairs", tmp_path / "pictures"
    for path in (pairs, pictures):
        path.mkdir()
    write_photographs(pairs, "known_A.png", "known_B.jpg")
    write_photographs(pairs, "new_B.png", "new_A.png", shape=(45, 40))
    a, b_prime = (read_image(pairs / f"known_{name}") for name in ("A.png", "B.jpg"))
    save(pairs / "known_published_AP.webp", resize(blend(a, b_prime), (36, 40)))
    save(pictures / "known.png", blend(a, b_prime))
    save(pictures / "known.B.png", b_prime)
    save(pictures / "new.png", read_image(pairs / "new_A.png"))
    return tmp_path


def blend(a, b_prime):
    return np.uint8((a.astype(int) + b_prime) // 2)


def save(path, image):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(image).save(path, **({"lossless": True} if path.suffix == ".webp" else {}))


def call(*arguments):
    with pytest.raises(SystemExit) as exit_:
        main(["eval", "pictures", *map(str, arguments)])
    return exit_.value.code


def judge_made(folder, session, **options):
    """Judge the pictures in ``pictures``; returns rows by picture, for each table."""
    pairs = read_pairs(folder / "pairs")
    methods = made_before([folder / "pictures"], pairs)
    tables = evaluate(pairs, methods, folder, session, report=lambda line: None, **options)
    return [{row[0]: list(row[1:]) for row in table.rows} for table in tables]


def test_pairs_come_with_what_was_published(folder):
    known, new = read_pairs(folder / "pairs")

    assert (known.name, new.name) == ("known", "new")
    assert known.b_prime == folder / "pairs/known_B.jpg"
    assert known.published == {"A'": folder / "pairs/known_published_AP.webp"}
    assert new.published == {}
    assert read_pairs(folder / "pairs", ["new"]) == [new]


def test_a_refined_picture_is_taken_before_a_plain_one_and_a_run_before_a_picture(tmp_path):
    order = ["one/a_prime_refined.png", "one/a_prime.png", "one.png"]
    (tmp_path / "one").mkdir()
    for name in reversed(order):
        (tmp_path / name).touch()
        assert A_PRIME.find(tmp_path, "one") == tmp_path / name
    assert B.find(tmp_path, "one") is None
    for name in ("one.B.png", "one/b.png", "one/b_refined.png"):
        (tmp_path / name).touch()
        assert B.find(tmp_path, "one") == tmp_path / name


def test_figures_are_the_judges_at_the_published_size(folder, session):
    measured, _, _ = judge_made(folder, session)

    a, b_prime = (read_image(folder / f"pairs/known_{name}") for name in ("A.png", "B.jpg"))
    judge = Judge(a, b_prime, (36, 40), session.extractor)
    published, ours = (
        judge(read_image(folder / name))
        for name in ("pairs/known_published_AP.webp", "pictures/known.png")
    )
    assert measured["known A'"] == [
        published.structure,
        published.style,
        ours.structure,
        ours.style,
    ]
    # B' itself in place of B, and A itself in place of A': nothing was moved, nothing restyled.
    assert measured["known B"] == [None, None, 0, 1]
    assert measured["new A'"] == [None, None, 0, 1]
    assert "new B" not in measured
    # One picture has all figures.
    assert measured["mean"] == measured["known A'"]


def test_shares_are_of_the_published_figures(folder, session):
    measured, shares, summary = judge_made(folder, session)

    published_structure, published_style, structure, style = measured["known A'"]
    assert shares == {"known A'": [structure / published_structure, style / published_style]}
    count, *means, no_worse = summary["pictures"]
    assert count == 1
    assert means == shares["known A'"]
    assert no_worse == (max(means) <= 1.005)


def test_no_worse_is_what_is_as_good_in_both(folder, session):
    shutil.copy(folder / "pairs/known_published_AP.webp", folder / "published.webp")
    save(folder / "pictures/known.png", read_image(folder / "published.webp"))
    _, shares, summary = judge_made(folder, session)
    assert shares["known A'"] == [1, 1]
    assert summary["pictures"] == [1, 1, 1, 1]

    # Of perfect structure, and of worse style than a blend.
    save(folder / "pictures/known.png", read_image(folder / "pairs/known_A.png"))
    _, shares, summary = judge_made(folder, session)
    assert shares["known A'"][0] == 0
    assert summary["pictures"][3] == int(shares["known A'"][1] <= 1.005)


def test_figures_stand_alone_where_nothing_was_published(folder, session):
    (folder / "pairs/known_published_AP.webp").unlink()

    (measured,) = judge_made(folder, session)

    assert set(measured) == {"known A'", "known B", "new A'", "mean"}
    assert measured["mean"][0] == pytest.approx(measured["known A'"][0] / 3)


def test_sheets_have_all_pictures_at_one_height(folder, session):
    judge_made(folder, session, height=64)

    # A, B', published and judged A', and below B; 64 pixels high under labels of 22, gaps of 4.
    sheet = np.asarray(Image.open(folder / "sheet_known.png"))
    assert sheet.shape == (2 * (64 + 22 + 4) + 4, 4 * (72 + 4) + 4, 3)
    a = resize(read_image(folder / "pairs/known_A.png"), (64, 72))
    np.testing.assert_array_equal(sheet[26 : 26 + 64, 4 : 4 + 72], a)
    # There is no B of the other pair.
    assert Image.open(folder / "sheet_new.png").height == 64 + 22 + 8


def test_folders_are_told_apart_by_their_paths_where_names_do_not(folder):
    for name in ("x/same", "y/same", "published", "other"):
        shutil.copytree(folder / "pictures", folder / name)
    paths = [folder / name for name in ("x/same", "y/same", "published", "other")]

    methods = made_before(paths, read_pairs(folder / "pairs"))

    names = [str(path.resolve()) for path in paths[:3]] + ["other"]
    assert list(methods) == names
    assert [method(None) for method in methods.values()] == [path.resolve() for path in paths]


def test_presets_are_those_of_the_file_or_the_usual_one(folder):
    pairs = read_pairs(folder / "pairs")
    assert read_presets(folder / "pairs", pairs, "paper") == {"known": "paper", "new": "paper"}

    # It may name pairs that are elsewhere.
    presets = {"new": "photo2photo", "absent": "flow"}
    (folder / "pairs/presets.json").write_text(json.dumps(presets))
    assert read_presets(folder / "pairs", pairs) == {"known": "default", "new": "photo2photo"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "no JSON"),
        ("[]", "no object of pairs and presets"),
        ('{"new": "photo"}', "new: 'photo' is no preset; give one of default, paper"),
        ('{"new": ["paper"]}', "new: 'list' is no preset"),
        ('{"a\\nb": "' + 999 * "x" + '"}', "a b: 'xxx"),
    ],
)
def test_malformed_presets_are_told_in_one_line(folder, capsys, content, reason):
    (folder / "pairs/presets.json").write_text(content)

    assert call(folder / "pairs", "--out", folder / "out") == 2

    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert f"presets.json: {reason}" in error
    assert len(error) < 400
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent"], "absent: holds no pairs of images"),
        (["pairs", "--only", "nobody"], "pairs: holds no pair 'nobody'; it has known, new"),
        (["pairs", "--preset", "nothing"], "--preset"),
        (["pairs", "--made", "pairs"], "pairs: holds no pictures of known, new; give a folder"),
        (["pairs", "--made", "absent"], "absent: holds no pictures"),
        (["pairs", "--made", "pictures", "--made", "broken"], "known.png: not an image"),
        (["pairs", "--made", "pictures", "--height", "3"], "--height"),
    ],
)
def test_bad_input_is_told_in_one_line(folder, monkeypatch, capsys, arguments, words):
    (folder / "broken").mkdir()
    (folder / "broken/known.png").write_text("no image")
    monkeypatch.chdir(folder)

    assert call(*arguments, "--out", "out") == 2

    out, error = capsys.readouterr()
    assert out == ""
    assert words in error
    assert error.count("\n") == 1
    assert not (folder / "out").exists()


def test_a_pair_without_an_image_is_no_pair(folder):
    (folder / "pairs/known_B.jpg").unlink()

    with pytest.raises(AnalogyError, match="holds no pair 'known'; it has new"):
        read_pairs(folder / "pairs", ["known"])


def test_the_command_runs_each_pair_by_its_preset_and_judges_what_came_out(folder, capsys, session):
    (folder / "pairs/presets.json").write_text('{"known": "photo2photo"}')
    out = folder / "out"

    code = call(
        *(folder / "pairs", "--out", out, "--device", "cpu", "--height", 48),
        *("--preset", "style2style", "--finest-level", 5),
    )

    assert code == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "known",
        "new",
        "pictures.json",
        "pictures.md",
        "sheet_known.png",
        "sheet_new.png",
    ]
    assert not (out / "new/a_prime_refined.png").exists()
    record = json.loads((out / "pictures.json").read_text())
    assert record["parameters"]["known"]["refine"] is True
    assert record["parameters"]["new"]["finest_level"] == 5
    report = json.loads((out / "new/report.json").read_text())
    assert record["parameters"]["new"] == report["parameters"]
    rows = {row["picture"]: row for row in record["tables"][0]["rows"]}
    a, b_prime = (read_image(folder / f"pairs/known_{name}") for name in ("A.png", "B.jpg"))
    judge = Judge(a, b_prime, (36, 40), session.extractor)
    refined = judge(read_image(out / "known/a_prime_refined.png"))
    row = rows["known A'"]
    assert Figures(row["ours, structure"], row["ours, style"]) == refined
    assert refined != judge(read_image(out / "known/a_prime.png"))
    printed = capsys.readouterr().out
    assert (out / "pictures.md").read_text() in printed
    assert f"known A': published {row['published, structure']:.3f}/" in printed


def test_what_was_run_is_judged_again_as_it_was(folder, capsys):
    arguments = folder / "pairs", "--only", "known", "--device", "cpu"
    again = folder / "again"

    assert call(*arguments, "--out", folder / "ours", "--finest-level", 5) == 0
    first = capsys.readouterr().out
    assert call(*arguments, "--out", again, "--made", folder / "ours") == 0

    assert capsys.readouterr().out == first.replace("/ours\n", "/again\n")
    assert sorted(path.name for path in again.iterdir()) == [
        "pictures.json",
        "pictures.md",
        "sheet_known.png",
    ]
