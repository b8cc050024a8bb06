from analogy.system.memory import (
    _control_group_allowances,
    _control_group_limits,
    available_memory,
    total_memory,
)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_available_memory_is_plausible():
    assert 2**20 < available_memory() < 2**50


def test_control_groups_version_2_limit_each_level(tmp_path):
    write(tmp_path / "self", "0::/outer/inner\n")
    write(tmp_path / "fs/outer/memory.max", "1000\n")
    write(tmp_path / "fs/outer/memory.current", "600\n")
    write(tmp_path / "fs/outer/memory.stat", "anon 500\ninactive_file 50\n")
    write(tmp_path / "fs/outer/inner/memory.max", "max\n")
    write(tmp_path / "fs/outer/inner/memory.current", "10\n")

    assert list(_control_group_allowances(tmp_path / "fs", tmp_path / "self")) == [450]


def test_control_groups_limit_the_memory_there_is(tmp_path):
    write(tmp_path / "self", "0::/outer/inner\n5:memory:/job\n")
    write(tmp_path / "fs/outer/memory.max", "1000\n")
    write(tmp_path / "fs/outer/inner/memory.max", "max\n")
    write(tmp_path / "fs/memory/job/memory.limit_in_bytes", "700\n")

    assert list(_control_group_limits(tmp_path / "fs", tmp_path / "self")) == [1000, 700]


def test_memory_there_is_holds_what_is_free():
    assert available_memory() < total_memory() < 2**50


def test_control_groups_version_1_are_read(tmp_path):
    write(tmp_path / "self", "5:cpu:/\n4:memory:/job\n0::/\n")
    write(tmp_path / "fs/memory/job/memory.limit_in_bytes", "1000\n")
    write(tmp_path / "fs/memory/job/memory.usage_in_bytes", "700\n")
    write(tmp_path / "fs/memory/job/memory.stat", "total_inactive_file 25\n")

    assert list(_control_group_allowances(tmp_path / "fs", tmp_path / "self")) == [325]


def test_usage_over_the_limit_leaves_nothing(tmp_path):
    write(tmp_path / "self", "0::/\n")
    write(tmp_path / "fs/memory.max", "1000")
    write(tmp_path / "fs/memory.current", "1100")

    assert list(_control_group_allowances(tmp_path / "fs", tmp_path / "self")) == [0]


def test_systems_without_control_groups_have_no_such_limit(tmp_path):
    assert list(_control_group_allowances(tmp_path / "fs", tmp_path / "self")) == []
