"""One container under test: a bundle on disk, the verbs on its id, and what the host can see of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support import cgroups, leaks, mountinfo
from support.config import Config
from support.runtime import Result, Runtime, Spawned
from support.wait import wait_for_exit, wait_until

INSIDE = "/bin/inside"
DIRECTORIES = ("bin", "dev", "etc", "proc", "sys", "tmp", "mnt", "root", "var")


def make_rootfs(rootfs: Path, inside: Path) -> None:
    for name in DIRECTORIES:
        (rootfs / name).mkdir(parents=True)
    (rootfs / "tmp").chmod(0o1777)
    for name in ("inside", "true"):
        os.link(inside, rootfs / "bin" / name)


class Container:
    def __init__(
        self, runtime: Runtime, id: str, bundle: Path, config: Config, cgroup: str | None
    ) -> None:
        self.runtime = runtime
        self.id = id
        self.bundle = bundle
        self.rootfs = bundle / "rootfs"
        self.config = config
        self.cgroup = cgroup
        """Its cgroup in every hierarchy, or None if config.json names none."""
        self.last: Spawned | None = None
        self.init_pid = 0
        """From the last create or detached run; unlike the state's, it stays when init has ended."""
        self.write_config()

    def write_config(self) -> None:
        (self.bundle / "config.json").write_text(json.dumps(self.config, indent=1))

    # The verbs. Each asserts success unless told what to expect; *flags* come before the id.

    def verb(
        self,
        name: str,
        *flags: object,
        after: tuple[object, ...] = (),
        expect: int | None = 0,
        **how: Any,
    ) -> Result:
        result = self.runtime(name, *flags, self.id, *after, **how)
        if expect is not None:
            assert result.returncode == expect, str(result)
        return result

    def create(self, *flags: object, **how: Any) -> Result:
        return self._begin("create", *flags, **how)

    def start(self, **how: Any) -> Result:
        return self.verb("start", **how)

    def run(self, *flags: object, expect: int | None = 0, **how: Any) -> Result:
        """Run it in the foreground; what the program printed is in the result."""
        return self.verb("run", "--bundle", self.bundle, *flags, expect=expect, **how)

    def detach(self, *flags: object, **how: Any) -> Result:
        return self._begin("run", "--detach", *flags, **how)

    def _begin(self, verb: str, *flags: object, **how: Any) -> Result:
        pid_file = self.bundle.parent / f"{self.bundle.name}.pid"
        own = () if "--pid-file" in flags else ("--pid-file", pid_file)
        self.last = self.runtime.spawn(verb, "--bundle", self.bundle, *own, *flags, self.id, **how)
        result = self.last.wait()
        assert result.returncode == 0, str(result)
        self.init_pid = int(pid_file.read_text()) if own else 0
        return result

    def spawn_run(self, *flags: object, **how: Any) -> Spawned:
        self.last = self.runtime.spawn("run", "--bundle", self.bundle, *flags, self.id, **how)
        return self.last

    def exec(self, *args: object, flags: tuple[object, ...] = (), **how: Any) -> Result:
        """Run `inside ARGS` in it."""
        return self.verb("exec", *flags, after=(INSIDE, *args), **how)

    def kill(self, *signal: object, **how: Any) -> Result:
        return self.verb("kill", after=signal, **how)

    def delete(self, *flags: object, **how: Any) -> Result:
        return self.verb("delete", *flags, **how)

    def refuses(self, name: str, *flags: object, after: tuple[object, ...] = (), **how: Any) -> str:
        """Assert that the verb fails, in the way of a runtime and not of a crash; what it said."""
        if name in ("create", "run"):
            flags = ("--bundle", self.bundle, *flags)
        result = self.verb(name, *flags, after=after, expect=None, **how)
        assert result.returncode > 0, str(result)
        assert result.stderr.strip(), str(result)
        assert "Traceback" not in result.stderr, str(result)
        assert "this is a bug" not in result.stderr, str(result)
        return result.stderr

    # What can be seen from outside.

    def state(self) -> dict[str, Any]:
        state = json.loads(self.verb("state").stdout)
        assert isinstance(state, dict)
        return state

    @property
    def status(self) -> str:
        return str(self.state()["status"])

    @property
    def pid(self) -> int:
        return int(self.state()["pid"])

    @property
    def exists(self) -> bool:
        return self.verb("state", expect=None).returncode == 0

    def output(self) -> str:
        """What the detached container has printed so far."""
        assert self.last
        return self.last.stdout

    def wait_for_output(self, text: str = "ready") -> str:
        wait_until(lambda: text in self.output(), f"{text!r} in the output of {self.id}")
        return self.output()

    def wait_stopped(self) -> int | None:
        """Wait for the end of init; its exit status if we are its parent."""
        status = wait_for_exit(self.init_pid or self.pid)
        wait_until(lambda: self.status == "stopped", f"{self.id} stopped")
        return status

    def mounts(self) -> list[mountinfo.Mount]:
        return mountinfo.of_process(self.pid)

    def processes(self) -> set[int]:
        return cgroups.processes(self.cgroup) if self.cgroup else set()

    def cgroup_directory(self, controller: str) -> Path:
        assert self.cgroup
        return cgroups.directory(controller, self.cgroup)

    def discard(self) -> str:
        """Whatever became of it: let nothing of it remain. What went wrong with that."""
        prefix = as_owner_of(self.runtime.state_root)
        spawned = self.runtime.spawn("delete", "--force", self.id, prefix=prefix)
        process = spawned.process
        wait_until(
            lambda: leaks.reap_orphans(but=process.pid) and process.poll() is not None,
            f"{self.id} deleted",
        )
        result = spawned.wait()
        return "" if result.returncode == 0 else str(result)


def as_owner_of(root: Path) -> list[str]:
    """How to run a command as whose containers these are: nobody else's state root is used, by root either."""
    uid = root.stat().st_uid if root.exists() else os.geteuid()
    if uid == os.geteuid():
        return []
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


MakeContainer = Callable[..., Container]


def dump_list(result: Result) -> list[dict[str, Any]]:
    """What `list --format json` printed; runc says null when there is none."""
    return json.loads(result.stdout) or []
