"""What puts back what a file has: of each kind of file of cgroups, as plain files."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyruntime.cgroups import undo
from pyruntime.cgroups.write import Write

IO_MAX = "8:0 rbps=1 wbps=max riops=max wiops=max\n8:16 rbps=max wbps=2 riops=max wiops=max\n"


@pytest.mark.parametrize(
    ("file", "text", "written", "back"),
    [
        ("pids.max", "max\n", "7", "max"),
        ("cpu.max", "max 100000\n", "2000 10000", "max 100000"),
        ("cpuset.cpus", "\n", "0", ""),
        ("memory.limit_in_bytes", "9223372036854771712\n", "4096", "-1"),
        ("hugetlb.1GB.limit_in_bytes", "9223372035781033984\n", "0", "-1"),
        ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "1", "0"),
        ("io.max", IO_MAX, "8:16 wbps=7", "8:16 rbps=max wbps=2 riops=max wiops=max"),
        ("io.max", IO_MAX, "8:1 wbps=7", "8:1 rbps=max wbps=max riops=max wiops=max"),
        ("io.weight", "default 100\n8:0 200\n", "300", "default 100"),
        ("io.weight", "default 100\n8:0 200\n", "8:0 300", "8:0 200"),
        ("io.weight", "default 100\n", "8:0 300", "8:0 default"),
        ("blkio.throttle.read_bps_device", "", "8:0 5", "8:0 0"),
        ("net_prio.ifpriomap", "lo 0\neth0 5\n", "eth0 7", "eth0 5"),
        ("rdma.max", "mlx4_0 hca_handle=2 hca_object=max\n", "mlx4_0 hca_handle=9",
         "mlx4_0 hca_handle=2 hca_object=max"),
        ("cgroup.subtree_control", "cpu pids\n", "+memory +pids -cpu", "-memory +pids +cpu"),
        ("cpuset.cpus.partition", "root invalid (why)\n", "member", "root"),
    ],
)  # fmt: skip
def test_a_write_is_undone_by(
    tmp_path: Path, file: str, text: str, written: str, back: str
) -> None:
    (tmp_path / file).write_text(text)

    (found,) = undo.before([Write(file, written, "here", directory=str(tmp_path))])

    assert (found.file, found.value) == (file, back)
    # What is asked about the undoing write is the same part of the file.
    assert undo.before([found])[0].value == back


def test_it_is_what_is_written_instead_that_is_undone(tmp_path: Path) -> None:
    (tmp_path / "io.weight").write_text("default 100\n")
    instead = Write("io.weight", "200", "here", directory=str(tmp_path))

    found = undo.before(
        [Write("io.bfq.weight", "20", "here", directory=str(tmp_path), instead=instead)]
    )

    assert [(one.file, one.value) for one in found] == [("io.weight", "default 100")]


def test_a_missing_file_has_nothing_to_put_back(tmp_path: Path) -> None:
    assert undo.before([Write("pids.max", "7", "here", directory=str(tmp_path))]) == []
