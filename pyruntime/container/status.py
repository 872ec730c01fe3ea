"""The statuses of a container, and what may be done in which. runtime.md, "State"; "paused" is the runtimes' own addition.

Rules of this file: it knows no process and no file; an action that is not listed is refused, and nothing has
happened yet.
"""

from __future__ import annotations

from pyruntime.errors import WrongState

CREATING = "creating"
CREATED = "created"
RUNNING = "running"
PAUSED = "paused"
STOPPED = "stopped"

#   action      status before: status after; None when the record goes away
TRANSITIONS: dict[str, dict[str, str | None]] = {
    "start": {CREATED: RUNNING},
    "kill": {CREATED: CREATED, RUNNING: RUNNING, PAUSED: PAUSED},
    "pause": {CREATED: PAUSED, RUNNING: PAUSED},
    "resume": {PAUSED: RUNNING},
    "exec": {CREATED: CREATED, RUNNING: RUNNING},
    "update": {CREATED: CREATED, RUNNING: RUNNING, PAUSED: PAUSED},
    "ps": {CREATED: CREATED, RUNNING: RUNNING, PAUSED: PAUSED, STOPPED: STOPPED},
    # runc and crun delete a created one too; the specification forbids it, and no engine asks for it without force.
    "delete": {STOPPED: None},
    "delete --force": dict.fromkeys((CREATING, CREATED, RUNNING, PAUSED, STOPPED)),
}

# What engines and people look for in a refusal.
#   action     status     text
TEXTS = {
    ("kill", STOPPED): "container not running",
    ("pause", STOPPED): "container not running",
    ("pause", PAUSED): "container paused: it is so already",
    ("update", STOPPED): "container not running",
    ("resume", RUNNING): "container not paused",
    ("resume", CREATED): "container not paused",
    ("resume", STOPPED): "container not paused: it is stopped",
    ("exec", STOPPED): "cannot exec in a stopped container",
    (
        "exec",
        PAUSED,
    ): "cannot exec in a paused container (--ignore-paused waits for it to be resumed)",
    ("start", RUNNING): "cannot start an already running container",
    ("start", PAUSED): "cannot start an already running container: it is paused",
    ("start", STOPPED): "cannot start a container that has stopped",
    (
        "delete",
        CREATED,
    ): "cannot delete container that is not stopped: it is created (delete --force kills it first)",
    ("delete", RUNNING): "cannot delete container that is not stopped: container still running",
    ("delete", PAUSED): "cannot delete container that is not stopped: container paused",
}


def after(action: str, status: str) -> str | None:
    """The status that *action* leads to, None when the record goes away; WrongState when it may not be done."""
    try:
        return TRANSITIONS[action][status]
    except KeyError:
        text = TEXTS.get((action, status), f"cannot {action} a container that is {status}")
        raise WrongState(text) from None
