import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analogy.errors import AnalogyError
from analogy.system.outputs import (
    discard_abandoned,
    json_text,
    make_folder,
    staged,
    write_array,
    write_image,
    write_json,
    write_text,
)

pytestmark = pytest.mark.smoke


def test_files_appear_together_when_all_are_written(tmp_path, random):
    image = random.integers(0, 256, (8, 9, 3), dtype=np.uint8)
    flow = random.standard_normal((8, 9, 2), dtype=np.float32)
    folder = tmp_path / "deep" / "out"

    with staged(folder) as staging:
        write_image(staging / "a.png", image)
        write_array(staging / "flow.npy", flow)
        write_json(staging / "report.json", {"text": "é", "path": tmp_path, "x": np.float32(0.5)})
        assert not (folder / "a.png").exists()

    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "flow.npy", "report.json"]
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "a.png")), image)
    np.testing.assert_array_equal(np.load(folder / "flow.npy"), flow)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report == {"text": "é", "path": str(tmp_path), "x": 0.5}


def test_old_files_are_replaced_and_others_kept(tmp_path):
    (tmp_path / "report.json").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")

    with staged(tmp_path) as staging:
        write_json(staging / "report.json", {})

    assert (tmp_path / "report.json").read_text() == "{}\n"
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_folders_are_published_with_their_files(tmp_path):
    (tmp_path / "viz").mkdir()
    (tmp_path / "viz" / "old.json").write_text("mine")

    with staged(tmp_path) as staging:
        write_json(make_folder(staging / "viz") / "new.json", {})
        write_json(make_folder(staging / "deep" / "er") / "new.json", {})

    written = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.json"))
    assert written == [os.path.join(*parts) for parts in _PUBLISHED]


_PUBLISHED = [("deep", "er", "new.json"), ("viz", "new.json"), ("viz", "old.json")]


def test_file_in_the_place_of_a_folder_is_refused_before_anything_is_replaced(tmp_path):
    (tmp_path / "a.json").write_text("old")
    (tmp_path / "viz").write_text("in the way")

    def work():
        with staged(tmp_path) as staging:
            write_json(staging / "a.json", {})
            write_json(make_folder(staging / "viz") / "new.json", {})

    with pytest.raises(AnalogyError, match="viz is a file"):
        work()

    assert (tmp_path / "a.json").read_text() == "old"


def test_names_that_are_no_text_are_written_by_their_escapes(tmp_path):
    name = b"caf\xe9".decode("utf-8", "surrogateescape")

    write_json(tmp_path / "report.json", {"a": Path(name)})
    write_text(tmp_path / "report.html", name)

    assert json.loads((tmp_path / "report.json").read_text()) == {"a": name}
    assert (tmp_path / "report.html").read_text() == r"caf\udce9"


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
def test_failure_leaves_the_folder_as_it_was(tmp_path, error):
    (tmp_path / "report.json").write_text("old")

    def work():
        with staged(tmp_path) as staging:
            write_json(staging / "report.json", {})
            raise error

    with pytest.raises(error):
        work()

    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
    assert (tmp_path / "report.json").read_text() == "old"


def test_failure_removes_the_folders_it_made(tmp_path):
    def work():
        with staged(tmp_path / "deep" / "out") as staging:
            write_json(staging / "report.json", {})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()

    assert list(tmp_path.iterdir()) == []


def test_file_under_construction_failing_leaves_nothing(tmp_path):
    def work():
        with staged(tmp_path / "out") as staging:
            write_json(staging / "report.json", {"x": object()})

    with pytest.raises(TypeError, match="object has no JSON form"):
        work()

    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made_is_found_out_on_entry(tmp_path):
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "out"

    with pytest.raises(AnalogyError, match="cannot be written") as raised, staged(folder):
        pytest.fail("entered")

    assert str(raised.value).startswith(f"{folder}: ")


def test_folder_in_the_place_of_a_result_is_refused_before_anything_is_replaced(tmp_path):
    (tmp_path / "a.json").write_text("old")
    (tmp_path / "b.json").mkdir()

    def work():
        with staged(tmp_path) as staging:
            write_json(staging / "a.json", {})
            write_json(staging / "b.json", {})

    with pytest.raises(AnalogyError, match=r"b\.json is a folder"):
        work()

    assert (tmp_path / "a.json").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"]


def test_failing_to_write_names_the_file(tmp_path):
    with pytest.raises(AnalogyError, match=r"^a\.png: cannot be written"):
        write_image(tmp_path / "absent" / "a.png", np.zeros((4, 4, 3), np.uint8))


def test_json_text_is_ascii_that_any_terminal_takes():
    name = b"caf\xe9".decode("utf-8", "surrogateescape")

    text = json_text({"a": Path(name)})

    assert text.isascii()
    assert json.loads(text) == {"a": name}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB, which only root can make."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("write", [write_array, write_image], ids=lambda write: write.__name__)
def test_full_disk_leaves_the_folder_as_it_was(small_disk, write, random):
    assert_no_room_leaves_the_folder_as_it_was(small_disk, write, random)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
@pytest.mark.parametrize("write", [write_array, write_image], ids=lambda write: write.__name__)
def test_file_that_the_system_cuts_off_leaves_the_folder_as_it_was(tmp_path, write, random):
    """A limit on files' sizes stands for the full disk where none can be mounted."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, limits[1]))
    try:
        assert_no_room_leaves_the_folder_as_it_was(tmp_path, write, random)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def assert_no_room_leaves_the_folder_as_it_was(folder, write, random):
    (folder / "a.png").write_text("old")
    noise = random.integers(0, 256, (200, 200, 3), dtype=np.uint8)

    def work(image):
        with staged(folder) as staging:
            write_json(staging / "first.json", {})
            write(staging / "a.png", image)

    with pytest.raises(AnalogyError, match=r"^a\.png.*: cannot be written .*make room"):
        work(noise)

    assert [path.name for path in folder.iterdir()] == ["a.png"]
    assert (folder / "a.png").read_text() == "old"
    work(noise[:40, :40])
    assert (folder / "first.json").exists()


def test_disk_found_full_when_flushed_leaves_the_folder_as_it_was(tmp_path, monkeypatch):
    """Some file systems take everything and tell only when asked to keep it."""
    (tmp_path / "a.json").write_text("old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)

    def work():
        with staged(tmp_path) as staging:
            write_json(staging / "a.json", {})

    with pytest.raises(AnalogyError, match=r"No space left on device.*make room"):
        work()

    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "old"


def test_folder_removed_meanwhile_is_made_anew(tmp_path):
    with staged(tmp_path / "out") as staging:
        shutil.rmtree(tmp_path / "out")
        write_json(make_folder(staging) / "a.json", {})

    assert os.listdir(tmp_path / "out") == ["a.json"]


def test_folder_removed_and_not_made_anew_is_told(tmp_path):
    def work():
        with staged(tmp_path / "out") as staging:
            shutil.rmtree(tmp_path / "out")
            write_json(staging / "a.json", {})

    with pytest.raises(AnalogyError, match=r"a\.json: cannot be written"):
        work()

    assert list(tmp_path.iterdir()) == []


HOLDER = """
import sys
from analogy.system.outputs import staged, write_json
with staged(sys.argv[1]) as staging:
    write_json(staging / "a.json", {})
    print("staged", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has a file staged in `tmp_path` and waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "staged\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and locks")
def test_what_a_killed_process_staged_is_removed_by_the_next(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    (left,) = os.listdir(tmp_path)

    with staged(tmp_path) as staging:
        assert os.listdir(tmp_path) == [staging.name]
        write_json(staging / "b.json", {})

    assert left.startswith(".unfinished-")
    assert os.listdir(tmp_path) == ["b.json"]


def test_what_a_process_was_removing_when_it_was_killed_is_removed_by_the_next(
    tmp_path, monkeypatch
):
    def killed(folder, **options):
        (folder / ".lock").unlink(missing_ok=True)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt), staged(tmp_path):
            pass
    assert len(os.listdir(tmp_path)) == 1

    with staged(tmp_path):
        pass

    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX locks")
def test_what_a_living_process_has_staged_is_left_alone(tmp_path, holder):
    with staged(tmp_path) as staging:
        assert len(os.listdir(tmp_path)) == 2
        write_json(staging / "b.json", {})
    holder.communicate("")

    assert holder.returncode == 0
    assert sorted(os.listdir(tmp_path)) == ["a.json", "b.json"]


def test_folders_that_no_run_staged_are_left_alone(tmp_path):
    mine = tmp_path / ".unfinished-symphony"
    mine.mkdir()
    (mine / "score.txt").write_text("mine")

    with staged(tmp_path):
        pass

    assert (mine / "score.txt").read_text() == "mine"


def test_what_a_killed_process_left_is_discarded_with_its_folder(tmp_path):
    abandoned = tmp_path / "out" / ".unfinished-killed"
    abandoned.mkdir(parents=True)
    (abandoned / ".lock").touch()
    discard_abandoned(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    discard_abandoned(tmp_path / "out")


def test_what_a_living_process_has_staged_is_not_discarded(tmp_path):
    with staged(tmp_path / "out") as staging:
        discard_abandoned(tmp_path / "out")
        assert staging.is_dir()
