"""The mounts of config.json, in their order. config.md, "Mounts".

A source is a path of the runtime's mount namespace (relative to the bundle), a destination one inside the
root. Where a symbolic link could lead a destination is the executor's business: it resolves inside the root.
"""

from __future__ import annotations

import os.path

from pyruntime.errors import SpecError, Unsupported
from pyruntime.linux.flags import MOUNT_ATTR_RDONLY, MS_BIND, MS_REC, MS_REMOUNT, MS_SHARED
from pyruntime.plan import cgroup_mounts, mount_ops, rootfs
from pyruntime.plan.mount_attributes import (
    bind_attributes,
    fresh_attributes,
    inside_path,
    is_classic,
    propagate,
)
from pyruntime.plan.mount_options import (
    MountOptions,
    classic_clear,
    classic_flags,
    classic_propagation,
)
from pyruntime.plan.step import INSIDE, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.facts import Facts
    from pyruntime.plan.request import Request
    from pyruntime.plan.step import Op
    from pyruntime.spec.types import Mount, Spec

# The files inside procfs that LXCFS and its like may replace. CVE-2019-16884: anything else there could fool
# whoever writes to /proc. /proc/net is not in the list, it is the network namespace's.
PROC_FILES = frozenset(
    f"/proc/{name}"
    for name in (
        *(["cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo"]),
        "sys/kernel/ns_last_pid",
        "sys/crypto/fips_enabled",
    )
)

# Their superblock is shared by all mounts of a namespace: read-only is a matter of the mount alone.
SHARED_SUPERBLOCK = frozenset(("proc", "sysfs", "cgroup", "cgroup2", "mqueue"))

# The policy knows each file of the first two, one context for all would be less; the third has no such option.
WITHOUT_CONTEXT = frozenset(("proc", "sysfs", "mqueue"))
CONTEXTS = frozenset(("context", "fscontext", "defcontext", "rootcontext"))


def all_of(spec: Spec, request: Request, facts: Facts) -> list[Step]:
    """One or more steps for each mount, in the order of config.json."""
    steps: list[Step] = []
    for index, mount in enumerate(spec.get("mounts") or ()):
        steps += _steps_of(index, mount, spec, request, facts)
    return steps


def _steps_of(index: int, mount: Mount, spec: Spec, request: Request, facts: Facts) -> list[Step]:
    pointer = f"/mounts/{index}"
    destination = inside_path(mount["destination"])
    options = MountOptions(mount.get("options") or [])
    fstype = mount.get("type") or ""
    if fstype == "bind":
        options.bind = True
    if options.remount:
        made = _remount(destination, options, classic=is_classic(facts))
    elif options.bind:
        made = [_bind(index, mount, destination, options, spec, request, facts)]
    elif fstype in ("cgroup", "cgroup2"):
        target_flags(pointer, destination, "", "")
        made = cgroup_mounts.all_of(destination, options, spec, request, facts, pointer)
    elif _is_borrowed(fstype, facts):
        from pyruntime.plan import borrowed

        flags = target_flags(pointer, destination, fstype, "")
        made = [borrowed.bind(pointer, destination, fstype, flags, options, spec, facts)]
    else:
        label, classic = label_of(spec), is_classic(facts)
        if label:
            _add_context(fstype, options, label, classic=classic)
        made = _filesystem(pointer, mount, destination, fstype, options, classic=classic)
        if label and fstype == "mqueue":
            made.append(mount_ops.label(destination, label))
    origin = f"mounts[{index}] {mount['destination']}"
    return [Step(INSIDE, op, origin) for op in made]


def _is_borrowed(fstype: str, facts: Facts) -> bool:
    if not facts.foreign:
        return False
    from pyruntime.plan.borrowed import borrows

    return borrows(fstype, facts)


def check_label(spec: Spec, facts: Facts) -> None:
    """Unsupported if nobody would look at the label."""
    if label_of(spec) and not facts.selinux:
        raise Unsupported("/linux/mountLabel: SELinux is not enabled on this host")


def label_of(spec: Spec) -> str:
    """The SELinux context of the container's files."""
    return spec.get("linux", {}).get("mountLabel") or ""


def _add_context(fstype: str, options: MountOptions, label: str, *, classic: bool) -> None:
    """The option that labels every file of a new file system, unless there is one."""
    named = any(option.split("=")[0] in CONTEXTS for option in options.data)
    if not named and fstype not in WITHOUT_CONTEXT:
        # In the one string of mount(2) a comma ends an option, and labels have commas.
        quoted = classic or options.only_classic
        options.data.append(f'context="{label}"' if quoted else f"context={label}")


def target_flags(pointer: str, destination: str, fstype: str, source: str) -> int:
    """What the executor has to know of the destination; SpecError where nothing may be mounted."""
    if fstype in ("proc", "sysfs"):
        return mount_ops.TARGET_STRICT | (mount_ops.TARGET_IN_PROC if fstype == "proc" else 0)
    if destination in PROC_FILES:
        return mount_ops.TARGET_IN_PROC
    if destination.startswith("/proc/"):
        raise SpecError(f"{pointer}/destination", f"{destination} is inside /proc")
    if destination == "/proc" and os.path.normpath(source) != "/proc":
        raise SpecError(f"{pointer}/destination", "only procfs can be mounted on /proc")
    return 0


def warnings(spec: Spec, facts: Facts) -> list[str]:
    """What is not quite as asked for, and no error."""
    found = _without_effect(spec)
    if facts.foreign:
        from pyruntime.plan import borrowed

        found += borrowed.warnings(spec, facts)
    return found


def _without_effect(spec: Spec) -> list[str]:
    """Data on a bind mount: mount(2) takes it and does nothing with it, so it is no error."""
    found = []
    for index, mount in enumerate(spec.get("mounts") or ()):
        options = MountOptions(mount.get("options") or [])
        if options.data and (options.bind or mount.get("type") == "bind") and not options.remount:
            lost = ", ".join(options.data)
            found.append(f"/mounts/{index}/options: {lost}: no effect on a bind mount")
    return found


def readonly(spec: Spec, facts: Facts) -> list[Step]:
    """Those that had to stay writable until everything was in them."""
    steps = []
    for index, mount in enumerate(spec.get("mounts") or ()):
        options = MountOptions(mount.get("options") or [])
        destination = inside_path(mount["destination"])
        if not _waits_for_content(mount, destination, options):
            continue
        if is_classic(facts):
            flags = MS_REMOUNT | MS_BIND | classic_flags(options.bits)
            op = mount_ops.remount(destination, flags, "")
        else:
            op = mount_ops.change_mount(
                destination, 0, [mount_ops.Attributes(set=MOUNT_ATTR_RDONLY)]
            )
        steps.append(Step(INSIDE, op, f"mounts[{index}] {mount['destination']}"))
    return steps


def _waits_for_content(mount: Mount, destination: str, options: MountOptions) -> bool:
    """A new file system that is read-only but has nodes, or mount points of later mounts, to be put in."""
    fresh = not (options.bind or options.remount or mount.get("type") == "bind")
    holds = mount.get("type") == "tmpfs" or destination == "/dev"
    return bool(fresh and holds and options.bits.set & MOUNT_ATTR_RDONLY)


def _filesystem(
    pointer: str,
    mount: Mount,
    destination: str,
    fstype: str,
    options: MountOptions,
    *,
    classic: bool,
) -> list[Op]:
    if not fstype or fstype == "none":
        raise SpecError(f"{pointer}/type", "missing, and the options do not say bind")
    source = mount.get("source") or ""
    flags = target_flags(pointer, destination, fstype, "")
    if _waits_for_content(mount, destination, options):
        options.bits.set &= ~MOUNT_ATTR_RDONLY
    if options.copy_up:
        flags |= mount_ops.TARGET_COPY_UP
    if fstype == "tmpfs" and not any(option.startswith("mode=") for option in options.data):
        flags |= mount_ops.TARGET_KEEP_MODE
    if classic or options.only_classic:
        return _filesystem_classic(destination, fstype, source or fstype, options, flags)
    words = [word for word in options.words.values() if word]
    if options.bits.set & MOUNT_ATTR_RDONLY and fstype not in SHARED_SUPERBLOCK:
        words.append("ro")
    first, *rest = options.propagations or [(0, False)]
    made = [
        mount_ops.mount(
            destination,
            fstype,
            source or fstype,
            fresh_attributes(options),
            flags,
            first[0],
            *words,
            *options.data,
        )
    ]
    if rest:
        made.append(mount_ops.change_mount(destination, 0, [propagate(*one) for one in rest]))
    return made


def _filesystem_classic(
    destination: str, fstype: str, source: str, options: MountOptions, flags: int
) -> list[Op]:
    ms_flags = classic_flags(options.bits) | options.flags
    data = ",".join(options.data)
    made = [mount_ops.mount_classic(destination, fstype, source, ms_flags, flags, data)]
    made += [
        mount_ops.remount(destination, classic_propagation(*propagation), "")
        for propagation in options.propagations
    ]
    if options.recursive_bits:
        raise Unsupported("recursive mount options need mount_setattr (Linux 5.12)")
    return made


def _bind(
    index: int,
    mount: Mount,
    destination: str,
    options: MountOptions,
    spec: Spec,
    request: Request,
    facts: Facts,
) -> Op:
    pointer = f"/mounts/{index}"
    if not mount.get("source"):
        raise SpecError(f"{pointer}/source", "a bind mount needs one")
    source = os.path.normpath(os.path.join(request.bundle, mount["source"]))
    flags = target_flags(pointer, destination, "", source)
    slot = request.slots.of(f"mounts[{index}]")
    if slot is not None:
        source = f"@{slot}"
    if not is_classic(facts):
        attributes = bind_attributes(options)
        if slot is not None:
            attributes = [*_cut_off(spec), *attributes]
        return mount_ops.bind(destination, source, flags, attributes, recursive=options.recursive)
    if options.recursive_bits:
        raise Unsupported(f"{pointer}/options: recursive ones need mount_setattr (Linux 5.12)")
    changes = []
    if options.bits:
        changes.append(f"{classic_flags(options.bits)}:{classic_clear(options.bits)}")
    changes += [str(classic_propagation(*one)) for one in options.propagations]
    return mount_ops.bind_classic(destination, source, flags, changes, recursive=options.recursive)


def _cut_off(spec: Spec) -> list[mount_ops.Attributes]:
    """A tree that was opened in the runtime's mount namespace is still a peer of the host's mount there: what the container
    mounts in it would appear on the host. It gets what its copy in the container's namespace has. mount_namespaces(7)."""
    propagation = rootfs.while_mounting(spec) & ~MS_REC
    if propagation & MS_SHARED:
        return []
    return [mount_ops.Attributes(propagation=propagation, recursive=True)]


def _remount(destination: str, options: MountOptions, *, classic: bool) -> list[Op]:
    if options.bind and not classic:
        return [mount_ops.change_mount(destination, 0, bind_attributes(options))]
    flags = MS_REMOUNT | classic_flags(options.bits) | options.flags
    if options.bind:
        flags |= MS_BIND
    made = [mount_ops.remount(destination, flags, ",".join(options.data))]
    made += [
        mount_ops.remount(destination, classic_propagation(*propagation), "")
        for propagation in options.propagations
    ]
    return made
