"""linux.netDevices: devices of the runtime's network namespace go into the container's. config-linux.md, "Network Devices"."""

from __future__ import annotations

from pyruntime.errors import Unsupported
from pyruntime.plan import ops
from pyruntime.plan.step import HOST, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyruntime.facts import Facts
    from pyruntime.spec.types import Spec


def move(spec: Spec, facts: Facts) -> list[Step]:
    """Each in the order of config.json; that there is a namespace to go to was checked with the configuration."""
    devices = spec.get("linux", {}).get("netDevices") or {}
    if devices and facts.rootless:
        raise Unsupported(
            "/linux/netDevices: moving a network device needs root of the initial user namespace",
            hint="an unprivileged runtime has no power over the host's devices",
        )
    return [
        Step(HOST, ops.move_interface(name, device.get("name") or name), f"linux.netDevices {name}")
        for name, device in devices.items()
    ]
