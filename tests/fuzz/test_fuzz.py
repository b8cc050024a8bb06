"""Damaged files and odd command lines: one line of refusal, or a result, and nothing else.

``make fuzz`` runs many; a few run with the other tests. What one may take of time and memory is in
`tests.fuzz.limits`.
"""

import contextlib
import io
import os
import sys
import zipfile
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analogy.batch.pairs import read_jobs
from analogy.cli.main import main
from analogy.errors import AnalogyError
from analogy.images import read_image, read_picture
from analogy.model import conversion
from analogy.model.graph import read_model
from tests.fuzz import corpus
from tests.fuzz.limits import assert_not_exhausted, limited
from tests.fuzz.mutation import damaged
from tests.fuzz.reading import read_every_tensor

INPUTS = int(os.environ.get("FUZZ_INPUTS", "12"))

fuzz_test = settings(
    max_examples=INPUTS,
    deadline=None,
    derandomize=INPUTS < 100,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def count(request):
    """How many inputs were tried, told at the end where someone asked for many."""
    tried = []
    yield tried
    if INPUTS >= 100:
        capture = request.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            print(f"\n{len(tried)} malformed inputs tried", file=sys.__stdout__, flush=True)


def assert_refused_or_read(read, path, content):
    path.write_bytes(content)
    refusal = None
    try:
        with limited():
            read(path)
    except AnalogyError as error:
        refusal = error
    if refusal:
        assert_not_exhausted(refusal)
        assert "\n" not in str(refusal)
        assert len(str(refusal)) < 2000
        assert path.name in str(refusal)


@pytest.mark.parametrize("kind", corpus.IMAGES)
def test_images(kind, tmp_path, count):
    mend = corpus.png_checksums if kind.endswith("png") else corpus.same

    @fuzz_test
    @given(damaged(corpus.image_seed(kind)))
    def check(content):
        count.append(kind)
        assert_refused_or_read(read_image, tmp_path / f"a.{kind}", mend(content))

    check()


def test_layouts_of_tiff(tmp_path, count):
    """Every layout there is, as it is or damaged."""
    seeds = st.integers(0, len(corpus.TIFFS) - 1).map(corpus.tiff_seed)

    @fuzz_test
    @given(seeds.flatmap(lambda seed: st.one_of(st.just(seed), damaged(seed))))
    def check(content):
        count.append("layout of TIFF")
        assert_refused_or_read(read_picture, tmp_path / "a.tif", content)

    check()


def test_layouts_of_png(tmp_path, count):
    seeds = st.integers(0, len(corpus.PNGS) - 1).map(corpus.png_seed)

    @fuzz_test
    @given(seeds.flatmap(lambda seed: st.one_of(st.just(seed), damaged(seed))))
    def check(content):
        count.append("layout of PNG")
        content = corpus.png_checksums(content)
        assert_refused_or_read(read_picture, tmp_path / "a.png", content)

    check()


@pytest.mark.parametrize("kind", corpus.PROFILES)
def test_profiles(kind, tmp_path, count):
    """What is damaged is left out; the picture is read."""

    @fuzz_test
    @given(damaged(corpus.PROFILES[kind]))
    def check(profile):
        count.append("profile")
        (tmp_path / "a.png").write_bytes(corpus.with_profile(profile))
        with limited():
            picture = read_picture(tmp_path / "a.png")
        assert picture.pixels.shape == (33, 34, 3)

    check()


SEEDS = {name: (corpus.model_seed, (name,), corpus.same) for name in corpus.MODELS}
SEEDS["inner.npz"] = corpus.npy_seed, (), corpus.zipped("conv1_1/kernel.npy", zipfile.ZIP_DEFLATED)
SEEDS["inner.pth"] = corpus.pickle_seed, (), corpus.zipped("vgg/data.pkl", zipfile.ZIP_STORED)
SEEDS["modern.pth"] = (
    corpus.modern_pickle_seed,
    (),
    corpus.zipped("vgg/data.pkl", zipfile.ZIP_STORED),
)


@pytest.mark.parametrize("name", SEEDS)
def test_weights_of_other_programs(name, tmp_path, count):
    make, arguments, wrap = SEEDS[name]

    @fuzz_test
    @given(damaged(make(*arguments)))
    def check(content):
        count.append(name)
        assert_refused_or_read(read_every_tensor, tmp_path / name, wrap(content))
        with pytest.raises(AnalogyError):
            conversion.convert(tmp_path / name, tmp_path / "model.onnx")

    check()


@pytest.mark.parametrize("name", SEEDS)
def test_undamaged_seeds_are_read(name, tmp_path):
    make, arguments, wrap = SEEDS[name]
    (tmp_path / name).write_bytes(wrap(make(*arguments)))

    read_every_tensor(tmp_path / name)


def test_graphs(tmp_path, count):
    @fuzz_test
    @given(damaged(corpus.onnx_seed()))
    def check(content):
        count.append("onnx")
        path = tmp_path / "a.onnx"
        assert_refused_or_read(read_model, path, content)
        with pytest.raises(AnalogyError):
            read_model(path)

    check()


def test_tables_of_pairs(tmp_path, count):
    @fuzz_test
    @given(damaged(corpus.table_seed()))
    def check(content):
        count.append("table")
        read = partial(read_jobs, out=tmp_path / "out")
        assert_refused_or_read(read, tmp_path / "a.csv", content)

    check()


OPTIONS = """
--out --preset --weight --alpha-offset --ratio --max-side --deconv-depth --device --seed --model
--fill --viz --report --quiet --single-direction --resample --independent-levels --weight-map
--start --json --log --log-level --jobs --scheduler --memory-share --help
"""

COMMANDS = ["run", "batch", "model", "info", "convert", "eval", "features", "ablation", "weights"]

# What a shell can hand over, but for paths that lead out of the folder.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0/\\"), max_size=12)
numbers = st.one_of(
    st.integers(), st.floats(), st.sampled_from(["1e999", "0x10", "١", "-0", "1_0"])
)
words = st.one_of(
    st.sampled_from(OPTIONS.split()),
    st.sampled_from(COMMANDS),
    texts,
    numbers.map(str),
    st.just("a.png"),
)


def test_command_lines(tmp_path, count, monkeypatch):
    monkeypatch.chdir(tmp_path)

    @fuzz_test
    @given(st.lists(words, max_size=7), st.sampled_from([[], ["run", "absent.png", "b.png"]]))
    def check(arguments, before):
        count.append("command line")
        out, error = io.StringIO(), io.StringIO()
        with (
            limited(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(error),
            pytest.raises(SystemExit) as exit_,
        ):
            main([*before, *arguments])
        assert exit_.value.code in (0, 2)
        if exit_.value.code == 2:
            assert out.getvalue() == ""
            assert error.getvalue().startswith("error: ")
            assert error.getvalue().count("\n") == 1

    check()
