"""What files of cgroups have before they are written, and how that is put back: `update` is all or nothing.

`before` makes of the writes to come others that put back what is there now; `put_back` makes those whose file has really
changed, the last first: what was allowed on the way there is allowed on the way back in that order.
"""

from __future__ import annotations

from pyruntime.cgroups import files
from pyruntime.cgroups.write import Write
from pyruntime.errors import KernelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cgroups.base import Cgroup

# What takes a line of "KEY VALUE" away again from a file that has one for each key; elsewhere it is 0.
NO_LINE = {
    "io.max": "rbps=max wbps=max riops=max wiops=max",
    "io.latency": "target=0",
    "io.weight": "default",
    "io.bfq.weight": "default",
    "blkio.bfq.weight_device": "default",
    "rdma.max": "hca_handle=max hca_object=max",
    "misc.max": "max",
}

# Two values that are one setting, not a key and its value.
PAIRS = ("cpu.max",)

# Setting the first loses what the second had. The kernel takes no weight while the cgroup is idle.
LOSES = {"cpu.idle": ("cpu.weight", "cpu.shares")}

UNLIMITED = 2**63 - 2**30
"""v1's unlimited is the largest signed number, less what is missing to a whole page, of 1 GiB at most."""


def before(writes: list[Write]) -> list[Write]:
    """For each of *writes* the one that undoes it, in the same order. Call it before anything is written."""
    found: list[Write] = []
    for write in writes:
        one = _really_written(write)
        if one is None or (value := _now(one)) is None:
            continue
        found += [
            Write(file, text, one.origin, directory=one.directory)
            for file in (LOSES.get(one.file, ()) if value == "0" else ())
            if (text := files.read_if_there(one.directory, file))
        ]
        found.append(Write(one.file, value, one.origin, directory=one.directory))
    return found


def put_back(cgroup: Cgroup, saved: list[Write]) -> tuple[bool, list[str]]:
    """Whether anything had changed, and what could not be put back."""
    left = [one for one in reversed(saved) if _now(one) != one.value]
    changed = bool(left)
    failed: dict[str, KernelError] = {}
    while left:
        refused = []
        for one in left:
            try:
                cgroup.write(one.directory, one.file, one.value)
            except KernelError as error:
                failed[f"{one.directory}/{one.file}"] = error
                refused.append(one)
        if len(refused) == len(left):
            break
        # What was refused may have waited for the others.
        left = refused
    return changed, _not_as_before(saved, failed)


def _not_as_before(saved: list[Write], failed: dict[str, KernelError]) -> list[str]:
    """Looked at in the kernel: a write that was taken need not have done what it should."""
    found = []
    for one in saved:
        if _now(one) != one.value:
            error = failed.get(f"{one.directory}/{one.file}")
            found.append(f"{one.origin} is not as before: {error or one.file + ' has changed'}")
    return found


def _really_written(write: Write) -> Write | None:
    """*write*, or what is written instead of it; None if the kernel has neither."""
    for one in (write, write.instead):
        if one is not None and _text(one) is not None:
            return one
    return None


def _text(write: Write) -> str | None:
    """What the file has; None if there is no such file, or it cannot be read: one that does something, and has no value."""
    try:
        return files.read(write.directory, write.file)
    except KernelError:
        return None


def _now(write: Write) -> str | None:
    """What to write in order to have what the file has now, in that part of it which *write* is about."""
    text = _text(write)
    if text is None:
        return None
    first = text.split("\n", 1)[0]
    if write.file == "memory.oom_control":
        return first.rpartition(" ")[2]
    if write.file == "cgroup.subtree_control":
        return _switched_back(write.value.split(), text.split())
    if write.file == "cpuset.cpus.partition":
        return first.partition(" ")[0]  # root invalid (why)
    key, _, value = write.value.partition(" ")
    if value and write.file not in PAIRS:
        lines = [line for line in text.split("\n") if line.startswith(f"{key} ")]
        return lines[0] if lines else f"{key} {NO_LINE.get(write.file, '0')}"
    if write.file.endswith("limit_in_bytes") and first.isdecimal() and int(first) >= UNLIMITED:
        return "-1"
    return first


def _switched_back(asked: list[str], there: list[str]) -> str:
    names = [word.lstrip("+-") for word in asked]
    return " ".join([("+" if name in there else "-") + name for name in names])
