"""exec: run one more process in a container."""

from __future__ import annotations

from pyruntime import SPEC_VERSION
from pyruntime.commands._common import absolute
from pyruntime.container import interrupts, store, sub_cgroups
from pyruntime.container.create import Options
from pyruntime.container.exec import execute, prepare
from pyruntime.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyruntime.cli.parse import Call
    from pyruntime.spec.types import Process, Spec


def run(call: Call) -> int:
    """Run it; in the foreground the status is the process's."""
    options = call.options
    root = call.globals["root"]
    cgroups = sub_cgroups.parse(options["cgroup"])
    with store.find(root, call.arguments[0]) as container:
        prepared = prepare(container, ignore_paused=options["ignore_paused"])
        program = process_of(call, prepared[2])
        asked = _options(call)
        interrupts.hold()
        if options["detach"]:
            execute(container, root, prepared, program, asked, cgroups)
            return 0
        from pyruntime.container import foreground

        asked.before_program = foreground.hold_signals
        attendant = None
        if program.get("terminal") and not asked.console_socket:
            attendant = foreground.attendant_for(asked)
        try:
            launch = execute(container, root, prepared, program, asked, cgroups)
            container.close()
            return foreground.wait_for_end(launch.pid, attendant)
        finally:
            if attendant is not None:
                attendant.close()


def _options(call: Call) -> Options:
    options = call.options
    made = Options(
        "",
        console_socket=absolute(options["console_socket"] or ""),
        pid_file=absolute(options["pid_file"] or ""),
        preserve_fds=options["preserve_fds"],
        warn=call.warn,
    )
    made.tell = call.tell
    return made


def process_of(call: Call, spec: Spec) -> Process:
    """--process FILE, or the container's own process with what the options change."""
    options = call.options
    arguments = call.arguments[1:]
    labels = {"apparmorProfile": options["apparmor"], "selinuxLabel": options["process_label"]}
    if options["process"]:
        loaded = _loaded(options["process"], call)
        confine(loaded, spec, labels)
        return loaded
    if not arguments:
        raise UsageError("exec args cannot be empty")
    own: dict[str, Any] = dict(spec.get("process") or {})
    program: dict[str, Any] = {**own, "args": arguments, "terminal": options["tty"]}
    program.pop("consoleSize", None)
    program["cwd"] = options["cwd"] or own.get("cwd") or "/"
    program["env"] = [*(own.get("env") or ()), *options["env"]]
    program["user"] = user_of(options["user"] or "", dict(own.get("user") or {}))
    if options["additional_gids"]:
        gids = [_id(text, "--additional-gids") for text in options["additional_gids"]]
        program["user"]["additionalGids"] = [*program["user"].get("additionalGids", ()), *gids]
    if options["no_new_privs"]:
        program["noNewPrivileges"] = True
    if options["cap"]:
        program["capabilities"] = _with_capabilities(own.get("capabilities") or {}, options["cap"])
    confine(program, spec, labels)
    return program  # type: ignore[return-value]


def confine(program: Any, spec: Spec, labels: dict[str, str | None]) -> None:
    """What confines the process: as the command line says, else as *program* does, else as the container's is."""
    own: Any = spec.get("process") or {}
    if "capabilities" not in program and "capabilities" in own:
        program["capabilities"] = own["capabilities"]
    for name, label in labels.items():
        chosen = label or program.get(name) or own.get(name)
        if chosen:
            program[name] = chosen


def _loaded(path: str, call: Call) -> Process:
    """A process object as it is in config.json, checked as if it were in one."""
    from pyruntime.spec.load import load
    from pyruntime.spec.validate import validate

    loaded = load(path, pipe=True)
    whole = {"ociVersion": SPEC_VERSION, "root": {"path": "."}, "process": loaded}
    for warning in validate(whole, strict=call.options["strict"]):
        call.warn(warning)
    return loaded  # type: ignore[return-value]


def _with_capabilities(own: dict[str, list[str]], more: list[str]) -> dict[str, list[str]]:
    """CVE-2022-29162: never into the inheritable set, nor the ambient one."""
    return {
        name: [*own.get(name, ()), *more]
        if name in ("bounding", "effective", "permitted")
        else list(own.get(name, ()))
        for name in ("bounding", "effective", "permitted", "inheritable", "ambient")
    }


def user_of(text: str, own: dict[str, Any]) -> dict[str, Any]:
    """UID or UID:GID, digits only. CVE-2026-30892: no part may be missing, nothing may follow."""
    if not text:
        return own
    uid, colon, gid = text.partition(":")
    user = {**own, "uid": _id(uid, "--user")}
    if colon:
        user["gid"] = _id(gid, "--user")
    return user


def _id(text: str, option: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) < 2**32 - 1):
        raise UsageError(f"{option}: {text!r} is not a number of a user or group")
    return int(text)
