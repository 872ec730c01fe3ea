"""Landlock: what the annotation org.pyruntime.landlock takes from the process. landlock(7), docs/landlock.md.

The version of the kernel's interface decides what can be enforced. What cannot is an error, or with "bestEffort"
left out with a warning; nothing is left out in silence.
"""

from __future__ import annotations

from pyruntime.errors import Unsupported
from pyruntime.linux.landlock import (
    FILESYSTEM,
    KERNELS,
    NETWORK,
    RESTRICT_SELF,
    SCOPED,
    bits,
)
from pyruntime.plan import landlock_ops as ops
from pyruntime.plan.step import INSIDE, Step
from pyruntime.spec.landlock import policy
from pyruntime.spec.rules import LANDLOCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyruntime.facts import Facts
    from pyruntime.plan.request import Request

ORIGIN = f"annotations[{LANDLOCK}]"

#   property            what it may name
TABLES = {
    "handledAccessFS": FILESYSTEM,
    "handledAccessNet": NETWORK,
    "scoped": SCOPED,
    "restrictSelf": RESTRICT_SELF,
}


def restrict(text: str, request: Request, facts: Facts) -> tuple[list[Step], list[str]]:
    """The steps that put the policy in *text* upon the process, and what is left out of it."""
    asked = policy(text)
    kept, warnings = _negotiated(asked, facts.landlock)
    if not (kept["handledAccessFS"] or kept["handledAccessNet"] or kept["scoped"]):
        return [], [*warnings, f"{ORIGIN}: nothing of the policy is left, it restricts nothing"]
    version = max(TABLES[name][word][1] for name, words in kept.items() for word in words)
    slot = request.slots.new("landlock")
    values = {name: bits(words, TABLES[name]) for name, words in kept.items()}
    ruleset = ops.landlock_ruleset(
        slot, version, values["handledAccessFS"], values["handledAccessNet"], values["scoped"]
    )
    return [
        Step(INSIDE, ruleset, ORIGIN),
        *_rules(asked, slot, values),
        Step(INSIDE, ops.landlock_restrict(slot, values["restrictSelf"]), ORIGIN),
    ], warnings


def _negotiated(asked: dict[str, Any], version: int) -> tuple[dict[str, list[str]], list[str]]:
    """The names that a kernel with this *version* knows (0: none), by property; and a warning for the others."""
    kept: dict[str, list[str]] = {}
    warnings = []
    for name, table in TABLES.items():
        words = asked.get(name, [])
        kept[name] = [word for word in words if table[word][1] <= version]
        missing = [word for word in words if table[word][1] > version]
        if not missing:
            continue
        needed = max(table[word][1] for word in missing)
        text = (
            f"/{name}: {', '.join(missing)}: needs version {needed} of Landlock "
            f"(Linux {KERNELS[needed]}), this kernel has {version or 'none'}"
        )
        if not asked.get("bestEffort"):
            raise Unsupported(
                f"/annotations/{LANDLOCK}: {text}",
                hint='"bestEffort": true leaves out what the kernel lacks',
            )
        warnings.append(f"{ORIGIN}: {text}: left out")
    return kept, warnings


def _rules(asked: dict[str, Any], slot: int, values: dict[str, int]) -> list[Step]:
    steps = []
    for index, rule in enumerate(asked.get("rules", ())):
        origin = f"{ORIGIN} /rules/{index}"
        if "paths" in rule:
            access = bits(rule["allowedAccess"], FILESYSTEM) & values["handledAccessFS"]
            made = [
                ops.landlock_path(slot, path, access, optional=rule.get("optional", False))
                for path in rule["paths"]
            ]
        else:
            access = bits(rule["allowedAccess"], NETWORK) & values["handledAccessNet"]
            made = [ops.landlock_port(slot, port, access) for port in rule["ports"]]
        # A rule of which nothing is left allows nothing; the kernel refuses an empty one.
        steps += [Step(INSIDE, op, origin) for op in made if access]
    return steps
