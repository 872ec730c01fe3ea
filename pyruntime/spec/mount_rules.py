"""What the mounts of config.json must satisfy beyond their structure. The form is that of rules.py.

An option that nobody knows is the file system's own. A bind has no file system of its own, so there it has no effect,
and engines write many such. But who writes "readonly", "no-exec" or "ro,nosuid" means to restrict: that is a fault.
"""

from __future__ import annotations

from pyruntime.spec.places import NO_ID, is_root, mapping_faults, namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pyruntime.spec.places import Fault

# The options that take something from a mount: those of plan/mount_options.py that set an attribute or cut propagation.
RESTRICTING = (
    *("ro", "nosuid", "nodev", "noexec", "nosymfollow"),
    *("rro", "rnosuid", "rnodev", "rnoexec", "rnosymfollow"),
    *("private", "rprivate", "slave", "rslave", "unbindable", "runbindable"),
)

# Other words for one of them, without the signs between their parts.
MEANT = {
    "readonly": "ro",
    "rdonly": "ro",
    "rreadonly": "rro",
    "recursivereadonly": "rro",
    "rorecursive": "rro",
    "notwritable": "ro",
    "nowrite": "ro",
    "norw": "ro",
    "noexecute": "noexec",
    "nosetuid": "nosuid",
    "nodevices": "nodev",
    "nosymlinks": "nosymfollow",
    "nosymlinkfollow": "nosymfollow",
    "nofollow": "nosymfollow",
}

# An option of XFS that is one letter away from nosuid.
OTHERS = frozenset(("nouuid",))

# Below this length a word one letter away is another word: "rw" and "ro", "dev".
SHORTEST = 5

OWNERS = ("uid", "gid")


def mounts(value: list[dict[str, Any]], at: str, config: dict[str, Any]) -> Iterator[Fault]:
    has_user = "user" in namespaces(config)
    for index, mount in enumerate(value):
        yield from _kind(mount, f"{at}/{index}")
        if is_root(mount["destination"]) and "remount" not in mount.get("options", ()):
            text = "is the container's root: what is mounted there would be lost when it is entered (root.path)"
            yield f"{at}/{index}/destination", text
        for name in ("uidMappings", "gidMappings"):
            yield from mapping_faults(mount.get(name, ()), f"{at}/{index}/{name}")
        for number, option in enumerate(mount.get("options", ())):
            pointer = f"{at}/{index}/options/{number}"
            if option in ("idmap", "ridmap") and not has_user and "uidMappings" not in mount:
                pointer = f"{at}/{index}/options"
                yield pointer, f"{option} needs uidMappings and gidMappings, or a user namespace"
            yield from _owner(option, pointer)
            meant = meant_by(option) if _takes_no_data(mount) else ""
            if meant:
                yield pointer, f'must be "{meant}", not "{option}", which would have no effect'


def _kind(mount: dict[str, Any], at: str) -> Iterator[Fault]:
    options = mount.get("options", ())
    binds = mount.get("type") == "bind" or "bind" in options or "rbind" in options
    if "remount" in options:
        return
    if not binds and mount.get("type", "") in ("", "none"):
        yield f"{at}/type", "missing, and the options do not say bind"
    elif binds and not mount.get("source"):
        yield f"{at}/source", "a bind mount needs one"


def _takes_no_data(mount: dict[str, Any]) -> bool:
    """Whether options that are not known here get lost; elsewhere the kernel refuses what it does not know."""
    options = mount.get("options", ())
    if mount.get("type") in ("bind", "cgroup", "cgroup2"):
        return True
    return "bind" in options or "rbind" in options


def _owner(option: str, at: str) -> Iterator[Fault]:
    """uid= and gid=, as the kernel reads them (kstrtouint): decimal, 0x or 0 in front, perhaps a plus."""
    for part in option.split(","):
        name, equals, text = part.partition("=")
        if not equals or name not in OWNERS:
            continue
        number = text.strip().removeprefix("+").lower()
        try:
            base = 16 if number.startswith("0x") else 8 if number.startswith("0") else 10
            id = int(number, base)
        except ValueError:
            continue  # The kernel, or the file system, knows its own forms.
        if not 0 <= id < NO_ID:
            yield at, f'must be an id from 0 to {NO_ID - 1}, not "{part}"'


def meant_by(option: str) -> str:
    """The restricting option that somebody must have meant by *option*, which is none; or ""."""
    if option in RESTRICTING:
        return ""
    # "ro,nosuid" is one option here, and would be lost as a whole.
    return next((meant for part in option.split(",") if (meant := _meant(part))), "")


def _meant(word: str) -> str:
    if word in RESTRICTING:
        return word
    if len(word) > 40:
        return ""
    plain = "".join(c for c in word.partition("=")[0].casefold() if c.isalnum())
    if plain in RESTRICTING:
        # "size=" and its like are data; "ro=1" and "Ro" are not.
        return plain
    if plain in MEANT:
        return MEANT[plain]
    if plain in KNOWN or len(plain) < SHORTEST:
        return ""
    for right, meant in (*((word, word) for word in RESTRICTING), *MEANT.items()):
        if len(right) >= SHORTEST and is_near(plain, right):
            return meant
    return ""


# What is one letter away from a restricting option, and right.
KNOWN = OTHERS | {
    *("rsuid", "rexec", "symfollow", "rsymfollow", "shared", "rshared"),
    *("noatime", "nomand", "norelatime", "rnoatime"),
}


def is_near(one: str, other: str) -> bool:
    """Whether one letter more, less, different, or two swapped, make *one* of *other*."""
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    one, other = one[start:], other[start:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    return max(len(one), len(other)) <= 1 or (len(one) == 2 and one == other[::-1])
