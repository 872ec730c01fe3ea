"""The policy in the annotation org.pyruntime.landlock: JSON in a string, checked as strictly as config.json.

Loaded only for a configuration that has the annotation. docs/landlock.md.
"""

from __future__ import annotations

from pyruntime.errors import SpecError
from pyruntime.spec.load import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pyruntime.spec.places import Fault


def policy(text: str) -> dict[str, Any]:
    """The policy that *text* holds; SpecError, with a pointer into it, for the first fault."""
    found = decode(text.encode("utf-8", "surrogatepass"), name="the policy")
    checked = _structure(found)
    for pointer, message in _faults(checked):
        raise SpecError(pointer, message)
    return checked


def _structure(value: object) -> dict[str, Any]:
    import pyruntime.spec._landlock_schema as _landlock_schema

    try:
        _landlock_schema.check(value)
    except _landlock_schema.Fault as fault:
        from pyruntime.spec.wording import not_found

        raise SpecError(fault.pointer, fault.message + not_found(*fault.found)) from None
    assert isinstance(value, dict)
    return value


def _faults(policy: dict[str, Any]) -> Iterator[Fault]:
    """What relates two places of a policy whose structure is right."""
    for index, rule in enumerate(policy.get("rules", ())):
        at = f"/rules/{index}"
        if "paths" in rule and "ports" in rule:
            yield at, 'must not have both "paths" and "ports": they allow different things'
        if "ports" in rule and "optional" in rule:
            yield f"{at}/optional", 'needs "paths": a port cannot be missing'
        for number, path in enumerate(rule.get("paths", ())):
            if not path.startswith("/"):
                yield f"{at}/paths/{number}", f'must be absolute, not "{path}"'
        handled = "handledAccessFS" if "paths" in rule else "handledAccessNet"
        for number, name in enumerate(rule["allowedAccess"]):
            # What is not handled is not restricted, so allowing it is a mistake; the kernel refuses it too.
            if name not in policy.get(handled, ()):
                yield f"{at}/allowedAccess/{number}", f'must be one of {handled}, not "{name}"'


def faults(text: str, at: str) -> Iterator[Fault]:
    """The first fault of *text*, as one of config.json's, in the annotation *at*."""
    try:
        policy(text)
    except SpecError as error:
        yield at, str(error)
