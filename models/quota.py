"""How many cores may this process use?"""

import os
from pathlib import Path

__all__ = ["cpu_quota"]


def cpu_quota(cgroup: Path = Path("/sys/fs/cgroup")) -> float:
    """Cores this process may use: the smaller of its affinity and its control group's quota.

    A container sees all cores of its host; sizing threads by them makes a small quota stall.

    Args:
        cgroup: Where the control group is mounted.

    Returns:
        Cores, above 0; not necessarily whole.

    Source: Linux cgroup v2 `cpu.max`, v1 `cpu.cfs_quota_us` and `cpu.cfs_period_us`.
    """
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores = float(available or 1)
    for words in (
        _words(cgroup / "cpu.max"),
        _words(cgroup / "cpu/cpu.cfs_quota_us") + _words(cgroup / "cpu/cpu.cfs_period_us"),
    ):
        # `max` and -1 mean no quota; neither is a row of digits.
        if len(words) == 2 and all(word.isdigit() and int(word) > 0 for word in words):
            cores = min(cores, int(words[0]) / int(words[1]))
    return cores


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []
