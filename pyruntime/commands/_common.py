"""What several verbs read from their options."""

from __future__ import annotations

import os

from pyruntime.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.cli.parse import Call
    from pyruntime.container.create import Options


def bundle_of(call: Call) -> str:
    """The bundle as an absolute path; the current directory unless told otherwise."""
    return os.path.normpath(os.path.join(os.getcwd(), call.options["bundle"] or ""))


def absolute(path: str) -> str:
    """*path* from the current directory; "" stays."""
    return os.path.join(os.getcwd(), path) if path else ""


def start_executor() -> None:
    """Before the rest is loaded."""
    from pyruntime.container.executor import start_early

    start_early()


def create_options(call: Call, *, waits: bool) -> Options:
    """The options of create and run."""
    from pyruntime.container.create import Options

    options, manager = call.options, cgroup_manager(call)
    made = Options(
        bundle_of(call),
        console_socket=absolute(options["console_socket"] or ""),
        pid_file=absolute(options["pid_file"] or ""),
        preserve_fds=options["preserve_fds"],
        pivot=not options["no_pivot"],
        keyring=not options["no_new_keyring"],
        manager=manager,
        rootless=call.globals["rootless"],
        strict=options["strict"],
        waits=waits,
        warn=call.warn,
    )
    made.tell = call.tell
    return made


def cgroup_manager(call: Call) -> str:
    """Who makes the cgroups: "cgroupfs", "systemd" or "disabled"."""
    manager: str = call.globals["cgroup_manager"]
    if not call.globals["systemd_cgroup"]:
        return manager or "cgroupfs"
    if manager not in ("", "systemd"):
        raise UsageError(f"--systemd-cgroup contradicts --cgroup-manager={manager}")
    return "systemd"


def write(text: str) -> None:
    """Put *text* on stdout: all of it, or BrokenPipeError."""
    view = memoryview(text.encode("utf-8", "surrogateescape"))
    while view:
        view = view[os.write(1, view) :]
