import dataclasses
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from analogy.report.page import write_report
from tests.analogy.runs import small_run

pytestmark = pytest.mark.smoke

LIMIT = 5_000_000


class Page(HTMLParser):
    """Elements of a page, and the text of each kind of element."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self._open = [], {}, [""]
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._open.append(tag)

    def handle_endtag(self, tag):
        if tag in self._open:
            del self._open[len(self._open) - self._open[::-1].index(tag) - 1 :]

    def handle_data(self, data):
        self.text[self._open[-1]] = self.text.get(self._open[-1], "") + data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page_of(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"

    def build(run, **names):
        write_report(path, run.a, run.b_prime, run.result, run.pictures, run.record(**names))
        return path.read_text(encoding="utf-8")

    return build


@pytest.fixture(scope="module")
def plain(page_of):
    """The page of a usual run."""
    return page_of(small_run())


def test_everything_is_inside(plain):
    page = Page(plain)
    for _, attributes in page.elements:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#"))
    assert not re.search(r"url\((?!data:)|@import|\bfetch\(|XMLHttpRequest|WebSocket", plain)
    assert len(page.all("img")) >= 10


def test_settings_and_times_are_told(plain):
    run = small_run()

    assert Page(plain).text["code"] == "analogy run photo.png cup.png"
    told = re.sub(r"<[^>]*>", "", plain)
    for name in run.result.record["parameters"]:
        assert name.replace("_", " ") in told
    assert f"{run.result.record['seconds']['total']:.1f} s" in told
    assert run.result.record["model"]["sha256"] in told
    changed = re.findall(r'<tr class="changed"><th scope="row">([^<]*)', plain)
    assert changed == ["search iterations", "deconv iterations"]


def test_sizes_are_told_where_there_are_several(page_of, plain):
    page = page_of(small_run(first_scale=40, coarsest_reconstruction=5, led_deconvolutions=(3, 2)))
    (alt,) = re.findall(r'alt="Residual over iterations, ([^"]*)"', page)

    assert "Shown is the last of 2 sizes" in page
    assert "thin ones of smaller sizes" in page
    assert "size 1, level 5, A′: from" in alt
    assert "size 2, level 3, B: from" in alt
    assert "of 2 sizes" not in plain
    assert "size 1" not in plain


def test_bars_are_as_long_as_the_stages_took(plain):
    spent = [
        list(seconds.values()) if isinstance(seconds, dict) else [seconds]
        for stage, seconds in small_run().result.record["seconds"].items()
        if stage != "total"
    ]

    bars = re.findall(r"<svg viewBox.*?</svg>", plain)

    longest = max(sum(stage) for stage in spent)
    for bar, stage in zip(bars, spent, strict=True):
        starts = [float(x) for x in re.findall(r' x="([\d.]+)"', bar)]
        expected = 100 * (np.cumsum(stage) - stage) / longest
        np.testing.assert_allclose(starts, expected, atol=1e-3)


NASTY = [
    "<script>alert(1)</script>.png",
    '"><img src=x onerror=alert(1)>.png',
    "</title></style><b>.png",
    "{{ 7 * 7 }}{% raw %}.png",
    "'; alert(1); '&lt;.png",
]


@pytest.mark.parametrize("name", NASTY)
def test_names_are_text_and_nothing_else(page_of, plain, name):
    plain = Page(plain)
    page = Page(page_of(small_run(), a=name, b_prime=name))

    def shape(page):
        return [(tag, sorted(attributes)) for tag, attributes in page.elements]

    assert shape(page) == shape(plain)
    assert page.text["script"] == plain.text["script"]
    # A slash ends the folder's name, and the file's begins.
    assert name.rpartition("/")[2] in page.text["h1"]
    assert f"analogy run {name} {name}" == page.text["code"]


def test_names_that_are_no_text_are_shown_by_their_escapes(page_of):
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")

    assert r"caf\udce9.png" in Page(page_of(small_run(), a=name)).text["h1"]


def test_script_gets_its_data(plain):
    data = Page(plain).text["script"]

    # The scripts follow.
    assert json.JSONDecoder().raw_decode(data)[0]["levels"][0]["level"] == 5


def test_the_command_with_points_is_told_and_points_of_the_run_are_there(page_of):
    run = small_run()
    result = dataclasses.replace(run.result, record=run.result.record | {"points": [[1, 2, 3, 4]]})

    page = Page(page_of(dataclasses.replace(run, result=result)))

    assert "analogy run photo.png cup.png --points points.csv" in page.text["pre"]
    data = json.JSONDecoder().raw_decode(page.text["script"])[0]
    assert data["points"] == [[1, 2, 3, 4]]


def test_refined_pictures_are_compared_with_the_originals(page_of, plain):
    assert "refined" not in re.sub(r"<script.*", "", Page(plain).text["figcaption"])

    page = Page(page_of(small_run(refine=True)))
    sliders = [
        (slider["data-before"], slider["data-after"])
        for slider in page.all("input")
        if "data-before" in slider
    ]
    assert sliders == [("A", "A′"), ("B′", "B"), ("A", "A′ refined"), ("B′", "B refined")]
    sources = {
        image["data-image"]: image["src"] for image in page.all("img") if "data-image" in image
    }
    assert len(set(sources.values())) == 6
    assert "A′ refined: the new colours, with the detail of A itself." in page.text["figcaption"]


@pytest.mark.parametrize("is_refined", [False, True])
def test_noise_of_any_size_stays_under_the_limit(page_of, random, is_refined):
    """Nothing compresses worse, so no images make a larger page."""
    run = small_run()
    noise = random.integers(0, 256, (1500, 1400, 3), dtype=np.uint8)
    flow = random.uniform(-1400, 1400, (1500, 1400, 2)).astype(np.float32)
    small_noise = noise[:600, :600]

    def noisy(pictures):
        return dataclasses.replace(
            pictures, flow=small_noise, result=small_noise, confidence=small_noise
        )

    levels = tuple(
        dataclasses.replace(level, ab=noisy(level.ab), ba=noisy(level.ba))
        for level in run.pictures.levels
    )
    result = dataclasses.replace(run.result, a_prime=noise, b=noise, flow_ab=flow, flow_ba=flow)
    if is_refined:
        result = dataclasses.replace(result, a_prime_refined=noise, b_refined=noise)
    pictures = dataclasses.replace(run.pictures, levels=levels)

    text = page_of(
        dataclasses.replace(run, a=noise, b_prime=noise, result=result, pictures=pictures)
    )

    assert 3_000_000 < len(text.encode()) < LIMIT


def test_a_run_without_deconvolutions_says_so(page_of):
    text = page_of(small_run(reconstruction="resampling"))

    assert "This run made none" in text
    assert "Residual over iterations" not in text


def test_copies_of_b_are_told_where_there_are_any(page_of, plain):
    run = small_run()
    poses = np.zeros(run.a.shape[:2], np.uint8)
    poses[:4] = 1
    entries = [
        {"mirrored": True, "turn": 0.0, "scale": 1.0, "share": 0.75, "matrix": [[1, 0], [0, -1]]},
        {"mirrored": False, "turn": 15.0, "scale": 0.7, "share": 0.25, "matrix": [[1, 0], [0, 1]]},
    ]
    result = dataclasses.replace(
        run.result, poses=poses, record=run.result.record | {"poses": entries}
    )

    page = Page(page_of(dataclasses.replace(run, result=result)))

    assert "Poses of B′" in page.text["h2"]
    assert "mirrored" in page.text["th"]
    assert "turned by 15, scaled by 0.7" in page.text["th"]
    assert "Poses of B′" not in Page(plain).text["h2"]
