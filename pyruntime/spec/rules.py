"""What config.json must satisfy beyond its structure: the document, the process, mounts, hooks.

A rule is a generator `rule(value, at, config)` of faults: (JSON pointer, message). *value* is the
property that the rule stands beside in the tables below, *at* its pointer. Rules run on documents
whose structure is right. What only the host can tell is not asked here.

The wording "must" is the specification's, or the kernel's where a comment says so.
"""

from __future__ import annotations

from pyruntime.spec import linux_rules
from pyruntime.spec.mount_rules import mounts
from pyruntime.spec.places import is_cpu_list, key, namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pyruntime.spec.places import Fault, Rule

HOOKS = (
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
)

# The annotation whose value is a policy: spec/landlock.py, which is loaded for it alone.
LANDLOCK = "org.pyruntime.landlock"

OWN = "org.pyruntime."
OWN_ANNOTATIONS = (LANDLOCK,)

# __NEW_UTS_LEN of the kernel, for both names.
LONGEST_HOSTNAME = 64


def faults(config: dict[str, Any]) -> Iterator[Fault]:
    """Every fault of *config*, in the order of the tables."""
    for table, at, place in tables(config):
        for name, rule in table.items():
            if name in place:
                yield from rule(place[name], f"{at}/{name}", config)


def tables(config: dict[str, Any]) -> Iterator[tuple[dict[str, Rule], str, dict[str, Any]]]:
    """The tables of rules, each with the pointer and the value of the object that it is about."""
    yield DOCUMENT, "", config
    process, linux = config.get("process"), config.get("linux")
    if isinstance(process, dict):
        yield PROCESS, "/process", process
    if isinstance(linux, dict):
        yield linux_rules.LINUX, "/linux", linux
        resources = linux.get("resources")
        if isinstance(resources, dict):
            yield linux_rules.RESOURCES, "/linux/resources", resources


def version(text: str) -> tuple[int, int, int] | None:
    """Major, minor and patch of *text* if it is a SemVer 2.0.0 version."""
    core, plus, build = text.partition("+")
    core, hyphen, pre_release = core.partition("-")
    numbers = core.split(".")
    if len(numbers) != 3 or not all(_is_number(number) for number in numbers):
        return None
    if plus and not all(_is_identifier(part) for part in build.split(".")):
        return None
    parts = pre_release.split(".") if hyphen else []
    if not all(_is_identifier(part) for part in parts):
        return None
    # A numeric identifier of a pre-release has no leading zero; one of a build may.
    if any(part.isdecimal() and not _is_number(part) for part in parts):
        return None
    major, minor, patch = map(int, numbers)
    return major, minor, patch


def _is_number(text: str) -> bool:
    return (
        text.isascii() and text.isdecimal() and len(text) < 10 and (text[0] != "0" or text == "0")
    )


def _is_identifier(text: str) -> bool:
    return text.isascii() and text.replace("-", "0").isalnum()


def oci_version(value: str, at: str, _config: dict[str, Any]) -> Iterator[Fault]:
    parts = version(value)
    if parts is None:
        yield at, f'must be a SemVer 2.0.0 version such as 1.3.0, not "{value}"'
    elif parts[0] != 1:
        yield at, f'must be a version 1 of the runtime specification, not "{value}"'


def uts_name(value: str, at: str, config: dict[str, Any]) -> Iterator[Fault]:
    if value and "uts" not in namespaces(config):
        yield at, "needs a uts namespace in /linux/namespaces: without one the host's would change"
    if len(value.encode()) > LONGEST_HOSTNAME:
        yield at, f"must not be longer than {LONGEST_HOSTNAME} bytes"


def hooks(value: dict[str, Any], at: str, _config: dict[str, Any]) -> Iterator[Fault]:
    for kind in HOOKS:
        for index, hook in enumerate(value.get(kind, ())):
            if not hook["path"].startswith("/"):
                yield f"{at}/{kind}/{index}/path", f'must be absolute, not "{hook["path"]}"'


def annotation_values(value: dict[str, str], at: str, _config: dict[str, Any]) -> Iterator[Fault]:
    if "" in value:
        yield at, "must not have an empty name"
    for name in value:
        # Ours restrict, so a misspelt one must not be lost; all others are for whoever knows them.
        if name.casefold().startswith(OWN) and name not in OWN_ANNOTATIONS:
            yield f"{at}/{key(name)}", f"must be one of {', '.join(OWN_ANNOTATIONS)}"
    if LANDLOCK in value:
        from pyruntime.spec import landlock

        yield from landlock.faults(value[LANDLOCK], f"{at}/{LANDLOCK}")


def cwd(value: str, at: str, _config: dict[str, Any]) -> Iterator[Fault]:
    if not value.startswith("/"):
        yield at, f'must be absolute, not "{value}"'


def rlimits(value: list[dict[str, Any]], at: str, _config: dict[str, Any]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, limit in enumerate(value):
        kind = limit["type"]
        if kind in first:
            yield f"{at}/{index}/type", f"must not repeat {kind} of {at}/{first[kind]}"
        first.setdefault(kind, index)
        # The kernel refuses it: prlimit(2).
        if limit["soft"] > limit["hard"]:
            yield f"{at}/{index}/soft", f"must not be above hard ({limit['hard']})"


# What belongs to one policy only: sched(7). 0 is the default, so it says nothing.
SCHEDULER_OPTIONS = {
    "priority": ("SCHED_FIFO", "SCHED_RR"),
    "runtime": ("SCHED_DEADLINE",),
    "deadline": ("SCHED_DEADLINE",),
    "period": ("SCHED_DEADLINE",),
}

# sched_get_priority_max(2), the same for both policies.
HIGHEST_PRIORITY = 99


def scheduler(value: dict[str, Any], at: str, _config: dict[str, Any]) -> Iterator[Fault]:
    for name, policies in SCHEDULER_OPTIONS.items():
        if value.get(name) and value["policy"] not in policies:
            yield f"{at}/{name}", f"needs the policy {' or '.join(policies)}, not {value['policy']}"
    if value["policy"] == "SCHED_DEADLINE":
        yield from _deadline(value, at)
    elif (
        value["policy"] in SCHEDULER_OPTIONS["priority"]
        and not 1 <= value.get("priority", 0) <= HIGHEST_PRIORITY
    ):
        yield f"{at}/priority", f"must be from 1 to {HIGHEST_PRIORITY} for {value['policy']}"


def _deadline(value: dict[str, Any], at: str) -> Iterator[Fault]:
    """The kernel's order of them (sched(7)); without a period it is the deadline."""
    runtime, deadline = value.get("runtime", 0), value.get("deadline", 0)
    if not 0 < runtime <= deadline:
        yield f"{at}/runtime", f"must be above 0 and not above deadline ({deadline})"
    elif value.get("period", 0) and value["period"] < deadline:
        yield f"{at}/period", f"must not be below deadline ({deadline})"


def cpu_affinity(value: dict[str, str], at: str, _config: dict[str, Any]) -> Iterator[Fault]:
    for name in ("initial", "final"):
        if not is_cpu_list(value.get(name, "")):
            yield f"{at}/{name}", f'must be a list of CPUs such as 0-3,7, not "{value[name]}"'


DOCUMENT: dict[str, Rule] = {
    "ociVersion": oci_version,
    "hostname": uts_name,
    "domainname": uts_name,
    "mounts": mounts,
    "hooks": hooks,
    "annotations": annotation_values,
}

PROCESS: dict[str, Rule] = {
    "cwd": cwd,
    "rlimits": rlimits,
    "scheduler": scheduler,
    "execCPUAffinity": cpu_affinity,
}
