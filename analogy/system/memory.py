"""How much memory there is."""

from __future__ import annotations

from pathlib import Path

import psutil

_CONTROL_GROUPS, _MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def available_memory():
    """Bytes this process can still take: the machine's, and its control groups' where limited."""
    return min([psutil.virtual_memory().available, *_control_group_allowances()])


def total_memory():
    """Bytes of memory that this machine has, or its control groups may take where limited."""
    return min([psutil.virtual_memory().total, *_control_group_limits()])


def _control_group_limits(root=_CONTROL_GROUPS, membership=_MEMBERSHIP):
    for folder, limit, _, _ in _control_groups(root, membership):
        limit_bytes = _number(folder / limit)
        if limit_bytes is not None:
            yield limit_bytes


def _control_group_allowances(root=_CONTROL_GROUPS, membership=_MEMBERSHIP):
    """Bytes left under each memory limit of control groups, version 2 or 1, that hold us.

    The kernel reclaims inactive page cache before it refuses memory, so that counts as free.
    """
    for folder, limit, usage, cache in _control_groups(root, membership):
        limit_bytes, usage_bytes = _number(folder / limit), _number(folder / usage)
        if limit_bytes is not None and usage_bytes is not None:
            yield max(0, limit_bytes - usage_bytes + _statistic(folder / "memory.stat", cache))


def _control_groups(root, membership):
    version_2 = ("memory.max", "memory.current", "inactive_file")
    version_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    for line in _text(membership).splitlines():
        hierarchy, controllers, path = line.split(":", 2)
        if hierarchy == "0":
            base, files = root, version_2
        elif "memory" in controllers.split(","):
            base, files = root / "memory", version_1
        else:
            continue
        group = base / path.lstrip("/")
        # In a container the path may be the host's, absent here; its mount point is then ours.
        for folder in (group, *group.parents):
            if folder.is_relative_to(base):
                yield folder, *files


def _number(path):
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _statistic(path, name):
    for line in _text(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def _text(path):
    try:
        return path.read_text()
    except OSError:
        return ""
