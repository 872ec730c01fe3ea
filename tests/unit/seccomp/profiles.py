"""Profiles to test with: podman's default, and one in the manner of Docker's, as their engines write them in config.json."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

PODMANS = Path("/usr/share/containers/seccomp.json")

# What an engine gives a container that asks for nothing.
CAPABILITIES = {
    *("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETFCAP"),
    *("CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"),
}

Profile = dict[str, Any]

ARCHITECTURES = {
    "x86_64": ("amd64", ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]),
    "aarch64": ("arm64", ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]),
}


def podman_default() -> Profile:
    if not PODMANS.exists():
        pytest.skip("requires podman's seccomp profile")
    engines = json.loads(PODMANS.read_text())
    goarch, names = ARCHITECTURES[os.uname().machine]
    return {
        "defaultAction": engines["defaultAction"],
        "defaultErrnoRet": engines["defaultErrnoRet"],
        "architectures": names,
        "syscalls": [_resolved(one) for one in engines["syscalls"] if _applies(one, goarch)],
    }


def _applies(entry: Profile, goarch: str) -> bool:
    includes, excludes = entry["includes"], entry["excludes"]
    return (
        goarch in includes.get("arches", [goarch])
        and goarch not in excludes.get("arches", [])
        and CAPABILITIES.issuperset(includes.get("caps", []))
        and CAPABILITIES.isdisjoint(excludes.get("caps", []))
    )


def _resolved(entry: Profile) -> Profile:
    wanted = ("names", "action", "args", "errnoRet")
    return {key: entry[key] for key in wanted if entry.get(key) is not None}


def docker_like() -> Profile:
    """Everything that isn't listed gets EPERM; clone(2) may not make namespaces, clone3(2) doesn't exist."""
    profile = podman_default()
    namespaces = 0x7E020000
    profile["defaultErrnoRet"] = 1
    profile["syscalls"] = [
        {"names": names, "action": entry["action"], **({"args": args} if args else {})}
        for entry in profile["syscalls"]
        if entry["action"] == "SCMP_ACT_ALLOW"
        and (names := [name for name in entry["names"] if name not in ("clone", "clone3")])
        and (args := entry.get("args", [])) is not None
    ]
    profile["syscalls"] += [
        {
            "names": ["clone"],
            "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": namespaces, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
        },
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
    ]
    return profile


def simple(default: str = "SCMP_ACT_ALLOW", *rules: Profile, **more: Any) -> Profile:
    return {"defaultAction": default, "syscalls": list(rules), **more}


def rule(*names: str, action: str = "SCMP_ACT_ERRNO", **more: Any) -> Profile:
    return {"names": list(names), "action": action, **more}


def argument(index: int, op: str, value: int, value_two: int = 0) -> Profile:
    return {"index": index, "op": f"SCMP_CMP_{op}", "value": value, "valueTwo": value_two}
