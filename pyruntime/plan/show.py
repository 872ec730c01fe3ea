"""A plan as people read it: `NN side  op(arguments)  [origin]`, flags by name. Golden tests compare this text."""

from __future__ import annotations

from pyruntime.linux import capabilities, flags, landlock
from pyruntime.linux.flags import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyruntime.plan.step import Op, Plan, Step

OPEN_FLAGS = {
    "O_WRONLY": 0o1,
    "O_RDWR": 0o2,
    "O_NONBLOCK": 0o4000,
    "O_DIRECTORY": 0o200000,
    "O_NOFOLLOW": 0o400000,
    "O_PATH": 0o10000000,
}
TARGET_FLAGS = {"strict": 1, "in-proc": 2, "copy-up": 4, "keep-mode": 8}
PROPAGATION = {"private": flags.MS_PRIVATE, "shared": flags.MS_SHARED, "slave": flags.MS_SLAVE,
               "unbindable": flags.MS_UNBINDABLE}  # fmt: skip
LIMITS = {value: name for name, value in flags.RLIMITS.items()}
UNLIMITED = 2**64 - 1


def _short(value: int, table: dict[str, int], prefix: str) -> str:
    return names(value, table).replace(prefix, "").lower() if value else ""


def _capabilities(bits: int) -> str:
    found = capabilities.names_of(bits)
    if len(found) > 20:
        return f"{len(found)} capabilities"
    return "|".join([name.removeprefix("CAP_").lower() for name in found]) or "none"


def attributes(text: str) -> str:
    """`1:1:0:0` as `rro`, the way mount options are written."""
    recursive, set_bits, clear, propagation = map(int, text.split(":"))
    found = []
    if set_bits or clear:
        if set_bits:
            found.append(_short(set_bits, flags.MOUNT_ATTRS, "MOUNT_ATTR_"))
        cleared = clear & ~flags.MOUNT_ATTR__ATIME
        if cleared:
            found.append("-" + _short(cleared, flags.MOUNT_ATTRS, "MOUNT_ATTR_").replace("|", "|-"))
        if clear & flags.MOUNT_ATTR__ATIME and not set_bits & flags.MOUNT_ATTR__ATIME:
            found.append("relatime")
    if propagation:
        found.append(_short(propagation, PROPAGATION, ""))
    joined = "|".join([one for one in found if one])
    return f"recursive {joined}" if recursive == 1 else joined


def _change(text: str) -> str:
    """The flags of one more mount(2), or "SET:CLEAR" of a remount."""
    found, _, clear = text.partition(":")
    shown = KINDS["ms"](int(found))
    cleared = KINDS["ms"](int(clear or 0))
    return shown + ("|-" + cleared.replace("|", "|-") if cleared else "")


def _landlock(table: dict[str, tuple[int, int]]) -> Callable[[int], str]:
    return lambda value: "|".join(landlock.names_of(value, table))


def _slot(value: int) -> str:
    return f"#{value}" if value >= 0 else ""


#   kind of argument: how it is shown
KINDS: dict[str, Callable[[int], str]] = {
    "slot": _slot,
    "ms": lambda value: _short(value, flags.MOUNT_FLAGS, "MS_"),
    "attr": lambda value: _short(value, flags.MOUNT_ATTRS, "MOUNT_ATTR_"),
    "clone": lambda value: (
        _short(value, flags.CLONE_FLAGS, "CLONE_NEW").replace("clone_", "") or "no namespace"
    ),
    "open": lambda value: names(value, OPEN_FLAGS) if value else "O_RDONLY",
    "target": lambda value: _short(value, TARGET_FLAGS, ""),
    "propagation": lambda value: _short(value, PROPAGATION, ""),
    "recursive": lambda value: "recursive" if value else "",
    "caps": _capabilities,
    "octal": lambda value: f"{value:#o}",
    "limit": lambda value: "unlimited" if value == UNLIMITED else str(value),
    "rlimit": lambda value: LIMITS[value],
    "seccomp": lambda value: _short(value, flags.SECCOMP_FILTER_FLAGS, "SECCOMP_FILTER_FLAG_"),
    "may_fail": lambda value: "or later" if value else "",
    "capable": lambda value: "capable" if value else "",
    "version": lambda value: f"version {value}",
    "landlock_fs": _landlock(landlock.FILESYSTEM),
    "landlock_net": _landlock(landlock.NETWORK),
    "landlock_scope": _landlock(landlock.SCOPED),
    "landlock_self": _landlock(landlock.RESTRICT_SELF),
    "leave": lambda value: "unless something is there" if value else "",
    "optional": lambda value: "optional" if value else "",
    "timeout": lambda value: f"{value} s" if value else "",
}

# The arguments that are not shown as they are; the last kind holds for all the rest.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "write_cgroup": ("", "", "", "hidden"),
    "prlimit": ("rlimit", "limit", "limit"),
    "check_usage": ("", "", "", "hidden"),
    "open": ("slot", "", "open"),
    "open_at": ("slot", "slot", ""),
    "open_cgroup": ("slot", "", "open"),
    "adopt": ("slot", ""),
    "connect": ("slot", ""),
    "hand_over": ("slot", ""),
    "open_tree": ("slot", "", "recursive"),
    "make_userns": ("slot", "", ""),
    "idmap": ("slot", "slot", "recursive"),
    "write_slot": ("slot", ""),
    "setns": ("slot", "clone", ""),
    "unshare": ("clone",),
    "device_filter": ("slot", ""),
    "clone": ("clone", "slot"),
    "clone_classic": ("clone",),
    "join_cgroup": ("slot",),
    "propagate_all": ("ms",),
    "change_root": ("ms",),
    "mount": ("", "", "", "attr", "target", "propagation", ""),
    "mount_classic": ("", "", "", "ms", "target", ""),
    "bind": ("", "", "recursive", "target", "attributes"),
    "bind_classic": ("", "", "recursive", "target", "change"),
    "change_mount": ("", "target", "attributes"),
    "remount": ("", "ms", ""),
    "bind_rootfs": ("", "propagation"),
    "bind_rootfs_classic": ("", "propagation"),
    "mknod": ("", "octal", "", "", "", "", "leave"),
    "symlink": ("", "", "hidden"),
    "hook": ("", "timeout", "hidden", "hidden", "hidden", ""),
    "console": ("slot", "", "", "", "hidden", "hidden"),
    "setrlimit": ("rlimit", "limit", "limit"),
    "umask": ("octal",),
    "bounding": ("caps",),
    "capset": ("caps", "caps", "caps"),
    "ambient": ("caps",),
    "seccomp": ("seccomp", "seccomp", ""),
    "seccomp_notify": ("seccomp", "seccomp", ""),
    "landlock_ruleset": ("slot", "version", "landlock_fs", "landlock_net", "landlock_scope"),
    "landlock_path": ("slot", "", "landlock_fs", "optional"),
    "landlock_port": ("slot", "", "landlock_net"),
    "landlock_restrict": ("slot", "landlock_self"),
    "find_executable": ("", "", "capable"),
    "chdir": ("", "may_fail"),
    "close_fds": ("", "slot"),
    "wait_start": ("slot",),
    "exec": ("hidden", "hidden", "hidden", ""),
}


def op_text(op: Op) -> str:
    """`mount(/dev, tmpfs, tmpfs, nosuid|strictatime, mode=755)`."""
    kinds = ARGUMENTS.get(op.name, ("",))
    shown = [
        _argument(arg, kinds[min(number, len(kinds) - 1)]) for number, arg in enumerate(op.args)
    ]
    return f"{op.name}({', '.join([one for one in shown if one])})"


def _argument(arg: str | int | bytes, kind: str) -> str:
    if isinstance(arg, bytes):
        return f"{len(arg) // 8} instructions"
    if kind == "attributes":
        return attributes(str(arg))
    if kind == "change":
        return _change(str(arg))
    if kind == "hidden":
        return ""
    if kind and isinstance(arg, int):
        return KINDS[kind](arg)
    text = str(arg)
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def step_text(index: int, step: Step) -> str:
    """One line."""
    origin = f"  [{step.origin}]" if step.origin else ""
    return f"{index + 1:3} {step.side:6} {op_text(step.op)}{origin}"


def plan_text(plan: Plan) -> str:
    """All lines, and the warnings."""
    lines = [step_text(index, step) for index, step in enumerate(plan)]
    return "\n".join([*lines, *[f"warning: {warning}" for warning in plan.warnings]]) + "\n"


def plan_document(plan: Plan) -> list[dict[str, object]]:
    """For `plan --json`: a step an object; a program is given by its size."""
    return [
        {
            "index": index + 1,
            "side": step.side,
            "op": step.op.name,
            "arguments": [f"{len(a)} bytes" if isinstance(a, bytes) else a for a in step.op.args],
            "text": op_text(step.op),
            "origin": step.origin,
        }
        for index, step in enumerate(plan)
    ]
