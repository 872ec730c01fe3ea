"""One instance of systemd, the system's or the user's own, as far as scopes are concerned. org.freedesktop.systemd1(5).

A scope is a unit for processes that somebody else has started: `start` gives it one, and waits until it is there.
"""

from __future__ import annotations

import os

from pyruntime.cgroups.systemd_bus import Bus, BusError
from pyruntime.cgroups.systemd_placement import ManagerFacts
from pyruntime.errors import Error, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyruntime.cgroups.systemd_properties import Property

SERVICE = "org.freedesktop.systemd1"
MANAGER = (SERVICE, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
BUS_DRIVER = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
PROPERTIES = "org.freedesktop.DBus.Properties"

UNIT_EXISTS = "org.freedesktop.systemd1.UnitExists"
NO_SUCH_UNIT = "org.freedesktop.systemd1.NoSuchUnit"

BOOTED = "/run/systemd/system"
SYSTEM_BUS = "/run/dbus/system_bus_socket"
SYSTEM_PRIVATE = "/run/systemd/private"

JOB_SECONDS = 30.0


def addresses(*, user: bool, environment: dict[str, str]) -> list[tuple[str, bool]]:
    """Where this instance may be reached, best first; and whether that is a bus, or systemd itself."""
    if not user:
        bus = environment.get("DBUS_SYSTEM_BUS_ADDRESS") or f"unix:path={SYSTEM_BUS}"
        return [(bus, True), (f"unix:path={SYSTEM_PRIVATE}", False)]
    found = []
    if environment.get("DBUS_SESSION_BUS_ADDRESS"):
        found.append((environment["DBUS_SESSION_BUS_ADDRESS"], True))
    directory = environment.get("XDG_RUNTIME_DIR", "")
    if directory.startswith("/"):
        found.append((f"unix:path={_escaped(directory)}/bus", True))
        found.append((f"unix:path={_escaped(directory)}/systemd/private", False))
    return found


def _escaped(path: str) -> str:
    """*path* in the address of a bus. D-Bus specification, "Server Addresses"."""
    return "".join([c if c.isalnum() or c in "-_/.\\*" else f"%{ord(c):02x}" for c in path])


def connect(*, user: bool) -> Manager:
    """The instance, or Unsupported if there is none."""
    if not user and not os.path.isdir(BOOTED):
        raise Unsupported(
            f"--systemd-cgroup: this host was not booted with systemd ({BOOTED}: no such directory)",
            hint="without the option the runtime makes the cgroups itself",
        )
    places = addresses(user=user, environment=dict(os.environ))
    refused = ""
    for address, client in places:
        try:
            return Manager(Bus(address, client=client), user=user, client=client)
        except Unsupported:
            raise
        except Error as error:
            refused = refused or f" ({error})"
    who = "the user's own systemd" if user else "systemd"
    hint = "set DBUS_SESSION_BUS_ADDRESS or XDG_RUNTIME_DIR; loginctl enable-linger starts it"
    raise Unsupported(
        f"--systemd-cgroup: {who} cannot be reached{refused}", hint=hint if user else ""
    )


class Manager:
    """A connection to one instance."""

    def __init__(self, bus: Bus, *, user: bool, client: bool) -> None:
        self.bus = bus
        self.user = user
        version, self.control_group = self._get("Version"), self._get("ControlGroup").rstrip("/")
        # "257.13-1~deb13u1", or "v257-3.fc42"
        digits = version.lstrip("v").replace("~", ".").replace("-", ".").partition(".")[0]
        self.version = int(digits) if digits.isdecimal() else 0
        if client:
            match = f"type='signal',sender='{SERVICE}',interface='{MANAGER[2]}',member='JobRemoved'"
            bus.call(BUS_DRIVER, "AddMatch", "s", match)
            bus.call(MANAGER, "Subscribe")

    def _get(self, name: str) -> str:
        where = (SERVICE, MANAGER[1], PROPERTIES)
        return str(self.bus.call(where, "Get", "s s", MANAGER[2], name, answer="v:s")[0])

    def facts(self) -> ManagerFacts:
        """As a value."""
        return ManagerFacts(self.version, self.control_group, user=self.user)

    def start(self, name: str, properties: Sequence[Property], pid: int) -> str:
        """Begin to start the scope with the process *pid* in it; the job to `wait` for."""
        given = [(one.name, (one.signature, one.value)) for one in properties]
        given.append(("PIDs", ("au", [pid])))
        arguments: tuple[object, ...] = (name, "fail", given, [])
        try:
            return self._start(arguments)
        except BusError as error:
            if error.name != UNIT_EXISTS:
                raise
            # One that has failed and was not cleared stands in the way of its successor; others are in use.
            if self.state(name) not in ("failed", "inactive"):
                raise Error(
                    f"the unit {name} exists already",
                    hint="two containers must not have the same linux.cgroupsPath",
                ) from None
            self.reset(name)
            return self._start(arguments)

    def _start(self, arguments: tuple[object, ...]) -> str:
        signature = "s s a(sv) a(sa(sv))"
        return str(
            self.bus.call(MANAGER, "StartTransientUnit", signature, *arguments, answer="o")[0]
        )

    def wait(self, job: str, what: str) -> None:
        """Wait for the end of a job, which is to *what*."""
        result = ""

        def accept(values: list[object]) -> bool:
            nonlocal result
            result = str(values[3])
            return values[1] == job

        if not self.bus.wait_for(MANAGER[2], "JobRemoved", "u o s s", accept, JOB_SECONDS):
            raise Error(f"systemd did not {what} within {JOB_SECONDS:.0f} seconds")
        if result not in ("done", "skipped"):
            raise Error(f"systemd could not {what}: {result}", hint="see journalctl")

    def stop(self, name: str) -> None:
        """Stop it, and have it forgotten if it has failed; a missing one is no error."""
        try:
            job = str(self.bus.call(MANAGER, "StopUnit", "s s", name, "replace", answer="o")[0])
            self.wait(job, f"stop {name}")
        except BusError as error:
            if error.name != NO_SUCH_UNIT:
                raise
        self.reset(name)

    def reset(self, name: str) -> None:
        """Forget that it has failed."""
        try:
            self.bus.call(MANAGER, "ResetFailedUnit", "s", name)
        except BusError as error:
            if error.name != NO_SUCH_UNIT:
                raise

    def state(self, name: str) -> str:
        """active, failed, ...; inactive if there is none."""
        try:
            path = str(self.bus.call(MANAGER, "GetUnit", "s", name, answer="o")[0])
        except BusError as error:
            if error.name != NO_SUCH_UNIT:
                raise
            return "inactive"
        where = (SERVICE, path, PROPERTIES)
        unit = "org.freedesktop.systemd1.Unit"
        return str(self.bus.call(where, "Get", "s s", unit, "ActiveState", answer="v:s")[0])

    def set(self, name: str, properties: Sequence[Property]) -> None:
        """Change properties, until the scope ends."""
        given = [(one.name, (one.signature, one.value)) for one in properties]
        self.bus.call(MANAGER, "SetUnitProperties", "s b a(sv)", name, True, given)

    def attach(self, name: str, pid: int) -> None:
        """Move a process into it: systemd may where the caller may not."""
        self.bus.call(MANAGER, "AttachProcessesToUnit", "s s au", name, "", [pid])
