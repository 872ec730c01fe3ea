"""The golden plans of exec: a name, a host, what is different from the base's process, and what is joined."""

from __future__ import annotations

from typing import Any

from golden.cases import PROCESS_LABEL, WHOLE_POLICY, Config, base, landlock, merged
from pyruntime.plan.exec import Target

V2_CGROUP = "/sys/fs/cgroup/system.slice/web"
V1_CGROUPS = [f"/sys/fs/cgroup/{name}/web" for name in ("cpu,cpuacct", "memory", "pids")]
INIT, PIDFD, DIRECTORY_FD = 4711, 9, 10
LISTED = ["pid", "network", "ipc", "uts", "mount"]


class ExecCase:
    """One exec; *request* has what the command line says."""

    def __init__(
        self,
        host: str,
        process: Config | None = None,
        *,
        namespaces: list[str] = LISTED,
        v1: list[str] | None = None,
        unified: str = V2_CGROUP,
        filter: bool = False,
        container: Config | None = None,
        resctrl: list[str] | None = None,
        unit: str = "",
        agent: bool = False,
        **request: Any,
    ) -> None:
        self.host = host
        self.process = merged(base()["process"], process or {})
        self.target = Target(INIT, PIDFD, namespaces, v1 or [], unified)
        self.target.directory_fd = DIRECTORY_FD
        self.target.resctrl = resctrl or []
        self.target.user_unit = unit
        self.container = container or {}
        """What is different from the base's container."""
        self.target.state = '{"id":"web"}'
        self.filter = filter
        self.agent = agent
        self.request = request


EXEC_CASES: dict[str, ExecCase] = {
    "exec": ExecCase("v2"),
    "exec on cgroup v1": ExecCase("v1", v1=V1_CGROUPS, unified=""),
    "exec on a hybrid host": ExecCase(
        "hybrid", v1=V1_CGROUPS, unified="/sys/fs/cgroup/unified/web"
    ),
    "exec into a class of service": ExecCase(
        "with resctrl",
        resctrl=["/sys/fs/resctrl/gold", "/sys/fs/resctrl/gold/mon_groups/web"],
    ),
    "exec on an old kernel": ExecCase("before 5.2", v1=V1_CGROUPS, unified=""),
    "exec without any namespace": ExecCase("v2", namespaces=[]),
    "exec in a user namespace": ExecCase("v2", namespaces=["user", *LISTED]),
    "exec in a user namespace on an old kernel": ExecCase(
        "before 5.2", namespaces=["user", *LISTED], v1=V1_CGROUPS, unified=""
    ),
    "exec into a scope of a user": ExecCase(
        "unprivileged", namespaces=["user", *LISTED], unit="web.scope"
    ),
    "exec as another user": ExecCase(
        "v2",
        {
            "user": {"uid": 1000, "gid": 1001, "additionalGids": [5], "umask": 0o77},
            "cwd": "/home/user",
            "env": ["PATH=/bin"],
        },
    ),
    "exec with new privileges and a filter": ExecCase(
        "v2", {"noNewPrivileges": False}, filter=True
    ),
    "exec without new privileges and with a filter": ExecCase("v2", filter=True),
    "exec with a seccomp agent": ExecCase("v2", agent=True),
    "exec with a seccomp agent and new privileges": ExecCase(
        "v2", {"noNewPrivileges": False}, agent=True
    ),
    "exec with a terminal": ExecCase(
        "v2",
        {"terminal": True, "consoleSize": {"height": 24, "width": 80}},
        console_socket="/run/console.sock",
    ),
    "exec with descriptors": ExecCase("v2", preserve_fds=2, listen_fds=1, pid_file="/run/exec.pid"),
    "exec with everything": ExecCase(
        "v2",
        {
            "execCPUAffinity": {"initial": "0", "final": "0-1"},
            "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}],
            "oomScoreAdj": 500,
            "scheduler": {"policy": "SCHED_BATCH", "nice": 5},
            "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 7},
            "capabilities": {
                "bounding": ["CAP_KILL"],
                "permitted": ["CAP_KILL"],
                "effective": ["CAP_KILL"],
            },
        },
        filter=True,
    ),
    "exec with an apparmor profile": ExecCase("apparmor", {"apparmorProfile": "docker-default"}),
    "exec with a selinux label": ExecCase("selinux", {"selinuxLabel": PROCESS_LABEL}),
    "exec with landlock": ExecCase("landlock 7", filter=True, container=landlock(**WHOLE_POLICY)),
}
