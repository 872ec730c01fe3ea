"""Every verb and option of the command line, as data; `parse` reads it at once, `explain` gives it to click.

A default is what a command gets when the option is absent. Nothing here looks at an argument.
"""

from __future__ import annotations

FLAG = "flag"  # --x, --x=true, --x=false
STR = "str"
INT = "int"
LIST = "list"  # may be repeated, each value is added


class Option:
    """One option: `--long` (or `-long`) and perhaps a one-letter alias."""

    __slots__ = ("choices", "default", "help", "hidden", "kind", "long", "metavar", "name", "short")

    def __init__(
        self,
        long: str,
        short: str,
        kind: str,
        help: str,
        *,
        default: str | int | bool | None = None,
        metavar: str = "",
        choices: tuple[str, ...] = (),
        hidden: bool = False,
    ) -> None:
        self.long = long
        self.name = long.replace("-", "_")
        self.short = short
        self.kind = kind
        self.help = help
        self.default = EMPTY[kind] if default is None else default
        """A LIST always starts empty: () here, a fresh list in a `Call`."""
        self.metavar = metavar
        self.choices = choices
        self.hidden = hidden


class Verb:
    """One verb: how many arguments it takes (*most* None: any number) and its options."""

    __slots__ = (
        "arguments",
        "error_status",
        "help",
        "least",
        "most",
        "name",
        "options",
        "stateful",
        "tail",
    )

    def __init__(
        self,
        name: str,
        help: str,
        options: tuple[Option, ...] = (),
        *,
        arguments: str = "ID",
        least: int = 1,
        most: int | None = 1,
        tail: bool = False,
        stateful: bool = True,
        error_status: int = 1,
    ) -> None:
        self.name = name
        self.help = help
        self.options = options
        self.arguments = arguments
        self.least = least
        self.most = most
        self.tail = tail
        """Whether everything after the first argument belongs to somebody else (a command, ps)."""
        self.stateful = stateful
        """Whether it works on containers below the state root."""
        self.error_status = error_status
        """The exit status of an error of ours; exec's 1 could be the command's own."""


EMPTY: dict[str, str | int | bool | tuple[()]] = {FLAG: False, STR: "", INT: 0, LIST: ()}

GLOBALS = (
    Option("root", "", STR, "directory of the containers' state (a tmpfs)", metavar="DIR"),
    Option("log", "", STR, "append errors and warnings to this file", metavar="FILE"),
    Option(
        "log-format",
        "",
        STR,
        "form of the lines in the log file",
        default="text",
        choices=("text", "json"),
    ),
    Option(
        "debug", "", FLAG, "tell what is done, in the log file or on stderr; a traceback for a bug"
    ),
    Option(
        "systemd-cgroup",
        "",
        FLAG,
        "let systemd make the cgroups (cgroupsPath is slice:prefix:name)",
    ),
    Option(
        "cgroup-manager",
        "",
        STR,
        "who makes the cgroups",
        choices=("cgroupfs", "systemd", "disabled"),
    ),
    Option(
        "rootless",
        "",
        STR,
        "go on where an unprivileged user may not change cgroups",
        default="auto",
        choices=("true", "false", "auto"),
    ),
    Option("criu", "", STR, "accepted for compatibility, ignored", metavar="PATH", hidden=True),
    Option("version", "v", FLAG, "print the version"),
)

BUNDLE = Option("bundle", "b", STR, "directory with config.json", default=".", metavar="DIR")
CONSOLE_SOCKET = Option(
    "console-socket", "", STR, "send the terminal's descriptor to this unix socket", metavar="PATH"
)
PID_FILE = Option("pid-file", "", STR, "write the process id to this file", metavar="PATH")
PRESERVE_FDS = Option("preserve-fds", "", INT, "pass N more descriptors on, from 3 up", metavar="N")
DETACH = Option("detach", "d", FLAG, "return when the process runs")
NO_PIVOT = Option(
    "no-pivot", "", FLAG, "change the root without pivot_root(2) (a root on a ramdisk)"
)
NO_NEW_KEYRING = Option("no-new-keyring", "", FLAG, "keep the caller's session keyring")

STRICT = Option(
    "strict", "", FLAG, "refuse what counts as absent or zero only by custom (null, no gid)"
)

CREATE = (BUNDLE, CONSOLE_SOCKET, PID_FILE, NO_PIVOT, NO_NEW_KEYRING, PRESERVE_FDS, STRICT)

EXEC = (
    CONSOLE_SOCKET,
    Option("cwd", "", STR, "working directory in the container", metavar="DIR"),
    Option("env", "e", LIST, "set a variable of the environment", metavar="NAME=VALUE"),
    Option("tty", "t", FLAG, "give it a terminal"),
    Option("user", "u", STR, "run as this user", metavar="UID[:GID]"),
    Option("additional-gids", "g", LIST, "an additional group", metavar="GID"),
    Option("process", "p", STR, "take the process from this JSON file", metavar="FILE"),
    DETACH,
    PID_FILE,
    Option("process-label", "", STR, "SELinux label of the process", metavar="LABEL"),
    Option("apparmor", "", STR, "AppArmor profile of the process", metavar="PROFILE"),
    Option("no-new-privs", "", FLAG, "set no_new_privs"),
    Option("cap", "c", LIST, "add a capability", metavar="CAP"),
    PRESERVE_FDS,
    Option(
        "cgroup", "", LIST, "run in this cgroup below the container's", metavar="[CONTROLLER:]PATH"
    ),
    Option("ignore-paused", "", FLAG, "do not refuse a paused container (it waits until resumed)"),
    STRICT,
)

UPDATE = (
    Option(
        "resources", "r", STR, "take them from a file like linux.resources, or -", metavar="FILE"
    ),
    Option("memory", "", STR, "most memory, such as 512m; -1: no limit", metavar="SIZE"),
    Option("memory-reservation", "", STR, "memory that is protected", metavar="SIZE"),
    Option("memory-swap", "", STR, "most memory and swap together", metavar="SIZE"),
    Option("cpu-share", "", STR, "share of the CPU when it is scarce (1024)", metavar="N"),
    Option("cpu-quota", "", STR, "microseconds of CPU in each period", metavar="N"),
    Option("cpu-period", "", STR, "length of a period in microseconds", metavar="N"),
    Option("cpu-burst", "", STR, "microseconds to be saved up", metavar="N"),
    Option("cpu-rt-runtime", "", STR, "microseconds of real-time in each period", metavar="N"),
    Option("cpu-rt-period", "", STR, "length of a real-time period", metavar="N"),
    Option("cpu-idle", "", STR, "1: only when nothing else runs", metavar="N"),
    Option("cpuset-cpus", "", STR, "processors, such as 0-3,6", metavar="LIST"),
    Option("cpuset-mems", "", STR, "memory nodes", metavar="LIST"),
    Option("pids-limit", "", STR, "most processes; -1: no limit", metavar="N"),
    Option("blkio-weight", "", STR, "weight of block IO, 10 to 1000", metavar="N"),
    Option("kernel-memory", "", STR, "accepted, without effect", metavar="SIZE", hidden=True),
    Option("kernel-memory-tcp", "", STR, "accepted, without effect", metavar="SIZE", hidden=True),
)

FORMAT = Option(
    "format", "f", STR, "form of the output", default="table", choices=("table", "json")
)

VERBS = {
    verb.name: verb
    for verb in (
        Verb("create", "make a container; its process waits for start", CREATE),
        Verb("start", "let a created container run its program"),
        Verb("state", "print a container's state as JSON"),
        Verb(
            "kill",
            "send a signal (TERM) to a container's init process",
            (Option("all", "a", FLAG, "to every process of the container"),),
            arguments="ID [SIGNAL]",
            most=2,
        ),
        Verb(
            "delete",
            "remove a container that has stopped",
            (Option("force", "f", FLAG, "kill it first if it has not; no error if there is none"),),
        ),
        Verb("pause", "freeze every process of a container"),
        Verb("resume", "let a paused container go on"),
        Verb("update", "change the limits of a container", UPDATE),
        Verb(
            "run",
            "create and start a container, wait for it, delete it",
            (
                *CREATE,
                DETACH,
                Option("keep", "", FLAG, "do not delete the container when it has stopped"),
                Option("no-subreaper", "", FLAG, "do not adopt orphans of the container"),
            ),
        ),
        Verb(
            "exec",
            "run one more process in a container",
            EXEC,
            arguments="ID [COMMAND [ARG...]]",
            most=None,
            tail=True,
            error_status=255,
        ),
        Verb(
            "ps",
            "show a container's processes",
            (FORMAT,),
            arguments="ID [PS-OPTION...]",
            most=None,
            tail=True,
        ),
        Verb(
            "list",
            "show the containers of this state root",
            (FORMAT, Option("quiet", "q", FLAG, "only the ids")),
            arguments="",
            least=0,
            most=0,
        ),
        Verb(
            "spec",
            "write an example config.json, or check one",
            (
                Option("bundle", "b", STR, "directory to write to", default=".", metavar="DIR"),
                Option("rootless", "", FLAG, "an example for an unprivileged user"),
                Option("check", "", STR, "list every fault of this config.json", metavar="FILE"),
            ),
            arguments="",
            least=0,
            most=0,
            stateful=False,
        ),
        Verb(
            "plan",
            "print what create would do, step by step; changes nothing",
            (BUNDLE, Option("json", "", FLAG, "as JSON"), NO_PIVOT, NO_NEW_KEYRING, STRICT),
            arguments="[ID]",
            least=0,
            stateful=False,
        ),
        Verb(
            "features",
            "print what this runtime supports as JSON",
            arguments="",
            least=0,
            most=0,
            stateful=False,
        ),
    )
}
