"""The ops of Landlock (csrc/ops_landlock.c). They are apart from `ops` because few configurations need them."""

from __future__ import annotations

from pyruntime.plan.step import Op


def landlock_ruleset(slot: int, version: int, filesystem: int, network: int, scoped: int) -> Op:
    """landlock_create_ruleset(2): what is denied unless a rule allows it; *version* is the lowest that knows it all."""
    return Op("landlock_ruleset", slot, version, filesystem, network, scoped)


def landlock_path(slot: int, path: str, access: int, *, optional: bool) -> Op:
    """landlock_add_rule(2): allow *access* at *path*, in the container's root, and below it."""
    return Op("landlock_path", slot, path, access, int(optional))


def landlock_port(slot: int, port: int, access: int) -> Op:
    """landlock_add_rule(2): allow *access* to the TCP *port*."""
    return Op("landlock_port", slot, port, access)


def landlock_restrict(slot: int, flags: int) -> Op:
    """landlock_restrict_self(2): from here on the ruleset holds, for the process and all it will start."""
    return Op("landlock_restrict", slot, flags)
