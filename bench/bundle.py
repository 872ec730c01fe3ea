"""The bundles that are measured: `runc spec`'s configuration, and one like Docker's.

The root file system is the distribution's static busybox. The seccomp profile is the one that
podman and Docker share, read from where the distribution installs it.
"""

from __future__ import annotations

import copy
import json
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

Config = dict[str, Any]

PROFILE = Path("/usr/share/containers/seccomp.json")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# Docker's and podman's common set.
CAPABILITIES = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
]
# One path for every runtime: left alone, each chooses another depth.
CGROUP_PARENT = "pyruntime-bench"
PAYLOADS = {"true": ["/bin/true"], "sleep": ["/bin/sleep", "3600"]}


class Missing(Exception):
    """Something that the distribution has to install first."""


def make_all(directory: Path, spec_maker: str, kinds: list[str]) -> None:
    """DIRECTORY/KIND-PAYLOAD for each kind and payload, with one shared root file system."""
    rootfs = make_rootfs(directory / "rootfs")
    default = default_config(directory, spec_maker)
    for kind in kinds:
        config = default if kind == "default" else docker_like(default)
        for payload, arguments in PAYLOADS.items():
            write(directory / f"{kind}-{payload}", with_process(config, arguments, rootfs))


def make_rootfs(rootfs: Path) -> Path:
    busybox = shutil.which("busybox")
    if busybox is None:
        raise Missing("no busybox: install busybox-static")
    (rootfs / "bin").mkdir(parents=True)
    shutil.copy2(busybox, rootfs / "bin" / "busybox")
    for name in ("sh", "true", "sleep"):
        (rootfs / "bin" / name).symlink_to("busybox")
    for name in ("dev", "proc", "sys", "tmp"):
        (rootfs / name).mkdir()
    return rootfs


def default_config(directory: Path, spec_maker: str) -> Config:
    scratch = directory / "spec"
    scratch.mkdir()
    subprocess.run([spec_maker, "spec"], cwd=scratch, check=True, capture_output=True)
    config: Config = json.loads((scratch / "config.json").read_text())
    # crun before 1.9 refuses a later version; the configuration uses nothing newer.
    config["ociVersion"] = "1.0.2"
    config["linux"]["cgroupsPath"] = f"/{CGROUP_PARENT}/container"
    return config


def with_process(config: Config, arguments: list[str], rootfs: Path) -> Config:
    made = copy.deepcopy(config)
    made["process"]["terminal"] = False
    made["process"]["args"] = arguments
    made["root"]["path"] = str(rootfs)
    return made


def docker_like(default: Config) -> Config:
    """What an engine adds that costs time: a large filter, limits, device rules, capabilities."""
    config = copy.deepcopy(default)
    sets = ("bounding", "effective", "permitted")
    config["process"]["capabilities"] = {name: list(CAPABILITIES) for name in sets}
    config["process"].pop("rlimits", None)
    config["root"]["readonly"] = False
    config["linux"]["seccomp"] = seccomp()
    config["linux"]["resources"] = {
        "memory": {"limit": 512 << 20, "reservation": 256 << 20},
        "cpu": {"shares": 512, "quota": 100000, "period": 100000},
        "pids": {"limit": 512},
        "devices": devices(),
    }
    return config


def devices() -> list[Config]:
    allowed = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2)]
    rules: list[Config] = [{"allow": False, "access": "rwm"}]
    rules += [{"allow": True, "type": kind, "access": "m"} for kind in "bc"]
    rules += [
        {"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}
        for major, minor in allowed
    ]
    return rules


def seccomp() -> Config:
    """The engines' profile, reduced as they do: to this architecture and these capabilities."""
    if not PROFILE.exists():
        raise Missing(f"no {PROFILE}: install golang-github-containers-common")
    profile = json.loads(PROFILE.read_text())
    native = f"SCMP_ARCH_{platform.machine().upper()}"
    families = [one for one in profile["archMap"] if one["architecture"] == native]
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile.get("defaultErrnoRet", 1),
        "architectures": [native, *(sub for one in families for sub in one["subArchitectures"])],
        "syscalls": [reduced(rule) for rule in profile["syscalls"] if applies(rule)],
    }


def applies(rule: Config) -> bool:
    machine = ARCHITECTURES.get(platform.machine(), platform.machine())
    wanted, unwanted = rule.get("includes") or {}, rule.get("excludes") or {}
    if "arches" in wanted and machine not in wanted["arches"]:
        return False
    if not set(wanted.get("caps", ())) <= set(CAPABILITIES):
        return False
    return not set(unwanted.get("caps", ())) & set(CAPABILITIES)


def reduced(rule: Config) -> Config:
    return {key: rule[key] for key in ("names", "action", "errnoRet", "args") if rule.get(key)}


def write(directory: Path, config: Config) -> None:
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(config, indent=1) + "\n")
