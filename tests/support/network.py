"""A network namespace of the test's own that stands for the host's: devices are made in it, and the runtime runs in it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support.namespaces import holder
from support.runtime import Runtime


class Network:
    """The network namespace of a process."""

    def __init__(self, pid: int) -> None:
        self.path = f"/proc/{pid}/ns/net"

    def ip(self, *words: object) -> str:
        command = ["nsenter", f"--net={self.path}", "ip", *" ".join(map(str, words)).split()]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def devices(self) -> dict[str, dict[str, Any]]:
        """By name, as `ip` tells it."""
        return {device["ifname"]: device for device in json.loads(self.ip("-j address"))}

    def addresses(self, name: str) -> set[str]:
        """Of the device, but for those that the kernel makes by itself."""
        found = self.devices()[name]["addr_info"]
        return {
            f"{a['local']}/{a['prefixlen']}"
            for a in found
            if (a["family"], a["scope"]) != ("inet6", "link")
        }


@contextmanager
def of_the_runtime(runtime: Runtime) -> Iterator[Network]:
    """What *runtime* takes for the host's network while this lasts: a veth pair, `v0` and its peer."""
    with holder("network") as pid:
        network = Network(pid)
        network.ip("link add v0 type veth peer name peer")
        network.ip("link set peer up")
        before = runtime.prefix
        runtime.prefix = ["nsenter", f"--net={network.path}", *before]
        try:
            yield network
        finally:
            runtime.prefix = before
